/** Conditions, ranges and Vary: RFC 9111 §4.1, §4.3.2 and §3.3, RFC 9110 §13 and §14. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"

import { cached, call, httpDate, outcome, tagged } from "./Caching.ts"

const date = { date: httpDate(0) }

describe("conditions of the caller", () => {
  const headers = {
    etag: '"a"',
    "last-modified": httpDate(-100),
    "cache-control": "max-age=60",
    ...date,
    "content-type": "text/x"
  }

  it.effect.each([
    [{ "if-none-match": '"a"' }, 304],
    [{ "if-none-match": 'W/"a"' }, 304],
    [{ "if-none-match": '"x", "a"' }, 304],
    [{ "if-none-match": "*" }, 304],
    [{ "if-none-match": '"x"' }, 200],
    [{ "if-none-match": "a" }, 200],
    [{ "if-none-match": '"x"', "if-modified-since": httpDate(0) }, 200],
    [{ "if-modified-since": httpDate(-100) }, 304],
    [{ "if-modified-since": httpDate(-101) }, 200],
    [{ "if-modified-since": "yesterday" }, 200]
  ] as const)("cache 4: a fresh response answers %o by %i", ([request, status]) =>
    Effect.gen(function* () {
      const { client, count } = cached(() => ({ headers }))
      yield* call(client)
      const got = yield* call(client, { headers: request })
      assert.deepStrictEqual([got.status, got.text, count()], [status, status === 304 ? "" : "body", 1])
      assert.strictEqual(got.headers["etag"], '"a"')
      assert.strictEqual(got.headers["content-type"], status === 304 ? undefined : "text/x")
    })
  )

  it.effect("cache 4: a stale response is validated by its own tag, and then answers the caller's condition", () =>
    Effect.gen(function* () {
      const { client, sent } = cached(tagged('"a"', { "cache-control": "max-age=1" }))
      yield* call(client)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual((yield* call(client, { headers: { "if-none-match": '"x"' } })).status, 200)
      assert.strictEqual((yield* call(client, { headers: { "if-none-match": '"a"' } })).status, 304)
      assert.deepStrictEqual(sent("if-none-match"), [undefined, '"a"'])
    })
  )

  it.effect("cache 4: without a stored response the condition goes out, and its 304 comes back", () =>
    Effect.gen(function* () {
      const { client, count } = cached(tagged('"a"', { "cache-control": "max-age=60" }))
      assert.strictEqual((yield* call(client, { headers: { "if-none-match": '"a"' } })).status, 304)
      yield* call(client)
      assert.strictEqual(count(), 2)
    })
  )

  it.effect("cache 4: If-Match is the origin's: it is sent even when a fresh response is stored", () =>
    Effect.gen(function* () {
      const { client, count } = cached(() => ({ headers }))
      yield* call(client)
      yield* call(client, { headers: { "if-match": '"a"' } })
      assert.strictEqual(count(), 2)
    })
  )
})

describe("ranges", () => {
  const headers = { etag: '"a"', "last-modified": httpDate(-100), "cache-control": "max-age=60", ...date }

  it.effect.each([
    [{ range: "bytes=1-2" }, 206, "12", "bytes 1-2/10"],
    [{ range: "bytes=8-" }, 206, "89", "bytes 8-9/10"],
    [{ range: "bytes=-1" }, 206, "9", "bytes 9-9/10"],
    [{ range: "bytes=10-" }, 416, "", "bytes */10"],
    [{ range: "bytes=0-1,4-5" }, 200, "0123456789", undefined],
    [{ range: "bytes=1-2", "if-range": '"a"' }, 206, "12", "bytes 1-2/10"],
    [{ range: "bytes=1-2", "if-range": 'W/"a"' }, 200, "0123456789", undefined],
    [{ range: "bytes=1-2", "if-range": '"b"' }, 200, "0123456789", undefined],
    [{ range: "bytes=1-2", "if-range": httpDate(-100) }, 206, "12", "bytes 1-2/10"],
    [{ range: "bytes=1-2", "if-range": httpDate(-99) }, 200, "0123456789", undefined]
  ] as const)("cache 4: a complete response answers %o by %i %j", ([request, status, text, range]) =>
    Effect.gen(function* () {
      const { client, count } = cached(() => ({ headers, body: "0123456789" }))
      yield* call(client)
      const got = yield* call(client, { headers: request })
      assert.deepStrictEqual([got.status, got.text, got.headers["content-range"], count()], [status, text, range, 1])
      if (status === 206) assert.strictEqual(got.headers["content-length"], String(text.length))
    })
  )

  it.effect("cache 4: partial content answers the ranges that it holds, and nothing more", () =>
    Effect.gen(function* () {
      const { client, count } = cached(({ headers: asked }) =>
        asked["range"] === undefined
          ? { headers, body: "0123456789" }
          : { status: 206, headers: { ...headers, "content-range": "bytes 4-8/10" }, body: "45678" }
      )
      const get = (range: string) => call(client, { headers: { range } })
      yield* get("bytes=4-8")
      assert.strictEqual((yield* get("bytes=5-6")).text, "56")
      assert.strictEqual((yield* get("bytes=-2")).text, "45678", "the last byte is not there")
      assert.strictEqual(count(), 2)
      const whole = yield* call(client)
      assert.deepStrictEqual([whole.status, whole.text, count()], [200, "0123456789", 3])
    })
  )

  it.effect("cache 4: partial content with another length than announced is not stored", () =>
    Effect.gen(function* () {
      const { client, count } = cached(() => ({
        status: 206,
        headers: { ...headers, "content-range": "bytes 4-9/10" },
        body: "45678"
      }))
      yield* call(client, { headers: { range: "bytes=4-9" } })
      yield* call(client, { headers: { range: "bytes=4-9" } })
      assert.strictEqual(count(), 2)
    })
  )
})

describe("Vary", () => {
  const selects = (name: string, stored: string | undefined, asked: string | undefined, more = {}) =>
    Effect.gen(function* () {
      const { client } = cached(() => ({ headers: { "cache-control": "max-age=60", vary: name, ...more } }))
      const get = (value: string | undefined) => call(client, value === undefined ? {} : { headers: { [name]: value } })
      yield* get(stored)
      return outcome(yield* get(asked)) === "hit"
    })

  it.effect.each([
    ["x-v", "1", "1", true],
    ["x-v", "1", "2", false],
    ["x-v", "1", undefined, false],
    ["x-v", undefined, "1", false],
    ["x-v", undefined, undefined, true],
    ["x-v", "", undefined, false],
    ["x-v", "1,2", " 1 , 2 ", true],
    ["x-v", "A", "a", false],
    ["accept-language", "en, de", "DE,  en", true],
    ["accept-language", "en;q=1.0", "en", true],
    ["accept-encoding", "gzip, br", "br, gzip", true],
    ["accept-language", "en", "en, de", false]
  ] as const)("cache 4: a response that varies by %s: %j answers %j: %j", ([name, stored, asked, expected]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* selects(name, stored, asked), expected)
    })
  )

  it.effect("cache 4: the language of a response answers a request that prefers it to all others", () =>
    Effect.gen(function* () {
      const german = { "content-language": "de" }
      assert.isTrue(yield* selects("accept-language", "en, de", "fr;q=0.5, de", german))
      assert.isFalse(yield* selects("accept-language", "en, de", "fr, de", german))
      assert.isFalse(yield* selects("accept-language", "en, de", "de;q=0.5, fr", german))
    })
  )

  it.effect("cache 4: variants are kept apart, and one that has expired hides none of the others", () =>
    Effect.gen(function* () {
      const { client, count } = cached(({ headers }) => ({
        headers: { "cache-control": headers["x-v"] === "1" ? "max-age=1" : "max-age=60", vary: "x-v" },
        body: headers["x-v"] ?? ""
      }))
      const get = (value: string) => call(client, { headers: { "x-v": value } })
      yield* get("1")
      yield* get("2")
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([(yield* get("2")).text, count()], ["2", 2])
      assert.deepStrictEqual([(yield* get("1")).text, count()], ["1", 3])
    })
  )
})
