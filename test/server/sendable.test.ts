import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"

import { keepLogs, logsOf } from "./Logs.ts"
import { serving } from "./Socket.ts"

const text = (headers: Record<string, unknown>) =>
  HttpServerResponse.text("body", { headers: headers as Record<string, string> })

/** Responses that no server can send, and what the log says of each. */
const unsendable: Readonly<Record<string, readonly [value: unknown, fault: RegExp]>> = {
  "a letter outside of Latin-1": [text({ "x-name": "Łukasz" }), /the header x-name holds "Łukasz"/],
  "an emoji": [text({ "x-mood": "🙂" }), /the header x-mood/],
  "a line break": [text({ "x-a": "a\nset-cookie: b" }), /the header x-a holds "a\\nset-cookie: b"/],
  "a carriage return": [text({ "x-a": "a\r" }), /the header x-a/],
  "a null byte": [text({ "x-a": "\0" }), /the header x-a/],
  "a name with a space": [text({ "x a": "b" }), /"x a" is not a header name/],
  "an empty name": [text({ "": "b" }), /"" is not a header name/],
  "a value that is undefined": [HttpServerResponse.setHeader(text({}), "x-a", undefined as never), /x-a is undefined/],
  "a status of 99": [HttpServerResponse.empty({ status: 99 }), /99 is not a final status/],
  "a status of 600": [HttpServerResponse.empty({ status: 600 }), /600 is not a final status/],
  "a status that is no number": [HttpServerResponse.empty({ status: NaN }), /NaN is not a final status/],
  "a redirect to a path outside of Latin-1": [HttpServerResponse.redirect("/Łódź"), /the header location/],
  nothing: [undefined, /undefined is not a response/],
  "a string": ["hello", /a string is not a response/],
  "a Promise": [Promise.resolve(HttpServerResponse.text("late")), /a Promise is not a response/],
  "a Response of the web": [new Response("web"), /a Response is not a response/]
}

describe("a response that cannot be sent", () => {
  it.live(
    "server2 3.1: is a bare 500 on a socket, logged once with the stage that returned it, and its scope closes",
    () =>
      Effect.gen(function* () {
        const { layer, lines } = keepLogs()
        let closed = 0
        const app = Pipeline.make("p")
          .before(
            Middleware.before(
              "scope",
              Effect.addFinalizer(() => Effect.sync(() => void closed++))
            )
          )
          .handle(
            ({ url }) => unsendable[decodeURIComponent(url.slice(1))]![0] as HttpServerResponse.HttpServerResponse
          )
        const { call } = yield* Effect.provide(serving(Pipeline.serve(app)), layer)
        for (const [name, [, fault]] of Object.entries(unsendable)) {
          const { status, text } = yield* call(`/${encodeURIComponent(name)}`)
          assert.deepStrictEqual([status, text], [500, ""], name)
          const [line, ...more] = lines.splice(0)
          assert.lengthOf(more, 0, name)
          assert.match(line!.message, /^Stage "handler" of pipeline "p" died on GET /)
          const [reason] = line!.cause.reasons
          assert.match(reason?._tag === "Die" ? String(reason.defect) : "", fault)
        }
        assert.strictEqual(closed, Object.keys(unsendable).length)
      })
  )

  it.effect("server2 3.1: settles a web handler with a bare 500", () =>
    Effect.forEach(Object.entries(unsendable), ([name, [value]]) =>
      Effect.gen(function* () {
        const handler = Pipeline.toWebHandler(
          Pipeline.make("p").handle(() => value as HttpServerResponse.HttpServerResponse)
        )
        const silent = console.log
        console.log = () => {}
        const { status } = yield* Effect.promise(() => handler(new Request("http://localhost/")))
        console.log = silent
        assert.strictEqual(status, 500, name)
      })
    )
  )

  it.effect("server2 3.1: is a defect for catchDefect, which answers in its place", () =>
    Effect.forEach(Object.entries(unsendable), ([name, [value, fault]]) =>
      Effect.gen(function* () {
        const app = Pipeline.make("p")
          .handle(() => value as HttpServerResponse.HttpServerResponse)
          .catchDefect((defect) => HttpServerResponse.text(String(defect), { status: 503 }))
        const server = yield* TestServer.make(app)
        const [reply, lines] = yield* logsOf(server.get("/"))
        assert.strictEqual(reply.status, 503, name)
        assert.match(reply.text, fault)
        assert.lengthOf(lines, 1, name)
      })
    )
  )

  it.effect("server2 3.1: names the last stage that replaced the response, not one that passed it on", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .handle(HttpServerResponse.text("fine"))
        .after(Middleware.after("culprit", HttpServerResponse.setHeader("x-name", "Łukasz")))
        .after(Middleware.after("innocent", (response) => response))
      const [reply, lines] = yield* logsOf(Effect.flatMap(TestServer.make(app), (server) => server.get("/")))
      assert.strictEqual(reply.status, 500)
      assert.match(lines[0]!.message, /^Stage "culprit" of pipeline "p" died/)
      assert.isTrue(Exit.hasDies(reply.exit))
    })
  )

  it.effect("server2 3.1: the response of an outer is checked too", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .outer(Middleware.outer("outer", (app) => Effect.map(app, HttpServerResponse.setHeader("x-name", "Łukasz"))))
        .handle(HttpServerResponse.text("fine"))
      const [reply, lines] = yield* logsOf(Effect.flatMap(TestServer.make(app), (server) => server.get("/")))
      assert.strictEqual(reply.status, 500)
      assert.lengthOf(lines, 1)
    })
  )
})
