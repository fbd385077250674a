import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Schema, Stream } from "effect"
import { HttpBody, HttpRouter, HttpServerError, HttpServerResponse, ProblemDetails } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { problem, problemDetails, Unauthorized } from "fairlead/server/middleware"

import type { Response } from "../../../src/server/Model.ts"
import { requestOf, run } from "../Journal.ts"
import { logsOf } from "../Logs.ts"
import { serving } from "../Socket.ts"

const type = "application/problem+json"

const bodyOf = (response: Response): Effect.Effect<string> =>
  Effect.promise(() => HttpServerResponse.toWeb(response).text())

const jsonOf = (response: Response): Effect.Effect<unknown> =>
  Effect.map(bodyOf(response), (text): unknown => JSON.parse(text))

/** What the middleware makes of a response. */
const through = (response: Response) => Effect.flatten(run(Pipeline.make("p").handle(response).after(problemDetails())))

describe("problem", () => {
  it.effect("server 4: the example of RFC 9457 §3, extension members included", () =>
    Effect.gen(function* () {
      const details = {
        type: "https://example.com/probs/out-of-credit",
        title: "You do not have enough credit.",
        detail: "Your current balance is 30, but that costs 50.",
        instance: "/account/12345/msgs/abc",
        balance: 30,
        accounts: ["/account/12345", "/account/67890"]
      }
      const response = problem({ status: 403, ...details }, { headers: { "content-language": "en" } })
      assert.strictEqual(response.status, 403)
      assert.strictEqual(response.headers["content-type"], type)
      assert.strictEqual(response.headers["content-language"], "en")
      const json = yield* jsonOf(response)
      assert.deepStrictEqual(json, { ...details, status: 403 })
      assert.deepStrictEqual(Schema.decodeUnknownSync(ProblemDetails.Schema)(json), { ...details, status: 403 })
    })
  )

  it.effect("server 4: by default the type is about:blank and the title the phrase of the status", () =>
    Effect.gen(function* () {
      for (const [status, title] of [
        [400, "Bad Request"],
        [404, "Not Found"],
        [413, "Content Too Large"],
        [422, "Unprocessable Content"],
        [500, "Internal Server Error"],
        [503, "Service Unavailable"]
      ] as const) {
        assert.deepStrictEqual(yield* jsonOf(problem({ status })), { type: "about:blank", status, title })
      }
      assert.deepStrictEqual(yield* jsonOf(problem({ status: 499 })), { type: "about:blank", status: 499 })
      const own = problem({ status: 409, title: "The room is full", limit: 8 })
      assert.deepStrictEqual(yield* jsonOf(own), {
        type: "about:blank",
        status: 409,
        title: "The room is full",
        limit: 8
      })
    })
  )
})

describe("problemDetails", () => {
  it.effect("server 4: an error response without a body gets one, and keeps its status and headers", () =>
    Effect.gen(function* () {
      for (const status of [400, 401, 404, 405, 500, 599]) {
        const headers = { "www-authenticate": "Bearer", allow: "GET", "x-own": "1", "set-cookie": "a=b" }
        const response = yield* through(HttpServerResponse.empty({ status, headers }))
        assert.strictEqual(response.status, status)
        assert.deepInclude(response.headers, { ...headers, "content-type": type })
        assert.strictEqual(response.headers["content-length"], String((yield* bodyOf(response)).length))
        assert.deepInclude(yield* jsonOf(response), { type: "about:blank", status })
      }
    })
  )

  it.effect("server 4: a response below 400 stays as it is, itself", () =>
    Effect.gen(function* () {
      for (const status of [200, 204, 304, 399]) {
        const response = HttpServerResponse.empty({ status })
        assert.strictEqual(yield* through(response), response)
      }
    })
  )

  it.effect("server 4: an error response that has a body stays as it is, itself", () =>
    Effect.gen(function* () {
      for (const response of [
        HttpServerResponse.text("my own words", { status: 404 }),
        HttpServerResponse.jsonUnsafe({ error: "mine" }, { status: 500 }),
        HttpServerResponse.stream(Stream.make(new Uint8Array(1)), { status: 502 }),
        problem({ status: 409, detail: "mine" })
      ]) {
        assert.strictEqual(yield* through(response), response)
      }
    })
  )

  it.effect("server 4: it says no more than the status says: nothing of the error leaks", () =>
    Effect.gen(function* () {
      const secret = "select * from users"
      const request = requestOf("/?q=hunter2")
      const internal = new HttpServerError.HttpServerError({
        reason: new HttpServerError.InternalError({ request, description: secret, cause: new Error(secret) })
      })
      const app = Pipeline.make("p")
        .before(Middleware.before("B", () => Exit.fail(internal)))
        .handle(HttpServerResponse.empty())
        .respond()
        .catchDefect(() => HttpServerResponse.empty({ status: 500 }))
        .after(problemDetails())
      const dying = Pipeline.make("p")
        .handle(Effect.die(new Error(secret)))
        .catchDefect(() => HttpServerResponse.empty({ status: 500 }))
        .after(problemDetails())
      const [answers] = yield* logsOf(Effect.all([Effect.flatten(run(app, request)), Effect.flatten(run(dying))]))
      for (const response of answers) {
        assert.deepStrictEqual(yield* jsonOf(response), {
          type: "about:blank",
          status: 500,
          title: "Internal Server Error"
        })
        assert.notInclude(JSON.stringify(response.headers), secret)
      }
    })
  )

  it.effect("server 4: behind respond() an Unauthorized keeps its challenge and gets a problem", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .handle(Effect.fail(new Unauthorized({ error: "invalid_token", realm: "example" })))
        .respond()
        .after(problemDetails())
      const [response] = yield* logsOf(Effect.flatten(run(app)))
      assert.strictEqual(response.headers["www-authenticate"], 'Bearer realm="example", error="invalid_token"')
      assert.deepStrictEqual(yield* jsonOf(response), { type: "about:blank", status: 401, title: "Unauthorized" })
    })
  )

  it.effect("server 4: of two in a row the second changes nothing", () =>
    Effect.gen(function* () {
      const once = yield* through(HttpServerResponse.empty({ status: 404 }))
      assert.strictEqual(yield* through(once), once)
      assert.instanceOf(once.body, HttpBody.Uint8Array)
    })
  )

  it.live("server 4: on a socket the router's 404 is a problem; to HEAD it has no body", () =>
    Effect.gen(function* () {
      const routes = Pipeline.routes(HttpRouter.add("GET", "/", HttpServerResponse.empty()))
      const app = Effect.map(routes, (handler) =>
        Pipeline.serve(Pipeline.make("p").handle(handler).respond().after(problemDetails()))
      )
      const { call } = yield* serving(Layer.unwrap(app))
      const answer = yield* call("/nowhere")
      assert.deepStrictEqual([answer.status, answer.headers.get("content-type")], [404, type])
      assert.deepStrictEqual(JSON.parse(answer.text), { type: "about:blank", status: 404, title: "Not Found" })
      const head = yield* call("/nowhere", { method: "HEAD" })
      assert.deepStrictEqual([head.status, head.text, head.headers.get("content-type")], [404, "", type])
    }).pipe(logsOf)
  )
})
