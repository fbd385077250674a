/** Which responses are stored and used again: RFC 9111 §3, §4.2 and §5.2. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { CacheOptions } from "fairlead/client/handlers"

import { cached, call, httpDate, outcome } from "./Caching.ts"
import type { Scripted } from "./Caching.ts"

interface Case {
  readonly title: string
  readonly response: Scripted
  readonly request?: Readonly<Record<string, string>>
  readonly options?: CacheOptions
  /** Seconds until the second call. */
  readonly after?: number
  readonly expected: string
}

const cc = (value: string, more: Readonly<Record<string, string>> = {}): Scripted => ({
  headers: { "cache-control": value, ...more }
})
const shared = { mode: "shared" } as const
const lastModified = (seconds: number) => ({ "last-modified": httpDate(seconds), date: httpDate(0) })
const etag = { etag: '"a"' }

const check = (cases: ReadonlyArray<Case>): void => {
  it.effect.each(cases)("cache 2: $title", ({ after = 1, expected, options = {}, request = {}, response }) =>
    Effect.gen(function* () {
      const { client } = cached(() => response, options)
      yield* call(client)
      yield* TestClock.adjust(after * 1000)
      assert.strictEqual(outcome(yield* call(client, { headers: request })), expected)
    })
  )
}

describe("freshness", () => {
  check([
    { title: "max-age is used until it is over", response: cc("max-age=60"), after: 59, expected: "hit" },
    { title: "max-age is over at its second", response: cc("max-age=60"), after: 60, expected: "stale" },
    { title: "max-age beats Expires", response: cc("max-age=60", { expires: "0" }), expected: "hit" },
    {
      title: "max-age=0 beats a later Expires",
      response: cc("max-age=0", { expires: httpDate(900), ...etag }),
      expected: "stale"
    },
    {
      title: "Expires counts from Date",
      response: { headers: { expires: httpDate(40), date: httpDate(10) } },
      after: 29,
      expected: "hit"
    },
    {
      title: "Expires without a valid Date counts from the arrival",
      response: { headers: { expires: httpDate(10), date: "foo" } },
      expected: "hit"
    },
    { title: "an invalid Expires is in the past", response: { headers: { expires: "0", ...etag } }, expected: "stale" },
    { title: "Age counts", response: cc("max-age=60", { age: "59" }), expected: "stale" },
    { title: "the first Age of a list counts", response: cc("max-age=60", { age: "0, 7200" }), expected: "hit" },
    { title: "an Age that is no number is ignored", response: cc("max-age=60", { age: "abc" }), expected: "hit" },
    { title: "an Age beyond 2^31 is old", response: cc("max-age=60", { age: "99999999999" }), expected: "stale" },
    {
      title: "a Date in the past makes a response older",
      response: cc("max-age=60", { date: "Wed, 31 Dec 1969 23:58:00 GMT" }),
      expected: "stale"
    },
    {
      title: "a Date in the future makes no response younger",
      response: cc("max-age=60", { date: httpDate(3600), age: "59" }),
      expected: "stale"
    },
    {
      title: "s-maxage is for shared caches",
      response: cc("s-maxage=60, max-age=0"),
      options: shared,
      expected: "hit"
    },
    { title: "s-maxage is not for private caches", response: cc("s-maxage=60, max-age=0", etag), expected: "stale" },
    { title: "seconds are not milliseconds", response: cc("max-age=2"), after: 1.9, expected: "hit" }
  ])
})

describe("freshness by guess", () => {
  check([
    {
      title: "a tenth of the time since Last-Modified",
      response: { headers: lastModified(-1000) },
      after: 99,
      expected: "hit"
    },
    { title: "no more than a tenth", response: { headers: lastModified(-1000) }, after: 101, expected: "stale" },
    { title: "at most a day", response: { headers: lastModified(-900_000_000) }, after: 86_401, expected: "stale" },
    {
      title: "switched off",
      response: { headers: lastModified(-1000) },
      options: { heuristicFraction: 0 },
      expected: "stale"
    },
    ...[203, 204, 300, 301, 308, 404, 405, 410, 414, 501].map((status) => ({
      title: `of status ${status}`,
      response: { status, headers: lastModified(-1000) },
      expected: "hit"
    })),
    ...[201, 302, 303, 307, 403, 500, 503, 599].map((status) => ({
      title: `never of status ${status}`,
      response: { status, headers: lastModified(-1000) },
      expected: "uri-miss"
    })),
    {
      title: "of any status with public",
      response: { status: 599, headers: { "cache-control": "public", ...lastModified(-1000) } },
      expected: "hit"
    },
    { title: "nothing to guess by", response: {}, expected: "uri-miss" }
  ])
})

describe("storing", () => {
  check([
    { title: "no-store is not stored", response: cc("No-Store, max-age=60"), expected: "uri-miss" },
    {
      title: "private is not for shared caches",
      response: cc("private, max-age=60"),
      options: shared,
      expected: "uri-miss"
    },
    { title: "private is for private caches", response: cc("private, max-age=60"), expected: "hit" },
    {
      title: 'private="x" is for shared caches too',
      response: cc('private="x", max-age=60'),
      options: shared,
      expected: "hit"
    },
    {
      title: 'private="x y" is read as private',
      response: cc('private="x y", max-age=60'),
      options: shared,
      expected: "uri-miss"
    },
    { title: "an open quoted string may hide no-store", response: cc('max-age=60, x="no-store'), expected: "uri-miss" },
    { title: "Vary: * is not stored", response: cc("max-age=60", { vary: "Foo, *" }), expected: "uri-miss" },
    {
      title: "must-understand beats no-store for a known status",
      response: cc("max-age=60, no-store, must-understand"),
      expected: "hit"
    },
    {
      title: "must-understand forbids an unknown status",
      response: { status: 599, ...cc("max-age=60, must-understand") },
      expected: "uri-miss"
    },
    {
      title: "an unknown status with freshness is stored",
      response: { status: 599, ...cc("max-age=60") },
      expected: "hit"
    },
    { title: "307 with freshness is stored", response: { status: 307, ...cc("max-age=60") }, expected: "hit" },
    { title: "no-cache is validated before each use", response: cc("no-cache, max-age=60", etag), expected: "request" },
    { title: 'no-cache="x" is used without x', response: cc('no-cache="x-secret", max-age=60'), expected: "hit" },
    {
      title: "a body shorter than announced is not stored",
      response: cc("max-age=60", { "content-length": "10" }),
      expected: "uri-miss"
    },
    { title: "max-age=0 without a validator is of no use", response: cc("max-age=0"), expected: "uri-miss" },
    {
      title: "a forced time to live is for responses that say nothing",
      response: {},
      options: { timeToLive: () => "1 minute" },
      expected: "hit"
    },
    {
      title: "a forced time to live ends",
      response: {},
      options: { timeToLive: () => "1 minute" },
      after: 61,
      expected: "stale"
    },
    {
      title: "a forced time to live changes no response that speaks for itself",
      response: cc("no-store"),
      options: { timeToLive: () => "1 minute" },
      expected: "uri-miss"
    }
  ])
})

describe("requests", () => {
  check([
    {
      title: "max-age of a request",
      response: cc("max-age=60"),
      request: { "cache-control": "max-age=5" },
      after: 6,
      expected: "request"
    },
    {
      title: "min-fresh of a request",
      response: cc("max-age=60"),
      request: { "cache-control": "min-fresh=60" },
      expected: "request"
    },
    {
      title: "no-cache of a request",
      response: cc("max-age=60"),
      request: { "cache-control": "no-cache" },
      expected: "request"
    },
    {
      title: "Pragma: no-cache without Cache-Control",
      response: cc("max-age=60"),
      request: { pragma: "no-cache" },
      expected: "request"
    },
    {
      title: "Pragma does not count beside Cache-Control",
      response: cc("max-age=60"),
      request: { pragma: "no-cache", "cache-control": "x" },
      expected: "hit"
    },
    {
      title: "no-store of a request passes the cache",
      response: cc("max-age=60"),
      request: { "cache-control": "no-store" },
      expected: "bypass"
    },
    {
      title: "max-stale accepts any staleness",
      response: cc("max-age=1"),
      request: { "cache-control": "max-stale" },
      after: 999,
      expected: "hit"
    },
    {
      title: "max-stale accepts so much staleness",
      response: cc("max-age=1"),
      request: { "cache-control": "max-stale=5" },
      after: 6,
      expected: "hit"
    },
    {
      title: "max-stale accepts no more staleness",
      response: cc("max-age=1"),
      request: { "cache-control": "max-stale=5" },
      after: 7,
      expected: "stale"
    },
    ...["must-revalidate", "no-cache"].map((directive) => ({
      title: `max-stale does not beat ${directive}`,
      response: cc(`max-age=1, ${directive}`, etag),
      request: { "cache-control": "max-stale" },
      after: 2,
      expected: "stale"
    })),
    ...["proxy-revalidate", "s-maxage=1"].map((directive) => ({
      title: `max-stale does not beat ${directive} in a shared cache`,
      response: cc(`max-age=1, ${directive}`, etag),
      options: shared,
      request: { "cache-control": "max-stale" },
      after: 2,
      expected: "stale"
    }))
  ])

  it.effect("cache 2: only-if-cached is answered by 504 when nothing is stored", () =>
    Effect.gen(function* () {
      const { client, count } = cached(() => cc("max-age=60"))
      const missed = yield* call(client, { headers: { "cache-control": "only-if-cached" } })
      assert.deepStrictEqual([missed.status, count()], [504, 0])
      yield* call(client)
      const found = yield* call(client, { headers: { "cache-control": "only-if-cached" } })
      assert.deepStrictEqual([found.status, found.text, count()], [200, "body", 1])
    })
  )
})

describe("the Authorization rules of a shared cache", () => {
  const everybody: CacheOptions = { mode: "shared", partition: () => "" }
  it.effect.each([
    ["max-age=60", "uri-miss"],
    ["max-age=60, public", "hit"],
    ["max-age=60, must-revalidate", "hit"],
    ["s-maxage=60", "hit"]
  ] as const)("cache 4: a response to a request with Authorization and %s: %s", ([directives, expected]) =>
    Effect.gen(function* () {
      for (const authorization of ["Bearer t", ""]) {
        const { client } = cached(() => cc(directives), everybody)
        yield* call(client, { headers: { authorization } })
        assert.strictEqual(outcome(yield* call(client)), expected)
      }
    })
  )
})

describe("targeted fields", () => {
  const options: CacheOptions = { mode: "shared", targets: ["CDN-Cache-Control"] }
  const both = (targeted: string, standard: string): Scripted => ({
    headers: { "cdn-cache-control": targeted, "cache-control": standard }
  })
  check([
    {
      title: "a targeted field takes the place of Cache-Control",
      response: both("max-age=60", "no-store"),
      options,
      expected: "hit"
    },
    { title: "a targeted no-store too", response: both("no-store", "max-age=60"), options, expected: "uri-miss" },
    {
      title: "an invalid targeted field is ignored",
      response: both("max-age=60, &&&", "no-store"),
      options,
      expected: "uri-miss"
    },
    {
      title: "a time that is no integer makes it invalid",
      response: both('max-age="60"', "no-store"),
      options,
      expected: "uri-miss"
    },
    { title: "an empty targeted field is ignored", response: both("", "max-age=60"), options, expected: "hit" },
    {
      title: "without the option it is not read",
      response: both("max-age=60", "no-store"),
      options: shared,
      expected: "uri-miss"
    }
  ])
})
