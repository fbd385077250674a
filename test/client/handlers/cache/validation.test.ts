/** Validation, stale responses and HEAD: RFC 9111 §4.2.4 and §4.3, RFC 5861. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClientError } from "effect/http"
import { TestClock } from "effect/testing"

import { cached, call, httpDate, outcome, tagged } from "./Caching.ts"
import type { Scripted } from "./Caching.ts"

describe("validation", () => {
  it.effect("cache 4: a stale response is validated by its tag and its date, and used again after 304", () =>
    Effect.gen(function* () {
      const modified = httpDate(-100)
      const answer = tagged('"a"', { "cache-control": "max-age=1", "last-modified": modified })
      const { client, count, sent } = cached(answer)
      yield* call(client)
      yield* TestClock.adjust("2 seconds")
      const second = yield* call(client)
      assert.deepStrictEqual([second.status, second.text, outcome(second), count()], [200, "body", "stale", 2])
      assert.deepStrictEqual([sent("if-none-match")[1], sent("if-modified-since")[1]], ['"a"', modified])
      assert.include(second.headers["cache-status"], "fwd-status=304")
    })
  )

  it.effect("cache 4: a 304 updates the stored fields, save those about the stored body", () =>
    Effect.gen(function* () {
      const { client } = cached(
        tagged(
          '"a"',
          { "cache-control": "max-age=1", "x-a": "1", "x-b": "1", "content-encoding": "br" },
          { "cache-control": "max-age=60", "x-a": "2", "content-encoding": "gzip", "content-length": "9" }
        )
      )
      yield* call(client)
      yield* TestClock.adjust("2 seconds")
      yield* call(client)
      const third = yield* call(client)
      assert.strictEqual(outcome(third), "hit")
      assert.deepStrictEqual(
        [third.headers["x-a"], third.headers["x-b"], third.headers["content-encoding"]],
        ["2", "1", "br"]
      )
      assert.isUndefined(third.headers["content-length"])
    })
  )

  it.effect("cache 4: a 304 that forbids storing is used once, and evicts", () =>
    Effect.gen(function* () {
      const { client, sent } = cached(tagged('"a"', { "cache-control": "max-age=1" }, { "cache-control": "no-store" }))
      yield* call(client)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* call(client)).text, "body")
      yield* call(client)
      assert.deepStrictEqual(sent("if-none-match"), [undefined, '"a"', undefined])
    })
  )

  it.effect("cache 4: a 304 about another tag is not believed: the request goes out without a condition", () =>
    Effect.gen(function* () {
      const { client, sent } = cached(({ headers }) =>
        headers["if-none-match"] === undefined
          ? { headers: { etag: '"a"', "cache-control": "max-age=1" } }
          : { status: 304, headers: { etag: '"b"' } }
      )
      yield* call(client)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* call(client)).text, "body")
      assert.deepStrictEqual(sent("if-none-match"), [undefined, '"a"', undefined])
    })
  )

  it.effect("cache 4: a 304 that changes Vary changes what is selected", () =>
    Effect.gen(function* () {
      const { client } = cached(
        tagged('"a"', { "cache-control": "max-age=1" }, { "cache-control": "max-age=60", vary: "x-v" })
      )
      yield* call(client, { headers: { "x-v": "1" } })
      yield* TestClock.adjust("2 seconds")
      yield* call(client, { headers: { "x-v": "1" } })
      assert.strictEqual(outcome(yield* call(client, { headers: { "x-v": "1" } })), "hit")
      assert.strictEqual(outcome(yield* call(client, { headers: { "x-v": "2" } })), "vary-miss")
    })
  )

  it.effect("cache 4: a 5xx to a validation is passed on, unless a stale response may replace it", () =>
    Effect.gen(function* () {
      for (const [sie, expected] of [
        ["", [503, "down"]],
        [", stale-if-error=60", [200, "body"]],
        [", stale-if-error=60, must-revalidate", [503, "down"]]
      ] as const) {
        const { client } = cached((_, count) =>
          count === 1 ? { headers: { etag: '"a"', "cache-control": `max-age=1${sie}` } } : { status: 503, body: "down" }
        )
        yield* call(client)
        yield* TestClock.adjust("2 seconds")
        const { status, text } = yield* call(client)
        assert.deepStrictEqual([status, text], [...expected])
        yield* TestClock.adjust("2 minutes")
        assert.strictEqual((yield* call(client)).status, 503)
      }
    })
  )

  const refused = (request: Parameters<Parameters<typeof cached>[0]>[0]) =>
    Effect.fail(
      new HttpClientError.HttpClientError({
        reason: new HttpClientError.TransportError({ request, cause: new Error("refused") })
      })
    ) as unknown as Effect.Effect<Scripted>

  it.effect("cache 4: stale-if-error also answers a refused connection, by the response or by the option", () =>
    Effect.gen(function* () {
      for (const [directives, staleIfError, expected] of [
        ["max-age=1, stale-if-error=60", 0, "body"],
        ["max-age=1", "1 minute", "body"],
        ["max-age=1", 0, "TransportError"],
        ["max-age=1, must-revalidate", "1 minute", "TransportError"],
        ["max-age=1, no-cache", "1 minute", "TransportError"]
      ] as const) {
        const { client } = cached(
          (request, count) =>
            count === 1 ? { headers: { etag: '"a"', "cache-control": directives } } : refused(request),
          { staleIfError }
        )
        yield* call(client)
        yield* TestClock.adjust("2 seconds")
        const got = yield* Effect.match(call(client), {
          onSuccess: ({ text }) => text,
          onFailure: (error) => (HttpClientError.isHttpClientError(error) ? error.reason._tag : "other")
        })
        assert.strictEqual(got, expected, directives)
      }
    })
  )

  it.effect("cache 4: stale-if-error answers a small body that breaks off", () =>
    Effect.gen(function* () {
      const { client } = cached((_, count) => {
        if (count === 1) return { headers: { "cache-control": "max-age=1, stale-if-error=60" } }
        const broken = new ReadableStream({ start: (controller) => controller.error(new Error("cut")) })
        return { headers: { "content-length": "10" }, body: broken }
      })
      yield* call(client)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* call(client)).text, "body")
    })
  )

  it.effect("cache 4: onUnreachable: respond answers by 504, as must-revalidate asks", () =>
    Effect.gen(function* () {
      const { client } = cached(
        (request, count) =>
          count === 1 ? { headers: { "cache-control": "max-age=1, must-revalidate" } } : refused(request),
        { onUnreachable: "respond", staleIfError: "1 hour" }
      )
      yield* call(client)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* call(client)).status, 504)
    })
  )

  it.effect("cache 4: stale-while-revalidate answers at once, and its 304 refreshes", () =>
    Effect.gen(function* () {
      const { client, count } = cached(
        tagged('"a"', { "cache-control": "max-age=1, stale-while-revalidate=10" }, { "x-new": "1" })
      )
      yield* call(client)
      yield* TestClock.adjust("2 seconds")
      const stale = yield* call(client)
      assert.deepStrictEqual([outcome(stale), stale.headers["age"]], ["hit", "2"])
      yield* Effect.yieldNow
      const next = yield* call(client)
      assert.deepStrictEqual([outcome(next), next.headers["x-new"], next.headers["age"], count()], ["hit", "1", "0", 2])
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual(outcome(yield* call(client)), "stale")
    })
  )

  it.effect("cache 4: stale-while-revalidate without a validator replaces the response, once for many", () =>
    Effect.gen(function* () {
      const { client, count } = cached((_, count) => ({
        headers: { "cache-control": "max-age=1, stale-while-revalidate=10" },
        body: `body ${count}`
      }))
      yield* call(client)
      yield* TestClock.adjust("2 seconds")
      const stale = yield* Effect.all([call(client), call(client), call(client)], { concurrency: 3 })
      assert.deepStrictEqual(
        stale.map(({ text }) => text),
        ["body 1", "body 1", "body 1"]
      )
      yield* Effect.yieldNow
      assert.deepStrictEqual([(yield* call(client)).text, count()], ["body 2", 2])
    })
  )

  it.effect('cache 4: no-cache="field" keeps the field out of later responses; Set-Cookie is not replayed', () =>
    Effect.gen(function* () {
      const { client } = cached(() => ({
        headers: {
          "cache-control": 'max-age=60, no-cache="x-secret"',
          "x-secret": "1",
          "set-cookie": "a=b",
          connection: "x-hop",
          "x-hop": "1"
        }
      }))
      const first = yield* call(client)
      const second = yield* call(client)
      assert.deepStrictEqual([first.headers["set-cookie"], outcome(second)], ["a=b", "hit"])
      for (const name of ["x-secret", "set-cookie", "connection", "x-hop"])
        assert.isUndefined(second.headers[name], name)
    })
  )
})

describe("HEAD", () => {
  it.effect("cache 4: a fresh response to GET answers HEAD without its body", () =>
    Effect.gen(function* () {
      const { client, count } = cached(() => ({ headers: { "cache-control": "max-age=60", "x-a": "1" } }))
      yield* call(client)
      const head = yield* call(client, { method: "HEAD" })
      assert.deepStrictEqual([head.status, head.text, head.headers["x-a"], count()], [200, "", "1", 1])
    })
  )

  it.effect("cache 4: a HEAD response updates the stored response, or shows that it is no longer true", () =>
    Effect.gen(function* () {
      for (const [etag, expected] of [
        ['"a"', "hit"],
        ['"b"', "stale"]
      ] as const) {
        const { client } = cached(({ method }) =>
          method === "HEAD"
            ? { headers: { "cache-control": "max-age=60", etag, "x-a": "2" }, body: null }
            : { headers: { "cache-control": "max-age=1", etag: '"a"', "x-a": "1" } }
        )
        yield* call(client)
        yield* TestClock.adjust("2 seconds")
        yield* call(client, { method: "HEAD" })
        const got = yield* call(client)
        assert.strictEqual(outcome(got), expected)
        if (expected === "hit") assert.strictEqual(got.headers["x-a"], "2")
      }
    })
  )

  it.effect("cache 4: a response to HEAD is never stored for GET", () =>
    Effect.gen(function* () {
      const { client, count } = cached(() => ({ headers: { "cache-control": "max-age=60" } }))
      yield* call(client, { method: "HEAD" })
      assert.deepStrictEqual([(yield* call(client)).text, count()], ["body", 2])
    })
  )
})
