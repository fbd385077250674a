import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { HttpServer, HttpServerResponse } from "effect/http"
import type { HttpServerRequest } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { AuthenticationError, RequestId, requestId } from "fairlead/server/middleware"
import * as fc from "fast-check"

import { bodyOf, Red, requestOf, run } from "../Journal.ts"
import { keepLogs, logsOf } from "../Logs.ts"
import { serving } from "../Socket.ts"

const uuid = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/
const valid = /^[\w.~:+/=@-]{1,128}$/

const fixed = Effect.succeed("made-here")
const shows = Effect.map(RequestId, (id) => HttpServerResponse.text(id))

/** The id that the handler saw, and the one in the response's header. */
const ids = (options: Parameters<typeof requestId>[0], headers: Record<string, string> = {}, header = "x-request-id") =>
  Effect.gen(function* () {
    const app = Pipeline.make("p").outer(requestId(options)).handle(shows)
    const exit = yield* run(app, requestOf("/", { headers }))
    assert.isTrue(Exit.isSuccess(exit))
    const response = yield* exit
    return [yield* bodyOf(response), response.headers[header]] as const
  })

describe("requestId", () => {
  it.effect("server 4: an id is made when none was sent: a random UUID, another for each request", () =>
    Effect.gen(function* () {
      const seen = new Set<string>()
      for (let request = 0; request < 20; request++) {
        const [inside, outside] = yield* ids({})
        assert.match(inside, uuid)
        assert.strictEqual(outside, inside)
        seen.add(inside)
      }
      assert.strictEqual(seen.size, 20)
    })
  )

  it.effect("server 4: the client's id is taken over only when it is trusted", () =>
    Effect.gen(function* () {
      const headers = { "x-request-id": "client-1" }
      assert.deepStrictEqual(yield* ids({ generate: fixed }, headers), ["made-here", "made-here"])
      assert.deepStrictEqual(yield* ids({ generate: fixed, trust: false }, headers), ["made-here", "made-here"])
      assert.deepStrictEqual(yield* ids({ generate: fixed, trust: true }, headers), ["client-1", "client-1"])
      const proxy = (request: HttpServerRequest.HttpServerRequest) => request.headers["x-proxy"] === "ours"
      assert.deepStrictEqual(yield* ids({ generate: fixed, trust: proxy }, headers), ["made-here", "made-here"])
      const ours = { ...headers, "x-proxy": "ours" }
      assert.deepStrictEqual(yield* ids({ generate: fixed, trust: proxy }, ours), ["client-1", "client-1"])
    })
  )

  it.effect("server 4: an invalid trusted id is replaced", () =>
    Effect.gen(function* () {
      const bad = [
        "",
        " ",
        "a b",
        "a,b",
        'a"b',
        "a;b",
        "<a>",
        "a\tb",
        "ä",
        "a".repeat(129),
        "a\u007fb",
        "%0d%0aset-cookie"
      ]
      for (const id of bad) {
        assert.deepStrictEqual(yield* ids({ generate: fixed, trust: true }, { "x-request-id": id }), [
          "made-here",
          "made-here"
        ])
      }
      for (const id of ["a", "A-Z_0.9~:+/=@", "a".repeat(128)]) {
        assert.deepStrictEqual(yield* ids({ generate: fixed, trust: true }, { "x-request-id": id }), [id, id])
      }
    })
  )

  it.live("server 4: whatever the header has, the id is valid: the client's own when it is, else a new one", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.oneof(
            fc.string({ unit: "binary-ascii", maxLength: 140 }),
            fc.string({
              unit: fc.constantFrom(
                "a",
                "Z",
                "0",
                ".",
                "_",
                "~",
                ":",
                "+",
                "/",
                "=",
                "@",
                "-",
                " ",
                "\t",
                "\n",
                "\0",
                '"'
              ),
              maxLength: 140
            })
          ),
          async (sent) => {
            // No web Request holds such a header: the request says it has it.
            const request = requestOf().modify({ headers: { ...requestOf().headers, "x-request-id": sent } })
            const app = Pipeline.make("p")
              .outer(requestId({ trust: true, generate: fixed }))
              .handle(shows)
            const response = await Effect.runPromise(Effect.flatten(run(app, request)))
            const id = response.headers["x-request-id"] ?? ""
            assert.match(id, valid)
            assert.strictEqual(id, valid.test(sent) ? sent : "made-here")
            assert.strictEqual(await Effect.runPromise(bodyOf(response)), id)
          }
        ),
        { numRuns: 500 }
      )
    )
  )

  it.effect("server 4: the header has the name that the options say, in any case", () =>
    Effect.gen(function* () {
      const options = { header: "X-Correlation-Id", trust: true, generate: fixed }
      assert.deepStrictEqual(yield* ids(options, { "x-correlation-id": "c1" }, "x-correlation-id"), ["c1", "c1"])
      assert.deepStrictEqual(yield* ids(options, { "x-request-id": "c1" }, "x-correlation-id"), [
        "made-here",
        "made-here"
      ])
    })
  )

  it.effect("server 4: it replaces an id that the handler set itself", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .outer(requestId({ generate: fixed }))
        .handle(HttpServerResponse.empty({ headers: { "x-request-id": "other" } }))
      assert.strictEqual((yield* Effect.flatten(run(app))).headers["x-request-id"], "made-here")
    })
  )

  it.effect("server 4: it is on the responses of recovered errors, of respond() and of early answers", () =>
    Effect.gen(function* () {
      const open = Pipeline.make("p").outer(requestId({ generate: fixed }))
      const red = new Red({ by: "H" })
      const apps = [
        open.handle(Effect.fail(red)).catchTag("Red", () => HttpServerResponse.empty({ status: 409 })),
        open.handle(Effect.fail(new AuthenticationError({ reason: { _tag: "MissingCredential" } }))).respond(),
        open.handle(Effect.die("defect")).catchDefect(() => HttpServerResponse.empty({ status: 500 })),
        open
          .outer(Middleware.outer("early", () => Effect.succeed(HttpServerResponse.empty({ status: 503 }))))
          .handle(HttpServerResponse.empty())
      ]
      const [responses] = yield* logsOf(Effect.forEach(apps, (app) => Effect.flatten(run(app))))
      assert.deepStrictEqual(
        responses.map(({ headers, status }) => [status, headers["x-request-id"]]),
        [409, 401, 500, 503].map((status) => [status, "made-here"])
      )
    })
  )

  it.effect("server 4: everything inside logs with it, code outside does not", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .outer(Middleware.outer("outside", (app) => Effect.tap(app, () => Effect.log("outside"))))
        .outer(requestId({ generate: fixed }))
        .outer(Middleware.outer("inside", (app) => Effect.tap(app, () => Effect.log("inside"))))
        .before(Middleware.before("B", Effect.log("before")))
        .handle(
          Effect.andThen(
            Effect.log("handler"),
            Effect.fail(new AuthenticationError({ reason: { _tag: "MissingCredential" } }))
          )
        )
        .respond()
      const [, lines] = yield* logsOf(run(app))
      assert.deepStrictEqual(
        lines.map(({ annotations, message }) => [message.split(" ", 1)[0], annotations["fairlead.request_id"]]),
        [
          ["before", "made-here"],
          ["handler", "made-here"],
          ["Responded", "made-here"],
          ["inside", "made-here"],
          ["outside", undefined]
        ]
      )
    })
  )

  it.effect("server 4: the current span has it as an attribute", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .outer(requestId({ generate: fixed }))
        .handle(HttpServerResponse.empty())
      const span = yield* Effect.flatMap(Effect.currentSpan, (span) => Effect.as(run(app), span)).pipe(
        Effect.withSpan("request")
      )
      assert.strictEqual(span.attributes.get("fairlead.request_id"), "made-here")
    })
  )
})

const failing = {
  error: Effect.fail(new AuthenticationError({ reason: { _tag: "InsufficientScope" } })),
  defect: Effect.die("defect")
}

describe("requestId on a socket", () => {
  it.live("server 4: it is on a server-made 500, and on the log line of its defect", () => {
    const { layer, lines } = keepLogs()
    return Effect.gen(function* () {
      const app = Pipeline.make("p")
        .outer(requestId({ generate: fixed }))
        .handle(failing.defect)
      const { call } = yield* serving(Pipeline.serve(app))
      const answer = yield* call("/")
      assert.deepStrictEqual([answer.status, answer.headers.get("x-request-id")], [500, "made-here"])
      assert.deepStrictEqual(
        lines.map((line) => line.annotations["fairlead.request_id"]),
        ["made-here"]
      )
    }).pipe(Effect.provide(layer))
  })

  it.live("server 4: the log line of a defect that the pipeline catches has it", () => {
    const { layer, lines } = keepLogs()
    return Effect.gen(function* () {
      const app = Pipeline.make("p")
        .outer(requestId({ generate: fixed }))
        .handle(failing.defect)
        .catchDefect(() => HttpServerResponse.empty({ status: 500 }))
      const { call } = yield* serving(Pipeline.serve(app))
      assert.strictEqual((yield* call("/")).headers.get("x-request-id"), "made-here")
      assert.deepStrictEqual(
        lines.map((line) => line.annotations["fairlead.request_id"]),
        ["made-here"]
      )
    }).pipe(Effect.provide(layer))
  })

  it.live("server 4: it is on the response that Effect's own server makes of an error that responds", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .outer(requestId({ generate: fixed }))
        .handle(failing.error)
      const { call } = yield* serving(HttpServer.serve(app))
      const answer = yield* call("/")
      assert.deepStrictEqual([answer.status, answer.headers.get("x-request-id")], [403, "made-here"])
    })
  )

  it.live("server 4: concurrent requests have different ids", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .outer(requestId({ trust: true }))
        .before(Middleware.before("B", Effect.yieldNow))
        .handle(Effect.andThen(Effect.yieldNow, shows))
      const { call } = yield* serving(Pipeline.serve(app))
      const sent = Array.from({ length: 20 }, (_, index) => `id-${index}`)
      const answers = yield* Effect.forEach(sent, (id) => call("/", { headers: { "x-request-id": id } }), {
        concurrency: 10
      })
      assert.deepStrictEqual(
        answers.map(({ headers, text }) => [text, headers.get("x-request-id")]),
        sent.map((id) => [id, id])
      )
    })
  )
})
