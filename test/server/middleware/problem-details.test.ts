import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Stream } from "effect"
import type { Scope } from "effect"
import { HttpBody, HttpRouter, HttpServerError, HttpServerResponse, ProblemDetails } from "effect/http"
import type { HttpServerRequest } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { AuthenticationError, problemDetails } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import type { Response } from "../../../src/server/HttpTypes.ts"
import { bodyOf, requestOf } from "../Journal.ts"
import { logsOf } from "../Logs.ts"
import { serving } from "../Socket.ts"

const type = "application/problem+json"

const jsonOf = (response: Response): Effect.Effect<unknown> =>
  Effect.map(bodyOf(response), (text): unknown => JSON.parse(text))

/** What the middleware makes of a response. */
const through = (response: Response) =>
  Effect.suspend(() => {
    let sent = response
    const app = Pipeline.make("p")
      .sending(Middleware.sending("see", (response) => (sent = response)))
      .sending(problemDetails())
      .handle(response)
    return Effect.map(
      Effect.flatMap(TestServer.make(app), (server) => server.get("/")),
      () => sent
    )
  })

/** What a client gets of an app. */
const sentBy = (app: Effect.Effect<Response, unknown, HttpServerRequest.HttpServerRequest | Scope.Scope>, path = "/") =>
  Effect.flatMap(TestServer.make(app), (server) => server.get(path))

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
        ProblemDetails.toResponse({ type: "about:blank", status: 409, detail: "mine" })
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
        .sending(problemDetails())
      const dying = Pipeline.make("p")
        .handle(Effect.die(new Error(secret)))
        .catchDefect(() => HttpServerResponse.empty({ status: 500 }))
        .sending(problemDetails())
      const [answers] = yield* logsOf(Effect.all([sentBy(app, "/?q=hunter2"), sentBy(dying)]))
      for (const response of answers) {
        assert.deepStrictEqual(response.json(), { type: "about:blank", status: 500, title: "Internal Server Error" })
        assert.notInclude(JSON.stringify(Array.from(response.headers)), secret)
      }
    })
  )

  it.effect("server 4: after respond() an AuthenticationError keeps its challenge and gets a problem", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .handle(Effect.fail(new AuthenticationError({ reason: { _tag: "InvalidCredential" }, realm: "example" })))
        .respond()
        .sending(problemDetails())
      const [response] = yield* logsOf(sentBy(app))
      assert.strictEqual(response.headers.get("www-authenticate"), 'Bearer realm="example", error="invalid_token"')
      assert.deepStrictEqual(response.json(), { type: "about:blank", status: 401, title: "Unauthorized" })
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
        Pipeline.serve(Pipeline.make("p").handle(handler).respond().sending(problemDetails()))
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
