import { connect } from "node:net"

import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer, Schema, Stream } from "effect"
import { Headers as EffectHeaders, HttpServerRequest, HttpServerResponse, UrlParams } from "effect/http"
import { InvalidOption } from "fairlead"
import * as fairings from "fairlead/app/fairings"
import { Pipeline } from "fairlead/server"
import { accessLog, requestId, trustedProxy } from "fairlead/server/middleware"
import type { AccessLogEntry, AccessLogOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import { inOneLine } from "../../../src/core/heads/OneLine.ts"
import { until } from "../../kit/Settling.ts"
import { keepLogs } from "../Logs.ts"
import type { Line } from "../Logs.ts"
import { serving } from "../Socket.ts"
import { errorPaths, terminalsOf } from "./ErrorPaths.ts"

class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {}

const part = new TextEncoder().encode("part")

const ok = HttpServerResponse.text("ok", { headers: { "x-total": "7", "set-cookie": "sid=s3cret" } })

/** The lines that requests to a pipeline with this log come to, in memory. */
const linesOf = (
  options: AccessLogOptions,
  calls: (server: TestServer.MemoryServer) => Effect.Effect<unknown>,
  handler: Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    never,
    HttpServerRequest.HttpServerRequest
  > = Effect.succeed(ok)
): Effect.Effect<ReadonlyArray<Line>> => {
  const { layer, lines } = keepLogs()
  const app = Pipeline.make("p").ended(accessLog(options)).handle(handler)
  return Effect.as(Effect.provide(Effect.scoped(Effect.flatMap(TestServer.make(app), calls)), layer), lines)
}

describe("accessLog", () => {
  it.effect("middleware 3: a line is one for each request, with OpenTelemetry's attributes", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf({}, (server) =>
        server.get("/rooms?limit=3&token=s3cret", { remoteAddress: "203.0.113.7", headers: { "user-agent": "curl/8" } })
      )
      assert.deepStrictEqual(
        lines.map(({ level, message }) => [level, message]),
        [["Info", "GET /rooms 200 in 0 ms"]]
      )
      assert.deepStrictEqual(lines[0]?.annotations, {
        "http.request.method": "GET",
        "url.path": "/rooms",
        "url.query": "limit=3&token=REDACTED",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "http.response.body.size": 2,
        "http.server.request.duration": 0,
        "client.address": "203.0.113.7",
        "user_agent.original": "curl/8"
      })
    })
  )

  it.effect("middleware 3: common and combined are Apache's, json has OpenTelemetry's names", () =>
    Effect.gen(function* () {
      const call = (server: TestServer.MemoryServer) =>
        server.get("/apache_pb.gif?key=s3cret", {
          remoteAddress: "127.0.0.1",
          headers: { referer: "http://www.example.com/start.html?session=s3cret", "user-agent": "Mozilla/4.08 [en]" }
        })
      const line = (format: "common" | "combined" | "json") =>
        Effect.map(linesOf({ format }, call), (lines) => lines[0]?.message)
      const common = '127.0.0.1 - - [01/Jan/1970:00:00:00 +0000] "GET /apache_pb.gif?key=REDACTED HTTP/1.1" 200 2'
      assert.strictEqual(yield* line("common"), common)
      const referrer = '"http://www.example.com/start.html?session=REDACTED"'
      assert.strictEqual(yield* line("combined"), `${common} ${referrer} "Mozilla/4.08 [en]"`)
      assert.deepStrictEqual(JSON.parse((yield* line("json"))!), {
        time: "1970-01-01T00:00:00.000Z",
        "http.request.method": "GET",
        "url.path": "/apache_pb.gif",
        "url.query": "key=REDACTED",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "http.response.body.size": 2,
        "http.server.request.duration": 0,
        "client.address": "127.0.0.1",
        "user_agent.original": "Mozilla/4.08 [en]"
      })
      const [empty] = yield* linesOf(
        { format: "combined" },
        (server) => server.get("/"),
        Effect.succeed(HttpServerResponse.empty())
      )
      assert.match(empty!.message, /^- - - \[.*\] "GET \/ HTTP\/1.1" 204 - "-" "-"$/)
    })
  )

  it.effect("middleware 3: the headers of the options are attributes, secret ones redacted", () =>
    Effect.gen(function* () {
      const options = {
        requestHeaders: ["Accept", "authorization", "X-Internal", "x-mine", "x-none"],
        responseHeaders: ["x-total", "set-cookie"],
        redact: ["x-internal", /^secret/]
      }
      const [line] = yield* Effect.provideService(
        linesOf(options, (server) =>
          server.get("/?secretive=1&hidden=2&page=3", {
            headers: { accept: "text/html", authorization: "Bearer s3cret", "x-internal": "s3cret", "x-mine": "s3cret" }
          })
        ),
        EffectHeaders.CurrentRedactedNames,
        ["x-mine"]
      ).pipe(Effect.provideService(UrlParams.CurrentRedactedNames, ["hidden"]))
      assert.deepInclude(line?.annotations, {
        "http.request.header.accept": ["text/html"],
        "http.request.header.authorization": ["<redacted>"],
        "http.request.header.x-internal": ["<redacted>"],
        "http.request.header.x-mine": ["<redacted>"],
        "http.response.header.x-total": ["7"],
        "http.response.header.set-cookie": ["<redacted>"],
        "url.query": "secretive=REDACTED&hidden=REDACTED&page=3"
      })
      assert.notProperty(line?.annotations, "http.request.header.x-none")
      assert.notInclude(JSON.stringify(line), "s3cret")
      const [named] = yield* linesOf({ redact: [/^secret/] }, (server) => server.get("/?secretive=1"))
      assert.strictEqual(named?.annotations["url.query"], "secretive=REDACTED")
    })
  )

  it.effect("middleware 3: level, choice and printer are the program's", () =>
    Effect.gen(function* () {
      const call = (server: TestServer.MemoryServer) => Effect.andThen(server.get("/live"), server.get("/rooms"))
      const quiet = yield* linesOf(
        {
          isLogged: ({ request }) => request.url !== "/live",
          level: ({ status }) => (status < 400 ? "Warn" : "Error")
        },
        call
      )
      assert.deepStrictEqual(
        quiet.map(({ level, message }) => [level, message]),
        [["Warn", "GET /rooms 200 in 0 ms"]]
      )
      const printed: Array<readonly [string, number]> = []
      const print = (line: string, { status }: AccessLogEntry) => Effect.sync(() => printed.push([line, status]))
      assert.isEmpty(yield* linesOf({ print }, call))
      assert.deepStrictEqual(printed, [
        ["GET /live 200 in 0 ms", 200],
        ["GET /rooms 200 in 0 ms", 200]
      ])
    })
  )

  it.effect("middleware 3: a line has the id of requestId, wherever each is declared", () =>
    Effect.gen(function* () {
      const { layer, lines } = keepLogs()
      const app = Pipeline.make("p")
        .ended(accessLog())
        .outer(requestId({ generate: Effect.succeed("id-1") }))
        .handle(ok)
      yield* Effect.provide(Effect.scoped(Effect.flatMap(TestServer.make(app), (server) => server.get("/"))), layer)
      assert.deepStrictEqual(
        lines.map(({ annotations }) => annotations["fairlead.request_id"]),
        ["id-1"]
      )
    })
  )

  it.effect("middleware 3: with trustedProxy a line has the client's address", () =>
    Effect.gen(function* () {
      const { layer, lines } = keepLogs()
      const app = Pipeline.make("p")
        .ended(accessLog({ format: "common" }))
        .outer(trustedProxy({ trust: ["10.0.0.0/8"] }))
        .handle(ok)
      const options = { remoteAddress: "10.0.0.1", headers: { "x-forwarded-for": "203.0.113.7" } }
      yield* Effect.provide(
        Effect.scoped(Effect.flatMap(TestServer.make(app), (server) => server.get("/", options))),
        layer
      )
      assert.match(lines[0]!.message, /^203\.0\.113\.7 - - /)
      assert.strictEqual(lines[0]!.annotations["client.address"], "203.0.113.7")
    })
  )

  it.effect("middleware 3: mounted twice, a request has one line", () =>
    Effect.gen(function* () {
      const inner = Pipeline.make("inner").ended(accessLog()).handle(ok)
      const { layer, lines } = keepLogs()
      const app = Pipeline.make("outer").ended(accessLog()).handle(inner)
      yield* Effect.provide(Effect.scoped(Effect.flatMap(TestServer.make(app), (server) => server.get("/"))), layer)
      assert.strictEqual(lines.length, 1)
    })
  )

  it.effect("middleware 3: a body that fails midway is a 500 with the tag of its error, never a 200", () =>
    Effect.gen(function* () {
      const fails = HttpServerResponse.stream(Stream.concat(Stream.succeed(part), Stream.fail(new Broken())))
      const lines = yield* linesOf({}, (server) => Effect.ignoreCause(server.get("/")), Effect.succeed(fails))
      const line = lines.find(({ message }) => message.startsWith("GET"))
      assert.include(line?.message, "GET / 500")
      assert.deepInclude(line?.annotations, { "http.response.status_code": 500, "error.type": "Broken" })
    })
  )

  it.effect("middleware 3: an unknown format throws InvalidOption", () =>
    Effect.sync(() => {
      assert.throws(() => accessLog({ format: "apache" as never }), InvalidOption as never)
      assert.throws(() => accessLog({ name: "" }), InvalidOption as never)
    })
  )

  it.effect("middleware 3: nothing that a client sends begins a line or ends a quote", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.constantFrom("plain" as const, "common" as const, "combined" as const, "json" as const),
          fc.string({ unit: fc.constantFrom(...Array.from('ab/?&="\\\n\r\t\u001b\u0085\u2028 %é')), maxLength: 30 }),
          fc.string({ unit: fc.constantFrom(...Array.from('ab"\\\n\r\u001b\u0085é')), maxLength: 30 }),
          async (format, path, agent) => {
            const { layer, lines } = keepLogs()
            const base = HttpServerRequest.fromWeb(new Request("http://test/"))
            // No web Request holds such a URL or header: the request says that it has it.
            const headers = { ...base.headers, "user-agent": agent, referer: agent }
            const request = base.modify({ url: `/${path}`, headers: EffectHeaders.fromInput(headers) })
            const { formats, LoggedRequest } = await import("../../../src/server/middleware/AccessLogFormats.ts")
            const entry = {
              request,
              response: ok,
              status: 200,
              bytes: 1,
              aborted: false,
              route: undefined,
              errorType: undefined
            }
            const none = { request: [], response: [] }
            const logged = new LoggedRequest({ ...entry, duration: "1 second" as never }, 0, () => false, none)
            const line = formats[format](logged)
            assert.notMatch(line, /[\p{Cc}\u2028\u2029]/u)
            if (format === "json") assert.strictEqual(typeof JSON.parse(line), "object")
            if (format === "combined") {
              const quoted = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
              assert.strictEqual(quoted.length, 3)
              assert.match(line, /^- - - \[[^\]]*\] "(?:[^"\\]|\\.)*" 200 1 "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"$/)
            }
            assert.isEmpty(lines)
            void layer
          }
        ),
        { numRuns: 500 }
      )
    )
  )

  it.effect("middleware 3: escaping is linear in the length", () =>
    Effect.sync(() => {
      const start = performance.now()
      inOneLine("\n".repeat(200_000))
      assert.isBelow(performance.now() - start, 2000)
    })
  )
})

describe("accessLog on a socket", () => {
  const lineFor = (lines: ReadonlyArray<Line>) => lines.filter(({ message }) => /^[A-Z]+ \//.test(message))

  for (const [name, served] of Object.entries(
    terminalsOf(Pipeline.make("all").ended(accessLog()), fairings.accessLog())
  )) {
    it.live(`middleware 3: on ${name}, every request has one line with its status (verdaccio#5317)`, () => {
      const { layer, lines } = keepLogs()
      return Effect.gen(function* () {
        const { call } = yield* served
        for (const [method, path, status] of errorPaths) {
          yield* call(path, { method })
          yield* until(Effect.sync(() => lineFor(lines).length > 0))
          const [line, ...more] = lineFor(lines.splice(0))
          assert.isEmpty(more)
          assert.match(line!.message, new RegExp(`^${method} ${path} ${status} in \\d+ ms$`))
          assert.strictEqual(line!.annotations["http.response.status_code"], status)
          if (path === "/rooms/7") assert.strictEqual(line!.annotations["http.route"], "/rooms/:id")
        }
      }).pipe(Effect.provide(layer))
    })
  }

  it.live(
    "middleware 3: a client that goes away before the response, or within a body, is a 499 (connect#321, pino-http#18)",
    () => {
      const { layer, lines } = keepLogs()
      return Effect.gen(function* () {
        const reached = yield* Deferred.make<void>()
        const endless = HttpServerResponse.stream(
          Stream.concat(
            Stream.succeed(part),
            Stream.fromEffect(Effect.andThen(Deferred.succeed(reached, undefined), Effect.never))
          )
        )
        const waits = Effect.andThen(Deferred.succeed(reached, undefined), Effect.never)
        const large = HttpServerResponse.uint8Array(new Uint8Array(64 << 20))
        const handlers = { "/head": waits, "/body": Effect.succeed(endless), "/large": Effect.succeed(large) }
        for (const [path, handler] of Object.entries(handlers)) {
          const { send } = yield* serving(
            Pipeline.serve(
              Pipeline.make("p")
                .ended(accessLog())
                .handle(handler as typeof waits)
            )
          )
          const socket = yield* send(`GET ${path} HTTP/1.1\r\nhost: test\r\n\r\n`)
          if (path === "/large")
            yield* Effect.callback<void>((resume) => void socket.once("data", () => resume(Effect.void)))
          socket.destroy()
          yield* until(Effect.sync(() => lineFor(lines).length > 0))
          const [line] = lineFor(lines.splice(0))
          assert.match(line!.message, new RegExp(`^GET ${path} 499 in \\d+ ms$`), path)
          assert.deepInclude(line!.annotations, { "http.response.status_code": 499, "error.type": "499" })
          assert.notProperty(line!.annotations, "http.response.body.size")
        }
      }).pipe(Effect.provide(layer))
    }
  )

  it.live(
    "middleware 3: the line of a slow body comes when its last byte was sent, and has the time of all of it",
    () => {
      const { layer, lines } = keepLogs()
      return Effect.gen(function* () {
        const goOn = yield* Deferred.make<void>()
        const slow = Stream.concat(Stream.succeed(part), Stream.fromEffect(Effect.as(Deferred.await(goOn), part)))
        const app = Pipeline.make("p").ended(accessLog()).handle(HttpServerResponse.stream(slow))
        const { url } = yield* serving(Pipeline.serve(app))
        const answer = yield* Effect.promise(() => fetch(url))
        const reader = answer.body!.getReader()
        yield* Effect.promise(() => reader.read())
        yield* Effect.sleep("20 millis")
        assert.isEmpty(lineFor(lines))
        yield* Deferred.succeed(goOn, undefined)
        yield* Effect.promise(async () => {
          while (!(await reader.read()).done);
        })
        yield* until(Effect.sync(() => lineFor(lines).length > 0))
        const { annotations } = lineFor(lines)[0]!
        assert.strictEqual(annotations["http.response.body.size"], 8)
        assert.isAtLeast(annotations["http.server.request.duration"] as number, 0.015)
      }).pipe(Effect.provide(layer))
    }
  )

  it.live("middleware 3: the target of a hostile request is one escaped line", () => {
    const { layer, lines } = keepLogs()
    return Effect.gen(function* () {
      const app = Pipeline.make("p")
        .ended(accessLog({ format: "combined" }))
        .handle(ok)
      const { url } = yield* serving(Pipeline.serve(app))
      yield* Effect.callback<void>((resume) => {
        const socket = connect(Number(new URL(url).port), "127.0.0.1", () => {
          socket.write('GET /a"b\\c?q="x HTTP/1.1\r\nhost: t\r\nuser-agent: "; rm\t-rf\r\nconnection: close\r\n\r\n')
        })
        socket.resume().on("close", () => resume(Effect.void))
      })
      yield* until(Effect.sync(() => lines.length > 0))
      assert.match(lines[0]!.message, /"GET \/a\\"b\\\\c\?q=\\"x HTTP\/1\.1" 200 2 "-" "\\"; rm\\u0009-rf"$/)
    }).pipe(Effect.provide(layer))
  })
})
void Layer
