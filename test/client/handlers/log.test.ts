import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Redacted, References, Stream } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { ClientChain, ClientHandler } from "fairlead/client"
import { CallTags, log, retry } from "fairlead/client/handlers"
import type { LogOptions } from "fairlead/client/handlers"
import { TestClient } from "fairlead/testing/client"

interface Line {
  readonly level: string
  readonly line: unknown
  readonly annotations: Readonly<Record<string, unknown>>
}

const url = "https://api.test/rooms"

/** The attributes of `tracing` that the line itself says too. */
const ofLine = new Set([
  "http.request.method",
  "url.full",
  "server.address",
  "server.port",
  "http.response.status_code",
  "error.type"
])

/** Runs a program, and gives the lines that were logged. */
const logged = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const lines: Array<Line> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      const line = Array.isArray(message) ? message[0] : message
      const all = Object.entries(fiber.getRef(References.CurrentLogAnnotations))
      const annotations = Object.fromEntries(all.filter(([name]) => !ofLine.has(name)))
      lines.push({ level: logLevel, line, annotations })
    })
    yield* program.pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "All")
    )
    return lines
  })

const over = (network: TestClient.TestClient, options?: LogOptions) =>
  ClientChain.make("api").use(log(options)).pipe(ClientChain.over(network.client))

const get = HttpClientRequest.get(url)

const chunk = (text: string) => new TextEncoder().encode(text)

describe("a line for each request", () => {
  it.effect("client2 1.4: has the tags of its call, and those of no other", () =>
    Effect.gen(function* () {
      const client = over(TestClient.make(TestClient.always("GET /rooms", {})))
      const read = Effect.flatMap(client.execute(get), ({ text }) => text)
      const tagged = Effect.provideService(read, CallTags, { "app.feature": "rooms" })
      const lines = yield* logged(Effect.all([tagged, read]))
      assert.deepStrictEqual(
        lines.map(({ annotations }) => annotations["app.feature"]),
        ["rooms", "rooms", undefined, undefined]
      )
    })
  )

  it.effect("comes when its body has been read, with sizes and times, and one at Debug for its attempt", () =>
    Effect.gen(function* () {
      const slow = Stream.fromIterable([chunk("one"), chunk("two")]).pipe(
        Stream.rechunk(1),
        Stream.tap(() => Effect.sleep("1 second"))
      )
      const network = TestClient.make(
        TestClient.always("GET /rooms", { body: slow, delay: "2 seconds", headers: { "cache-status": "Edge; hit" } })
      )
      const lines = yield* logged(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(over(network).execute(get), { startImmediately: true })
          yield* TestClock.adjust("2 seconds")
          const response = yield* Fiber.join(fiber)
          const text = yield* Effect.forkChild(response.text, { startImmediately: true })
          yield* TestClock.adjust("2 seconds")
          assert.strictEqual(yield* Fiber.join(text), "onetwo")
        })
      )
      const annotations = {
        "fairlead.cache_status": "Edge; hit",
        "fairlead.head_duration_ms": 2000,
        "fairlead.body_state": "complete",
        "http.response.body.size": 6
      }
      const line = `GET ${url} 200 4000ms`
      assert.deepStrictEqual(lines, [
        { level: "Debug", line, annotations: { "fairlead.kind": "attempt", ...annotations } },
        { level: "Info", line, annotations: { "fairlead.kind": "request", ...annotations } }
      ])
    })
  )

  it.effect("comes at once where there is no body, or where the head is enough", () =>
    Effect.gen(function* () {
      const network = TestClient.make(
        TestClient.once("GET /rooms", { status: 204 }, { status: 304 }, { headers: { "content-length": "0" } }, {}),
        TestClient.once("HEAD /rooms", {}),
        TestClient.once("GET /rooms", { body: "text" })
      )
      const client = over(network)
      const request = HttpClientRequest.head(url)
      const bodies = (program: Effect.Effect<unknown, unknown>) =>
        Effect.map(logged(program), (lines) =>
          lines.filter(({ level }) => level === "Info").map(({ annotations }) => annotations["fairlead.body_state"])
        )
      assert.deepStrictEqual(yield* bodies(Effect.replicateEffect(client.execute(get), 3)), [
        "complete",
        "complete",
        "complete"
      ])
      assert.deepStrictEqual(yield* bodies(client.execute(get)), [])
      assert.deepStrictEqual(yield* bodies(client.execute(request)), ["complete"])
      assert.deepStrictEqual(yield* bodies(over(network, { until: "head" }).execute(get)), ["unread"])
    })
  )

  it.effect("comes once, also when the body breaks off or its reader leaves", () =>
    Effect.gen(function* () {
      const network = TestClient.make(
        TestClient.once(
          "GET /rooms",
          { body: Stream.concat(Stream.succeed(chunk("abc")), Stream.fail("cut")) },
          { body: Stream.concat(Stream.succeed(chunk("abc")), Stream.never) }
        )
      )
      const client = over(network)
      const lines = yield* logged(
        Effect.gen(function* () {
          const broken = yield* client.execute(get)
          yield* Effect.exit(Stream.runDrain(broken.stream))
          yield* Effect.exit(Stream.runDrain(broken.stream))
          yield* Stream.runHead((yield* client.execute(get)).stream)
        })
      )
      assert.deepStrictEqual(
        lines
          .filter(({ annotations }) => annotations["fairlead.kind"] === "request")
          .map(({ annotations, level, line }) => [
            level,
            line,
            annotations["fairlead.body_state"],
            annotations["http.response.body.size"]
          ]),
        [
          ["Warn", `GET ${url} 200 HttpClientError 0ms`, "broken", 3],
          ["Info", `GET ${url} 200 0ms`, "cancelled", 3]
        ]
      )
    })
  )

  it.effect("writes a failure by its tag, at Warn, and an interruption at Info", () =>
    Effect.gen(function* () {
      const secret = "s3cr3t"
      const network = TestClient.make(
        TestClient.once("GET /rooms", TestClient.fails(secret), TestClient.silence, { status: 500 })
      )
      const client = over(network)
      const lines = yield* logged(
        Effect.gen(function* () {
          yield* Effect.exit(client.execute(get))
          const fiber = yield* Effect.forkChild(client.execute(get), { startImmediately: true })
          yield* TestClock.adjust("3 seconds")
          yield* Fiber.interrupt(fiber)
          yield* Effect.flatMap(client.execute(get), ({ text }) => text)
        })
      )
      assert.deepStrictEqual(
        lines.map(({ level, line }) => [level, line]),
        [
          ["Debug", `GET ${url} HttpClientError 0ms`],
          ["Warn", `GET ${url} HttpClientError 0ms`],
          ["Debug", `GET ${url} interrupted 3000ms`],
          ["Info", `GET ${url} interrupted 3000ms`],
          ["Debug", `GET ${url} 500 0ms`],
          ["Warn", `GET ${url} 500 0ms`]
        ]
      )
      assert.notInclude(JSON.stringify(lines), secret)
    })
  )

  it.effect("names the handler that answered in place of the network", () =>
    Effect.gen(function* () {
      const halting = ClientHandler.make("cache", {
        run: ({ request }) =>
          ClientHandler.halt(HttpClientResponse.fromWeb(request, new Response(null, { status: 204 })))
      })
      const client = ClientChain.make("api").use(log()).use(halting).pipe(ClientChain.over(TestClient.make().client))
      const lines = yield* logged(client.execute(get))
      assert.deepStrictEqual(
        lines.map(({ annotations }) => annotations["fairlead.halted_by"]),
        ["cache", "cache"]
      )
    })
  )
})

it.effect(
  "each attempt has its line, with its reason; the request's has the time of all and the number of resends",
  () =>
    Effect.gen(function* () {
      const network = TestClient.make(
        TestClient.once("GET /rooms", { status: 503, headers: { "retry-after": "3" } }, TestClient.fails("reset"), {
          json: [],
          delay: "1 second"
        })
      )
      const client = ClientChain.make("api")
        .use(log())
        .use(retry({ baseDelay: 0 }))
        .pipe(ClientChain.over(network.client))
      const lines = yield* logged(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(
            Effect.flatMap(client.execute(get), ({ text }) => text),
            { startImmediately: true }
          )
          yield* TestClock.adjust("4 seconds")
          yield* Fiber.join(fiber)
        })
      )
      assert.deepStrictEqual(
        lines.map(({ annotations, level, line }) => [
          level,
          line,
          annotations["http.request.resend_count"],
          annotations["fairlead.follow_up_reason"]
        ]),
        [
          ["Debug", `GET ${url} 503 0ms`, undefined, undefined],
          ["Debug", `GET ${url} HttpClientError 3000ms`, 1, "retry"],
          ["Debug", `GET ${url} 200 1000ms`, 2, "retry"],
          ["Info", `GET ${url} 200 4000ms`, 2, undefined]
        ]
      )
    })
)

it.effect("a URL is redacted: user and password, secret parameters by value and by name", () =>
  Effect.gen(function* () {
    const network = TestClient.make(TestClient.always({}, { status: 204 }))
    const request = HttpClientRequest.get("https://me:s3cr3t@api.test/rooms?sig=s3cr3t#part").pipe(
      HttpClientRequest.appendUrlParams({ key: Redacted.make("s3cr3t"), page: "2" })
    )
    const [line] = yield* logged(over(network).execute(request))
    assert.strictEqual(
      line?.line,
      "GET https://REDACTED:REDACTED@api.test/rooms?sig=REDACTED&key=REDACTED&page=2 204 0ms"
    )
  })
)

it.effect("the level is the user's to choose, and none writes nothing", () =>
  Effect.gen(function* () {
    const network = TestClient.make(TestClient.always({}, { status: 204 }))
    const lines = yield* logged(
      over(network, { level: ({ kind }) => (kind === "request" ? "Error" : undefined) }).execute(get)
    )
    assert.deepStrictEqual(
      lines.map(({ level }) => level),
      ["Error"]
    )
  })
)
