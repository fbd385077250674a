import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { HttpClientError, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { ClientChain, ClientHandler } from "fairlead/client"
import { dedupe } from "fairlead/client/handlers"
import type { DedupeOptions } from "fairlead/client/handlers"
import { TestClient } from "fairlead/testing/client"

const url = "https://api.test/rooms?b=2&a=1"
const get = HttpClientRequest.get(url)
const second = { delay: "1 second" } as const

const over = (network: TestClient.TestClient, options?: DedupeOptions) =>
  ClientChain.make("api").use(dedupe(options)).pipe(ClientChain.over(network.client))

type Client = ReturnType<typeof over>

const text = (client: Client, request = get) => Effect.flatMap(client.execute(request), ({ text }) => text)

/** Begins all programs at once, and gives what they come to a second later. */
const together = <A, E>(...programs: ReadonlyArray<Effect.Effect<A, E>>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.forEach(programs, Effect.exit, { concurrency: "unbounded" }), {
      startImmediately: true
    })
    yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

describe("equal requests at the same time", () => {
  it.effect("are one over the network, and each has the whole response; later handlers run once", () =>
    Effect.gen(function* () {
      let ran = 0
      const counting = ClientHandler.make("counting", { run: () => void ran++ })
      const network = TestClient.make(
        TestClient.once("GET /rooms?b=2&a=1", { ...second, body: "shared", status: 201 }, { body: "anew" })
      )
      const client = ClientChain.make("api").use(dedupe()).use(counting).pipe(ClientChain.over(network.client))
      const read = Effect.gen(function* () {
        const response = yield* client.execute(get)
        const [chunk] = yield* Stream.runCollect(response.stream)
        const own = new TextDecoder().decode(chunk)
        chunk?.fill(0)
        return [response.status, own]
      })
      const exits = yield* together(read, read, read)
      assert.deepStrictEqual(
        exits,
        Array.from({ length: 3 }, () => Exit.succeed([201, "shared"]))
      )
      assert.strictEqual(ran, 1)
      assert.strictEqual(yield* text(client), "anew")
    })
  )

  it.effect("share a failure, and a body that breaks off", () =>
    Effect.gen(function* () {
      const reset = Effect.fail(
        new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request: get }) })
      )
      const broken = Stream.concat(Stream.succeed(new Uint8Array(2)), Stream.fail("cut"))
      const network = TestClient.make(
        TestClient.once("GET /rooms?b=2&a=1", Effect.delay(reset, 1), { body: broken, delay: 1 })
      )
      const client = over(network)
      const errors = yield* together(Effect.flip(client.execute(get)), Effect.flip(client.execute(get)))
      assert.strictEqual(network.calls.length, 1)
      const [first, other] = errors.map((exit) => (Exit.isSuccess(exit) ? exit.value : undefined))
      assert.strictEqual(first?.reason._tag, "TransportError")
      assert.strictEqual(first, other)
      const cut = yield* together(Effect.flip(text(client)), Effect.flip(text(client)))
      assert.isTrue(cut.every((exit) => Exit.isSuccess(exit) && exit.value.reason._tag === "DecodeError"))
      assert.strictEqual(network.calls.length, 2)
    })
  )

  it.effect("a caller that leaves, the first too, cancels nothing for the others; the last one that leaves does", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.once("GET /rooms?b=2&a=1", { ...second, body: "1" }, second, second))
      const client = over(network)
      const start = Effect.forkChild(text(client), { startImmediately: true })
      const [first, other] = [yield* start, yield* start]
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(other), "1")

      const left = [yield* start, yield* start]
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interruptAll(left)
      assert.deepStrictEqual(
        network.calls.map(({ state }) => state),
        ["answered", "interrupted"]
      )
      const late = yield* start
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(late), "")
    })
  )

  it.effect("a caller during the interruption of an abandoned exchange has a new one", () =>
    Effect.gen(function* () {
      let entered = 0
      const lingering = ClientHandler.make("lingering", {
        run: () =>
          Effect.suspend(() =>
            entered++ === 0 ? Effect.onInterrupt(Effect.never, () => Effect.sleep("2 seconds")) : Effect.void
          )
      })
      const network = TestClient.make(TestClient.once("GET /rooms?b=2&a=1", { body: "own" }))
      const client = ClientChain.make("api").use(dedupe()).use(lingering).pipe(ClientChain.over(network.client))
      const start = Effect.forkChild(text(client), { startImmediately: true })
      const first = yield* start
      yield* TestClock.adjust("1 second")
      const leaving = yield* Effect.forkChild(Fiber.interrupt(first), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* text(client), "own")
      assert.strictEqual(entered, 2)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(leaving)
    })
  )

  it.effect("with a too large body each send their own", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.always({}, { ...second, body: "12345" }))
      const client = over(network, { maxBytes: 4 })
      const fiber = yield* Effect.forkChild(Effect.all([text(client), text(client)], { concurrency: "unbounded" }), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["12345", "12345"])
      assert.strictEqual(network.calls.length, 3)
      assert.strictEqual(network.calls[0]?.responseBody, "cancelled")
    })
  )
})

describe("requests without sharing", () => {
  const sent = (requests: ReadonlyArray<HttpClientRequest.HttpClientRequest>, options?: DedupeOptions) =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.always({}, second))
      const client = over(network, options)
      yield* together(...requests.map((request) => text(client, request)))
      return network.calls.length
    })
  const withHeader = (name: string, value: string) => HttpClientRequest.setHeader(get, name, value)

  it.effect("requests of other credentials, languages, methods, or orders of the query", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* sent([get, get]), 1)
      assert.strictEqual(yield* sent([withHeader("authorization", "a"), withHeader("authorization", "b"), get]), 3)
      assert.strictEqual(yield* sent([withHeader("cookie", "a"), withHeader("accept-language", "de")]), 2)
      assert.strictEqual(yield* sent([get, HttpClientRequest.head(url)]), 2)
      assert.strictEqual(yield* sent([get, HttpClientRequest.get("https://api.test/rooms?a=1&b=2")]), 2)
    })
  )

  it.effect("unsafe methods, and requests with a body", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* sent([HttpClientRequest.post(url), HttpClientRequest.post(url)]), 2)
      const query = HttpClientRequest.bodyText(get, "same")
      assert.strictEqual(yield* sent([query, query]), 2)
    })
  )

  it.effect("ignored headers and fragments do not distinguish requests", () =>
    Effect.gen(function* () {
      const traced = [withHeader("traceparent", "1"), withHeader("traceparent", "2")]
      assert.strictEqual(yield* sent(traced), 2)
      assert.strictEqual(yield* sent(traced, { ignoreHeaders: ["TraceParent"] }), 1)
      assert.strictEqual(yield* sent([get, HttpClientRequest.setHash(get, "part")]), 1)
    })
  )
})
