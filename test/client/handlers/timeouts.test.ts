import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { ClientChain, ClientHandler } from "fairlead/client"
import { retry, HttpTimeout, timeouts } from "fairlead/client/handlers"

import { answering, scripted, serving, transports } from "./Hostile.ts"
import type { Answer } from "./Hostile.ts"

type Options = Parameters<typeof timeouts>[0]

const get = HttpClientRequest.get("http://a.test/?token=secret")

const after = (millis: number, answer = new Response("ok")): Answer => Effect.delay(Effect.succeed(answer), millis)

const phaseOf = (error: unknown): string =>
  error instanceof HttpTimeout
    ? error.phase
    : HttpClientError.isHttpClientError(error) && error.cause instanceof HttpTimeout
      ? `body ${error.cause.phase}`
      : String(error)

/** What comes of reading the whole response, when the clock runs as far as it has to. */
const outcomeOf = <E>(call: Effect.Effect<unknown, E>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(Effect.match(call, { onSuccess: () => "ok", onFailure: phaseOf }))
    yield* TestClock.adjust("10 minutes")
    return yield* Fiber.join(fiber)
  })

const reading = (options: Options, answer: () => Answer) => {
  const { transport } = scripted(answer)
  const client = ClientChain.make("c").use(timeouts(options)).pipe(ClientChain.over(transport))
  return outcomeOf(Effect.flatMap(client.execute(get), (response) => response.text))
}

/** A body whose pieces come this long after one another. */
const dripping = (...waits: ReadonlyArray<number>): Answer =>
  Effect.map(
    Stream.toReadableStreamEffect(
      Stream.mapEffect(Stream.fromIterable(waits), (wait) => Effect.delay(Effect.succeed(new Uint8Array(1)), wait))
    ),
    (body) => new Response(body)
  )

describe("timeouts", () => {
  it.effect("a late head is an error of the phase headers, one in time is not", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* reading({ headers: "1 second" }, () => after(1001)), "headers")
      assert.strictEqual(yield* reading({ headers: "1 second" }, () => after(999)), "ok")
    })
  )

  it.effect("without options a head and each piece of the body have 30 seconds, and the total is free", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* reading({}, () => after(30_001)), "headers")
      assert.strictEqual(yield* reading({}, () => after(29_999)), "ok")
      assert.strictEqual(yield* reading({}, () => dripping(1, 30_001)), "body idle")
      assert.strictEqual(yield* reading({}, () => dripping(29_999, 29_999, 29_999)), "ok")
    })
  )

  it.effect("an infinite bound does not apply", () =>
    Effect.gen(function* () {
      const options = { headers: "Infinity", idle: "Infinity" } as const
      assert.strictEqual(yield* reading(options, () => after(300_000)), "ok")
      assert.strictEqual(yield* reading(options, () => dripping(300_000)), "ok")
    })
  )

  it.effect("the idle time is that of waiting for a piece: neither the whole body nor a slow reader counts", () =>
    Effect.gen(function* () {
      const options = { idle: "1 second" } as const
      assert.strictEqual(yield* reading(options, () => dripping(900, 900, 900, 900)), "ok")
      assert.strictEqual(yield* reading(options, () => dripping(900, 1100)), "body idle")
      const { transport } = scripted(() => dripping(10, 10, 10))
      const response = yield* ClientChain.make("c")
        .use(timeouts(options))
        .pipe(ClientChain.over(transport))
        .execute(get)
      const slow = Stream.runForEach(response.stream, () => Effect.sleep("5 seconds"))
      assert.strictEqual(yield* outcomeOf(slow), "ok")
    })
  )

  it.effect("every way to read the body is bounded", () =>
    Effect.gen(function* () {
      for (const way of ["text", "json", "arrayBuffer", "urlParamsBody", "formData"] as const) {
        const { transport } = scripted(() => dripping(5000))
        const response = yield* ClientChain.make("c")
          .use(timeouts({ idle: 1000 }))
          .pipe(ClientChain.over(transport))
          .execute(get)
        assert.strictEqual(yield* outcomeOf(response[way]), "body idle", way)
      }
    })
  )

  it.effect("the total bounds head and body together, and says so", () =>
    Effect.gen(function* () {
      const options = { total: "2 seconds", headers: "10 seconds", idle: "10 seconds" } as const
      assert.strictEqual(yield* reading(options, () => after(2001)), "total")
      assert.strictEqual(yield* reading(options, () => dripping(900, 900, 900)), "body total")
      assert.strictEqual(yield* reading(options, () => dripping(900, 900)), "ok")
    })
  )

  it.effect("the total runs on over retries and hops, and bounds their waits", () =>
    Effect.gen(function* () {
      const { sent, transport } = scripted(() => after(600, new Response("no", { status: 503 })))
      const chain = ClientChain.make("c")
        .use(timeouts({ total: 1000 }))
        .use(retry({ times: 9, baseDelay: 0 }))
      assert.strictEqual(yield* outcomeOf(chain.pipe(ClientChain.over(transport)).execute(get)), "total")
      assert.strictEqual(sent.length, 2)
    })
  )

  it.effect("the total bounds what handlers declared later do, and not those declared earlier", () =>
    Effect.gen(function* () {
      const slow = (wait: number) =>
        ClientHandler.make("slow", {
          run: () => Effect.as(Effect.sleep(wait), ClientHandler.proceed()),
          afterResponse: () => Effect.asVoid(Effect.sleep(wait))
        })
      const { sent, transport } = scripted(() => new Response("ok"))
      const bounded = timeouts({ total: 1000, headers: 1000 })
      const inside = ClientChain.make("c").use(bounded).use(slow(2000)).pipe(ClientChain.over(transport))
      assert.strictEqual(yield* outcomeOf(inside.execute(get)), "total")
      assert.strictEqual(sent.length, 0)
      const free = ClientChain.make("c")
        .use(timeouts({ headers: 1000 }))
        .use(slow(2000))
        .pipe(ClientChain.over(transport))
      assert.strictEqual(yield* outcomeOf(free.execute(get)), "ok")
      const wayBack = ClientChain.make("c").use(bounded).use(slow(600)).pipe(ClientChain.over(transport))
      assert.strictEqual(yield* outcomeOf(wayBack.execute(get)), "total")
      assert.strictEqual(sent.length, 2)
      const outside = ClientChain.make("c").use(slow(2000)).use(bounded).pipe(ClientChain.over(transport))
      assert.strictEqual(yield* outcomeOf(outside.execute(get)), "ok")
    })
  )

  it.effect("a handler declared earlier sees the error, and can recover it", () =>
    Effect.gen(function* () {
      const { transport } = scripted(() => Effect.never)
      const chain = ClientChain.make("c")
        .recover(HttpTimeout, ({ phase }, { request }) =>
          HttpClientResponse.fromWeb(request, new Response(phase, { status: 504 }))
        )
        .use(timeouts({ headers: 1000 }))
      const fiber = yield* Effect.forkChild(chain.pipe(ClientChain.over(transport)).execute(get))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 504)
    })
  )

  it.effect("two of them apply both: the one that ends first", () =>
    Effect.gen(function* () {
      const { transport } = scripted(() => after(600))
      const chain = ClientChain.make("c")
        .use(timeouts({ total: 500 }))
        .use(timeouts({ headers: 1000 }))
      assert.strictEqual(yield* outcomeOf(chain.pipe(ClientChain.over(transport)).execute(get)), "total")
      const other = ClientChain.make("c")
        .use(timeouts({ total: 1000 }))
        .use(timeouts({ headers: 500 }))
      assert.strictEqual(yield* outcomeOf(other.pipe(ClientChain.over(transport)).execute(get)), "headers")
    })
  )

  it.effect("a connect timeout of the transport is one of the phase connect, another transport error stays", () =>
    Effect.gen(function* () {
      const failing = (cause: unknown) => {
        const { transport } = scripted((request) =>
          Effect.fail(
            new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })
          )
        )
        return Effect.flip(ClientChain.make("c").use(timeouts()).pipe(ClientChain.over(transport)).execute(get))
      }
      const coded = (code: string, syscall?: string) => Object.assign(new Error(code), { code, syscall })
      const causes = [
        coded("UND_ERR_CONNECT_TIMEOUT"),
        new TypeError("fetch failed", { cause: coded("UND_ERR_CONNECT_TIMEOUT") }),
        coded("ETIMEDOUT", "connect"),
        new AggregateError([coded("ETIMEDOUT", "connect")])
      ]
      for (const cause of causes) assert.strictEqual(phaseOf(yield* failing(cause)), "connect")
      for (const cause of [coded("ECONNREFUSED", "connect"), coded("ETIMEDOUT", "read"), undefined, "text"]) {
        assert.isTrue(HttpClientError.isHttpClientError(yield* failing(cause)))
      }
    })
  )

  it.effect("the message says what to raise, and hides secrets of the URL", () =>
    Effect.gen(function* () {
      const { transport } = scripted(() => Effect.never)
      const request = HttpClientRequest.get("http://me:pass@a.test/")
      const call = ClientChain.make("c")
        .use(timeouts({ headers: 1000 }))
        .pipe(ClientChain.over(transport))
        .execute(request)
      const fiber = yield* Effect.forkChild(Effect.flip(call))
      yield* TestClock.adjust("2 seconds")
      const { message } = yield* Fiber.join(fiber)
      assert.include(message, "headers timeout of 1000 ms: raise `headers`")
      assert.notInclude(message, "pass")
    })
  )
})

describe.each(transports)("timeouts over %s", (_, transport) => {
  it.live("a server that accepts and is silent: the connection is closed", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* answering(() => {})
      const client = ClientChain.make("c")
        .use(timeouts({ headers: "100 millis" }))
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      assert.strictEqual(phaseOf(yield* Effect.flip(client.get(url))), "headers")
      yield* Effect.repeat(Effect.sleep(5), { until: () => sockets.size === 0 })
    }).pipe(Effect.provide(transport))
  )

  it.live("a server that drips its head is bounded by the time to the whole head", () =>
    Effect.gen(function* () {
      const { url } = yield* answering((socket) => {
        socket.write("HTTP/1.1 200 OK\r\n")
        const timer = setInterval(() => socket.write("x-a: b\r\n"), 20)
        socket.on("close", () => clearInterval(timer))
      })
      const client = ClientChain.make("c")
        .use(timeouts({ headers: "200 millis" }))
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      assert.strictEqual(phaseOf(yield* Effect.flip(client.get(url))), "headers")
    }).pipe(Effect.provide(transport))
  )

  it.live("a server that stops in the middle of a body: the body fails, and the connection is closed", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* serving((_, response) => {
        response.writeHead(200, { "content-length": "100" })
        response.write("half")
      })
      const client = ClientChain.make("c")
        .use(timeouts({ idle: "100 millis" }))
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const response = yield* client.get(url)
      assert.strictEqual(phaseOf(yield* Effect.flip(response.text)), "body idle")
      yield* Effect.repeat(Effect.sleep(5), { until: () => sockets.size === 0 })
    }).pipe(Effect.provide(transport))
  )

  it.live("a server that drips its body for ever is ended by the total", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* serving((_, response) => {
        response.writeHead(200)
        const timer = setInterval(() => response.write("x"), 10)
        response.on("close", () => clearInterval(timer))
      })
      const client = ClientChain.make("c")
        .use(timeouts({ total: "300 millis" }))
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const response = yield* client.get(url)
      assert.strictEqual(phaseOf(yield* Effect.flip(response.text)), "body total")
      yield* Effect.repeat(Effect.sleep(5), { until: () => sockets.size === 0 })
    }).pipe(Effect.provide(transport))
  )

  it.live("an interruption within the bounds is an interruption, and no timeout", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* answering(() => {})
      const client = ClientChain.make("c")
        .use(timeouts({ total: "1 minute" }))
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const fiber = yield* Effect.forkChild(client.get(url))
      yield* Effect.repeat(Effect.sleep(5), { until: () => sockets.size === 1 })
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      yield* Effect.repeat(Effect.sleep(5), { until: () => sockets.size === 0 })
    }).pipe(Effect.provide(transport))
  )
})
