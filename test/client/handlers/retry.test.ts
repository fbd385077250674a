import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber, Random, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { ClientChain, ClientHandler } from "fairlead/client"
import { retry, RetryBudget, HttpTimeout, timeouts } from "fairlead/client/handlers"

import { get } from "../Calls.ts"
import { status } from "./Breaking.ts"
import { answering, scripted, serving, transports } from "./Hostile.ts"
import type { Answer } from "./Hostile.ts"

type Options = Parameters<typeof retry>[0]
type Request = HttpClientRequest.HttpClientRequest

/** Random numbers that are all this one. */
const always = (number: number) =>
  Effect.provideService(Random.Random, { nextDoubleUnsafe: () => number, nextIntUnsafe: () => 0 })

/** Runs the call, and lets the clock run: when each attempt was sent, and what came of it. */
const attempt = (request: Request, answers: ReadonlyArray<Answer>, options: Options = {}, jitter = 1) =>
  Effect.gen(function* () {
    const start = yield* Clock.currentTimeMillis
    const at: Array<number> = []
    const { transport } = scripted((_, __, call) => answers[call - 1] ?? status(200))
    const timed = HttpClient.tapRequest(transport, () =>
      Effect.map(Clock.currentTimeMillis, (now) => at.push(now - start))
    )
    const client = ClientChain.make("c").use(retry(options)).pipe(ClientChain.over(timed))
    const fiber = yield* Effect.forkChild(Effect.exit(always(jitter)(client.execute(request))))
    yield* TestClock.adjust("1 day")
    const exit = yield* Fiber.join(fiber)
    return { at, exit, status: Exit.isSuccess(exit) ? exit.value.status : undefined }
  })

const attempts = (request: Request, answers: ReadonlyArray<Answer>, options: Options = {}) =>
  Effect.map(attempt(request, answers, options), ({ at }) => at.length)

describe("retry", () => {
  it.effect("408, 425, 429, 500, 502, 503 and 504 are retried, other statuses are not", () =>
    Effect.gen(function* () {
      for (const code of [200, 204, 400, 401, 404, 408, 409, 421, 425, 429, 500, 501, 502, 503, 504, 505]) {
        const retried = [408, 425, 429, 500, 502, 503, 504].includes(code)
        assert.strictEqual(yield* attempts(get, [status(code)]), retried ? 2 : 1, `${code}`)
      }
      assert.strictEqual(yield* attempts(get, [status(501)], { statuses: [501] }), 2)
      assert.strictEqual(yield* attempts(get, [status(503)], { statuses: [501] }), 1)
    })
  )

  it.effect("a transport error is retried and recovered", () =>
    Effect.gen(function* () {
      const { at, status } = yield* attempt(get, ["broken", "broken"])
      assert.deepStrictEqual([at.length, status], [3, 200])
    })
  )

  it.effect("other errors and defects are not retried", () =>
    Effect.gen(function* () {
      class Refused {
        readonly _tag = "Refused"
      }
      for (const failure of [Exit.fail(new Refused()), Exit.die("defect")]) {
        const { sent, transport } = scripted(() => status(200))
        const inner = ClientHandler.make("inner", { afterResponse: () => failure })
        const exit = yield* Effect.exit(
          ClientChain.make("c").use(retry()).use(inner).pipe(ClientChain.over(transport)).execute(get)
        )
        assert.isTrue(Exit.isFailure(exit))
        assert.strictEqual(sent.length, 1)
      }
    })
  )

  it.effect("a transport error together with another one is not retried", () =>
    Effect.gen(function* () {
      const { sent, transport } = scripted(() => "broken")
      const inner = ClientHandler.make("inner", { afterResponse: () => Exit.die("defect") })
      const exit = yield* Effect.exit(
        ClientChain.make("c").use(retry()).use(inner).pipe(ClientChain.over(transport)).execute(get)
      )
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause) && Cause.hasFails(exit.cause))
      assert.strictEqual(sent.length, 1)
    })
  )

  it.effect("a failure that an outer handler raises beats the retry", () =>
    Effect.gen(function* () {
      const { sent, transport } = scripted(() => "broken")
      const outer = ClientHandler.make("outer", { afterResponse: () => Exit.fail("outer" as const) })
      const exit = yield* Effect.exit(
        ClientChain.make("c").use(outer).use(retry()).pipe(ClientChain.over(transport)).execute(get)
      )
      assert.strictEqual(sent.length, 1)
      assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.length === 2)
    })
  )

  it.effect("only idempotent methods are retried, others with an Idempotency-Key of the caller", () =>
    Effect.gen(function* () {
      for (const method of ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH"] as const) {
        const request = HttpClientRequest.make(method)("http://a.test/")
        const retried = method !== "POST" && method !== "PATCH"
        assert.strictEqual(yield* attempts(request, [status(503)]), retried ? 2 : 1, method)
        assert.strictEqual(yield* attempts(request, ["broken"]), retried ? 2 : 1, method)
        const keyed = HttpClientRequest.setHeader(request, "Idempotency-Key", "k")
        assert.strictEqual(yield* attempts(keyed, [status(503)]), 2, method)
      }
    })
  )

  it.effect("a key that a handler makes for each attempt does not make a request repeatable", () =>
    Effect.gen(function* () {
      const { sent, transport } = scripted(() => status(503))
      let keys = 0
      const key = ClientHandler.make("key", {
        run: ({ request }) =>
          ClientHandler.proceed(HttpClientRequest.setHeader(request, "idempotency-key", `${keys++}`))
      })
      yield* ClientChain.make("c").use(key).use(retry()).pipe(ClientChain.over(transport)).post("http://a.test/")
      assert.strictEqual(sent.length, 1)
    })
  )

  it.effect("the options can say what may be repeated", () =>
    Effect.gen(function* () {
      const post = HttpClientRequest.post("http://a.test/")
      assert.strictEqual(yield* attempts(post, [status(503)], { isRepeatable: () => true }), 2)
      assert.strictEqual(yield* attempts(get, [status(503)], { isRepeatable: () => false }), 1)
    })
  )

  it.effect("a stream body is retried only when it is declared replayable, and then whole; bytes and forms are", () =>
    Effect.gen(function* () {
      const put = HttpClientRequest.put("http://a.test/")
      const bytes = new TextEncoder().encode("once")
      const stream = HttpClientRequest.setBody(put, HttpBody.stream(Stream.make(bytes)))
      const once = yield* attempt(stream, ["broken"])
      assert.strictEqual(once.at.length, 1)
      assert.isTrue(Exit.isFailure(once.exit) && HttpClientError.isHttpClientError(Cause.squash(once.exit.cause)))
      assert.strictEqual(yield* attempts(ClientHandler.replayable(stream), ["broken"]), 2)
      assert.strictEqual(yield* attempts(HttpClientRequest.bodyText(put, "text"), ["broken"]), 2)
      assert.strictEqual(yield* attempts(HttpClientRequest.bodyFormData(put, new FormData()), ["broken"]), 2)
    })
  )

  it.effect("the last outcome is the outcome when the retries end", () =>
    Effect.gen(function* () {
      const responses = yield* attempt(get, [status(500), status(502), status(503), status(504)])
      assert.deepStrictEqual([responses.at.length, responses.status], [3, 503])
      const errors = yield* attempt(get, [status(500), "broken", "broken"])
      assert.strictEqual(errors.at.length, 3)
      assert.isTrue(Exit.isFailure(errors.exit) && Cause.hasFails(errors.exit.cause))
      assert.strictEqual(yield* attempts(get, [status(500)], { times: 0 }), 1)
      assert.strictEqual(
        yield* attempts(
          get,
          Array.from({ length: 9 }, () => status(500)),
          { times: 5, budget: rich }
        ),
        6
      )
    })
  )

  it.effect("the waits double up to the cap, and are a random part of that", () =>
    Effect.gen(function* () {
      const answers = Array.from({ length: 5 }, () => status(503))
      const options = { times: 5, baseDelay: "100 millis", maxDelay: "500 millis", budget: rich } as const
      assert.deepStrictEqual((yield* attempt(get, answers, options, 1)).at, [0, 100, 300, 700, 1200, 1700])
      assert.deepStrictEqual((yield* attempt(get, answers, options, 0.5)).at, [0, 50, 150, 350, 600, 850])
      assert.deepStrictEqual((yield* attempt(get, answers, options, 0)).at, [0, 0, 0, 0, 0, 0])
    })
  )
})

const rich = RetryBudget.make({ burst: 1000, ratio: 1 })

describe("Retry-After", () => {
  const waits = (value: string, options: Options = {}) =>
    Effect.map(attempt(get, [status(503, { "retry-after": value })], options, 0), ({ at }) => at[1])

  it.effect("is waited out in seconds, and the jitter comes on top", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* waits("3"), 3000)
      assert.strictEqual(yield* waits("0"), 0)
      const { at } = yield* attempt(get, [status(429, { "retry-after": "3" })], { baseDelay: 200 }, 0.5)
      assert.deepStrictEqual(at, [0, 3100])
    })
  )

  it.effect("is waited out as a date in each of the three forms, and not at all when that is past", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(1994, 10, 6, 8, 49, 30))
      assert.strictEqual(yield* waits("Sun, 06 Nov 1994 08:49:37 GMT"), 7000)
      yield* TestClock.setTime(Date.UTC(1994, 10, 6, 8, 49, 30))
      assert.strictEqual(yield* waits("Sunday, 06-Nov-94 08:49:37 GMT"), 7000)
      yield* TestClock.setTime(Date.UTC(1994, 10, 6, 8, 49, 30))
      assert.strictEqual(yield* waits("Sun Nov  6 08:49:37 1994"), 7000)
      assert.strictEqual(yield* waits("Sun, 06 Nov 1994 08:49:37 GMT"), 0)
    })
  )

  it.effect("that is neither counts as missing", () =>
    Effect.gen(function* () {
      for (const value of ["-1", "1.5", "soon", "1e3", "2026-01-01", "Thu, 31 Feb 2030 00:00:00 GMT", "3, 4"]) {
        assert.strictEqual(yield* waits(value), 0, value)
      }
    })
  )

  it.effect("beyond what the options allow ends the retries: the response is the outcome, at once", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* waits("61"), undefined)
      assert.strictEqual(yield* waits("60"), 60_000)
      assert.strictEqual(yield* waits("99999999999999999999"), undefined)
      assert.strictEqual(yield* waits("2", { maxRetryAfter: "1 second" }), undefined)
    })
  )

  it.effect("past the deadline of timeouts ends the retries, without waiting for it", () =>
    Effect.gen(function* () {
      const { sent, transport } = scripted(() => status(503, { "retry-after": "10" }))
      const chain = ClientChain.make("c")
        .use(timeouts({ total: "5 seconds" }))
        .use(retry())
      const response = yield* always(0)(chain.pipe(ClientChain.over(transport)).execute(get))
      assert.deepStrictEqual([response.status, sent.length], [503, 1])
    })
  )
})

describe("the budget of retries", () => {
  it.effect("is shared by all calls: when all fails, few retries are left", () =>
    Effect.gen(function* () {
      const { sent, transport } = scripted(() => status(503))
      const client = ClientChain.make("c")
        .use(retry({ times: 3, baseDelay: 0 }))
        .pipe(ClientChain.over(transport))
      yield* Effect.forEach(Array.from({ length: 100 }), () => client.execute(get), { concurrency: 10 })
      // The burst of 10, and one in five.
      assert.isAtMost(sent.length, 100 + 10 + 20)
      assert.isAtLeast(sent.length, 100 + 10 + 18)
    })
  )

  it.effect("can be shared by several handlers, and pays in for first attempts only", () =>
    Effect.gen(function* () {
      const budget = RetryBudget.make({ ratio: 0.5, burst: 2 })
      const { transport } = scripted((_, __, call) => status(call === 1 ? 503 : 200))
      const one = ClientChain.make("1")
        .use(retry({ budget, baseDelay: 0 }))
        .pipe(ClientChain.over(transport))
      const two = ClientChain.make("2")
        .use(retry({ budget, baseDelay: 0 }))
        .pipe(ClientChain.over(transport))
      yield* one.execute(get)
      assert.strictEqual(budget.balance(), 1)
      yield* two.execute(get)
      assert.strictEqual(budget.balance(), 1.5)
      yield* two.execute(get)
      yield* two.execute(get)
      assert.strictEqual(budget.balance(), 2)
      assert.deepStrictEqual([budget.withdraw(), budget.withdraw(), budget.withdraw()], [true, true, false])
    })
  )
})

describe("retry of a misdirected request", () => {
  it.effect("happens only where the options say how to ask for a new connection", () =>
    Effect.gen(function* () {
      const newConnection = (request: Request) => HttpClientRequest.setHeader(request, "connection", "close")
      const { sent, transport } = scripted((_, __, call) => status(call === 1 ? 421 : 200))
      yield* ClientChain.make("c")
        .use(retry({ newConnection, baseDelay: 0 }))
        .pipe(ClientChain.over(transport))
        .execute(get)
      assert.deepStrictEqual(
        sent.map(({ request }) => request.headers["connection"]),
        [undefined, "close"]
      )
      assert.strictEqual(yield* attempts(get, [status(421)]), 1)
    })
  )
})

describe.each(transports)("retry over %s", (name, transport) => {
  it.live("a connection cut before the response is tried again", () =>
    Effect.gen(function* () {
      let connections = 0
      const { url } = yield* answering((socket) => {
        if (++connections === 1) socket.destroy()
        else socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
      })
      const client = ClientChain.make("c")
        .use(retry({ baseDelay: 1 }))
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const response = yield* client.get(url)
      assert.strictEqual(yield* response.text, "ok")
      assert.strictEqual(connections, 2)
    }).pipe(Effect.provide(transport))
  )

  it.live("a POST whose connection is cut is sent once", () =>
    Effect.gen(function* () {
      let connections = 0
      const { url } = yield* answering((socket) => {
        connections++
        socket.destroy()
      })
      const client = ClientChain.make("c")
        .use(retry({ baseDelay: 1 }))
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const exit = yield* Effect.exit(client.execute(HttpClientRequest.post(url).pipe(HttpClientRequest.bodyText("x"))))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(connections, 1)
    }).pipe(Effect.provide(transport))
  )

  it.live("no connection is held while it waits, and an interruption ends the wait", () =>
    Effect.gen(function* () {
      let requests = 0
      const { sockets, url } = yield* serving((_, response) => {
        requests++
        response.writeHead(503, { "retry-after": "30" }).end("x".repeat(2_000_000))
      })
      const client = ClientChain.make("c")
        .use(retry())
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const fiber = yield* Effect.forkChild(client.get(url))
      // The body is too large to be read for its connection, which is therefore closed.
      yield* Effect.repeat(Effect.sleep(5), { until: () => requests === 1 && sockets.size === 0 })
      const exit = yield* Fiber.interrupt(fiber).pipe(Effect.andThen(Fiber.await(fiber)))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause), name)
      assert.strictEqual(requests, 1)
    }).pipe(Effect.provide(transport))
  )

  it.live("a server that does not answer in time is asked again", () =>
    Effect.gen(function* () {
      let requests = 0
      const { url } = yield* serving((_, response) => {
        if (++requests > 1) response.end("ok")
      })
      const chain = ClientChain.make("c")
        .use(retry({ baseDelay: 1 }))
        .use(timeouts({ headers: "100 millis" }))
      const response = yield* chain.pipe(ClientChain.over(yield* HttpClient.HttpClient)).get(url)
      assert.strictEqual(yield* response.text, "ok")
      assert.strictEqual(requests, 2)
    }).pipe(Effect.provide(transport))
  )
})

describe("retry and the total timeout", () => {
  it.effect("the total of another chain below is not retried", () =>
    Effect.gen(function* () {
      const { sent, transport } = scripted(() => Effect.never)
      const below = ClientChain.make("below")
        .use(timeouts({ total: "1 second" }))
        .pipe(ClientChain.over(transport))
      const fiber = yield* Effect.forkChild(
        Effect.exit(ClientChain.make("c").use(retry()).pipe(ClientChain.over(below)).execute(get))
      )
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
      assert.strictEqual(sent.length, 1)
    })
  )

  it.effect("the total is not retried", () =>
    Effect.gen(function* () {
      const { transport } = scripted(() => Effect.never)
      let cycles = 0
      const counting = ClientHandler.make("counting", { run: () => void cycles++ })
      const chain = ClientChain.make("c")
        .use(retry())
        .use(counting)
        .use(timeouts({ total: "1 second" }))
      const fiber = yield* Effect.forkChild(Effect.flip(chain.pipe(ClientChain.over(transport)).execute(get)))
      yield* TestClock.adjust("1 minute")
      const error = yield* Fiber.join(fiber)
      assert.isTrue(error instanceof HttpTimeout && error.phase === "total")
      assert.strictEqual(cycles, 1)
    })
  )
})
