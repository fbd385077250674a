import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Stream, Tracer } from "effect"
import { HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { ClientChain } from "fairlead/client"
import { CallTags, retry, tracing } from "fairlead/client/handlers"
import type { TracingOptions } from "fairlead/client/handlers"
import { TestClient } from "fairlead/testing/client"

const url = "https://api.test/rooms"
const get = HttpClientRequest.get(url)

const over = (network: TestClient.TestClient, options?: TracingOptions) =>
  ClientChain.make("api")
    .use(tracing({ spanName: ({ method }) => `${method} rooms`, ...options }))
    .use(retry({ baseDelay: 0 }))
    .pipe(ClientChain.over(network.client))

/** The spans that a program made, with the names of their parents. */
const traced = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span(options) {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    yield* Effect.withTracer(Effect.withSpan(Effect.exit(program), "caller"), tracer)
    return spans.map((span) => ({
      name: span.name,
      parent: span.parent._tag === "Some" && span.parent.value._tag === "Span" ? span.parent.value.name : undefined,
      attributes: Object.fromEntries(span.attributes),
      ended: span.status._tag === "Ended" ? span.status.exit._tag : undefined,
      millis:
        span.status._tag === "Ended" ? Number((span.status.endTime - span.status.startTime) / 1_000_000n) : undefined
    }))
  })

it.effect(
  "a request's span is below its caller's, attempts below it, the transport's below them; all end with the body",
  () =>
    Effect.gen(function* () {
      const network = TestClient.make(
        TestClient.once(
          "GET /rooms",
          { status: 503, headers: { "retry-after": "2" } },
          { body: Stream.tap(Stream.succeed(new Uint8Array(3)), () => Effect.sleep("1 second")) }
        )
      )
      const read = Effect.flatMap(over(network).execute(get), ({ text }) => text)
      const fiber = yield* Effect.forkChild(traced(read), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* TestClock.adjust("1 second")
      const spans = (yield* Fiber.join(fiber)).filter(({ name }) => name !== "caller")
      assert.deepStrictEqual(
        spans.map(({ ended, millis, name, parent }) => [name, parent, ended, millis]),
        [
          ["GET rooms", "caller", "Success", 3000],
          ["GET rooms attempt", "GET rooms", "Failure", 0],
          ["GET", "GET rooms attempt", "Failure", 0],
          ["GET rooms attempt", "GET rooms", "Success", 3000],
          ["GET", "GET rooms attempt", "Success", 0]
        ]
      )
      const about = { "http.request.method": "GET", "url.full": url, "server.address": "api.test", "server.port": 443 }
      const last = {
        ...about,
        "http.response.status_code": 200,
        "http.request.resend_count": 1,
        "http.response.body.size": 3
      }
      assert.deepStrictEqual(
        [spans[0], spans[1], spans[3]].map((span) => span?.attributes),
        [
          last,
          { ...about, "http.response.status_code": 503, "http.response.body.size": 0, "error.type": "503" },
          { ...last, "fairlead.follow_up_reason": "retry" }
        ]
      )
    })
)

it.effect("a failure and an interruption fail their spans by a tag", () =>
  Effect.gen(function* () {
    const network = TestClient.make(TestClient.once({ method: "POST" }, TestClient.fails("s3cr3t"), TestClient.silence))
    const client = over(network)
    const post = client.execute(HttpClientRequest.post(url))
    const interrupted = Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(post, { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
    })
    const spans = yield* traced(Effect.andThen(Effect.exit(post), interrupted))
    assert.deepStrictEqual(
      spans
        .filter(({ name }) => name.startsWith("POST rooms"))
        .map(({ attributes, ended, name }) => [name, ended, attributes["error.type"]]),
      [
        ["POST rooms", "Failure", "HttpClientError"],
        ["POST rooms attempt", "Failure", "HttpClientError"],
        ["POST rooms", "Failure", "interrupted"],
        ["POST rooms attempt", "Failure", "interrupted"]
      ]
    )
    const own = spans.filter(({ name }) => name.startsWith("POST rooms"))
    assert.notInclude(JSON.stringify(own), "s3cr3t")
  })
)

it.effect("a span is open as long as nobody reads the body, unless the head is enough", () =>
  Effect.gen(function* () {
    const network = TestClient.make(TestClient.always({}, { body: "text" }))
    const ends = (options: TracingOptions) =>
      Effect.map(traced(over(network, options).execute(get)), (spans) =>
        spans.filter(({ name }) => name.startsWith("GET rooms")).map(({ ended }) => ended)
      )
    assert.deepStrictEqual(yield* ends({}), [undefined, undefined])
    assert.deepStrictEqual(yield* ends({ until: "head" }), ["Success", "Success"])
  })
)

it.effect("client2 1.4: the tags of a call are attributes of its spans, and those of no other", () =>
  Effect.gen(function* () {
    const client = over(TestClient.make(TestClient.always("GET /rooms", {})))
    const read = Effect.flatMap(client.execute(get), ({ text }) => text)
    const tagged = Effect.provideService(read, CallTags, { "app.feature": "rooms" })
    const spans = yield* traced(Effect.all([tagged, read]))
    assert.deepStrictEqual(
      spans.filter(({ parent }) => parent === "caller").map(({ attributes }) => attributes["app.feature"]),
      ["rooms", undefined]
    )
  })
)
