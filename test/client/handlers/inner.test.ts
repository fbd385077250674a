/**
 * What handlers send by themselves, by `exchange.inner`, stays within what is declared outside of them.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted, Stream } from "effect"
import { HttpClientError } from "effect/http"
import type { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { ClientChain, ClientHandler } from "fairlead/client"
import { dedupe, log, refresh, retry, HttpTimeout, timeouts } from "fairlead/client/handlers"
import type { ClientReport } from "fairlead/client/handlers"
import { TestClient } from "fairlead/testing/client"

const url = "https://api.test/rooms"

const network = (reply: TestClient.Answer) => TestClient.make(TestClient.always({}, reply))

const text = <E, R>(client: HttpClient.HttpClient.With<E, R>) => Effect.flatMap(client.get(url), ({ text }) => text)

/** What a call fails with when the clock has gone on by that much. */
const failingWithin = <A, E>(program: Effect.Effect<A, E>, ...waits: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.flip(program), { startImmediately: true })
    for (const wait of waits) yield* TestClock.adjust(wait)
    return fiber.pollUnsafe() === undefined ? undefined : yield* Fiber.join(fiber)
  })

const timeoutOf = (error: unknown) => {
  const found = HttpClientError.isHttpClientError(error) ? error.reason.cause : error
  return found instanceof HttpTimeout ? [found.phase, found.url] : [String(found)]
}

describe("outside of a handler's own requests", () => {
  const bounds = timeouts({ headers: "1 second", idle: "2 seconds" })

  it.effect("the time to the head and between two pieces of the body bounds what callers share", () =>
    Effect.gen(function* () {
      const silent = ClientChain.make("c")
        .use(bounds)
        .use(dedupe())
        .pipe(ClientChain.over(network({ delay: "1 hour" }).client))
      assert.deepStrictEqual(timeoutOf(yield* failingWithin(text(silent), 1000)), ["headers", url])
      const body = Stream.concat(Stream.succeed(new Uint8Array(1)), Stream.never)
      const { calls, client } = network({ body })
      const stalled = ClientChain.make("c").use(bounds).use(dedupe()).pipe(ClientChain.over(client))
      assert.deepStrictEqual(timeoutOf(yield* failingWithin(text(stalled), 1000, 1000)), ["idle", url])
      assert.strictEqual(calls[0]?.responseBody, "broken")
    })
  )

  it.effect("a retry within tries again what has timed out there", () =>
    Effect.gen(function* () {
      const { calls, client } = TestClient.make(TestClient.once("GET /rooms", { delay: "1 hour" }, { body: "second" }))
      const retrying = ClientChain.make("c")
        .use(bounds)
        .use(dedupe())
        .use(retry({ baseDelay: 0 }))
        .pipe(ClientChain.over(client))
      const fiber = yield* Effect.forkChild(text(retrying), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "second")
      assert.deepStrictEqual(
        calls.map(({ state }) => state),
        ["interrupted", "answered"]
      )
    })
  )

  it.effect("the request for a token is bounded too, and named by its own URL", () =>
    Effect.gen(function* () {
      const grant = "https://id.test/token"
      const { client } = TestClient.make(TestClient.always(`GET ${grant}`, { delay: "1 hour" }))
      const renewing = refresh({
        origins: ["https://api.test"],
        refresh: (inner) => Effect.as(inner.get(grant), Redacted.make("t"))
      })
      const calling = ClientChain.make("c").use(bounds).use(renewing).pipe(ClientChain.over(client))
      assert.deepStrictEqual(timeoutOf(yield* failingWithin(text(calling), 1000)), ["headers", grant])
    })
  )

  it.effect("the total is that of each caller: one that has no more time leaves what another still waits for", () =>
    Effect.gen(function* () {
      const { calls, client } = network({ delay: "1200 millis", body: "late" })
      const shared = ClientChain.make("c")
        .use(timeouts({ total: "1 second" }))
        .use(dedupe())
        .pipe(ClientChain.over(client))
      const first = yield* Effect.forkChild(Effect.flip(text(shared)), { startImmediately: true })
      yield* TestClock.adjust("500 millis")
      const other = yield* Effect.forkChild(text(shared), { startImmediately: true })
      yield* TestClock.adjust("500 millis")
      assert.deepStrictEqual(timeoutOf(yield* Fiber.join(first)), ["total", url])
      yield* TestClock.adjust("200 millis")
      assert.strictEqual(yield* Fiber.join(other), "late")
      assert.strictEqual(calls.length, 1)
    })
  )

  it.effect("a report is of the call, and not of an interrupted request within it", () =>
    Effect.gen(function* () {
      const reports: Array<ClientReport> = []
      const racing = ClientHandler.make("racing", {
        run: ({ inner, request }) =>
          Effect.race(inner.get("https://api.test/slow"), inner.execute(request)).pipe(
            Effect.orDie,
            Effect.map(ClientHandler.halt)
          )
      })
      const { calls, client } = TestClient.make(
        TestClient.once("GET /slow", { delay: "1 hour" }),
        TestClient.once("GET /rooms", { body: "fast", delay: "1 second" })
      )
      const watched = ClientChain.make("c")
        .use(log({ level: (report) => void reports.push(report) }))
        .use(racing)
        .pipe(ClientChain.over(client))
      const fiber = yield* Effect.forkChild(text(watched), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(fiber), "fast")
      assert.deepStrictEqual(
        calls.map(({ state }) => state),
        ["interrupted", "answered"]
      )
      assert.deepStrictEqual(
        reports.map(({ bodyState, error, kind }) => [kind, bodyState, error]),
        [
          ["attempt", "complete", undefined],
          ["request", "complete", undefined]
        ]
      )
    })
  )
})
