/**
 * The policy against a slow, obvious model, and cached exchanges against uncached ones: whatever the fields and the times, the cache never uses a response that the
 * model does not allow, and its answers are those of the origin.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type { CacheOptions } from "fairlead/client/handlers"

import { seed } from "../../../Seed.ts"
import { cached, call, httpDate, outcome } from "./Caching.ts"
import { randomOf } from "./Random.ts"
import type { Random } from "./Random.ts"

const directives = [
  "max-age=5",
  "max-age=50",
  "max-age=0",
  "s-maxage=20",
  "no-cache",
  "no-store",
  "private",
  "public",
  "must-revalidate",
  "proxy-revalidate",
  "stale-while-revalidate=10",
  "stale-if-error=10",
  "immutable",
  "x"
]
const requestDirectives = ["max-age=10", "max-stale=15", "max-stale", "min-fresh=5", "no-cache"]

interface Fields {
  readonly control: ReadonlyArray<string>
  readonly asked: ReadonlyArray<string>
  readonly age: number | undefined
  readonly expires: number | undefined
  readonly hasTag: boolean
  readonly mode: "private" | "shared"
  readonly pause: number
}

const fieldsOf = (random: Random): Fields => ({
  control: random.some(directives, 4),
  asked: random.chance(0.4) ? random.some(requestDirectives, 2) : [],
  age: random.chance(0.3) ? random.below(60) : undefined,
  expires: random.chance(0.3) ? random.below(60) : undefined,
  hasTag: random.chance(0.5),
  mode: random.chance(0.5) ? "private" : "shared",
  pause: random.below(80)
})

const secondsOf = (list: ReadonlyArray<string>, name: string): number | undefined => {
  const text = list.find((each) => each.startsWith(`${name}=`))
  return text === undefined ? undefined : Number(text.slice(name.length + 1))
}

/** Whether the second call may be answered from the store: RFC 9111 in plain words. */
const mayUse = ({ age = 0, asked, control, expires, mode, pause }: Fields): boolean => {
  const has = (name: string) => control.includes(name)
  if (has("no-store") || has("no-cache")) return false
  if (mode === "shared" && has("private")) return false
  const maxAge = control.filter((each) => each.startsWith("max-age="))
  const shared = mode === "shared" ? secondsOf(control, "s-maxage") : undefined
  const own = maxAge.length > 1 ? 0 : secondsOf(control, "max-age")
  const lifetime = shared ?? own ?? expires ?? 0
  const current = age + pause
  const left = lifetime - current
  if (asked.includes("no-cache")) return false
  const wanted = secondsOf(asked, "max-age")
  if (wanted !== undefined && current > wanted) return false
  const minFresh = secondsOf(asked, "min-fresh") ?? 0
  if (left > 0 && left >= minFresh) return true
  if (minFresh > 0) return false
  if (has("must-revalidate")) return false
  if (mode === "shared" && (has("proxy-revalidate") || shared !== undefined)) return false
  const stale = asked.filter((each) => each.startsWith("max-stale"))
  if (stale.includes("max-stale") && stale[0] === "max-stale") return true
  const allowed = stale.length > 1 ? 0 : secondsOf(asked, "max-stale")
  if (stale.length > 0 && -left <= (allowed ?? 0)) return true
  return wanted === undefined && -left < (secondsOf(control, "stale-while-revalidate") ?? 0)
}

describe("the policy", () => {
  it.effect("cache 8: uses a stored response exactly where a slow model does", () =>
    Effect.gen(function* () {
      const random = randomOf(seed)
      for (let round = 0; round < 3000; round++) {
        const fields = fieldsOf(random)
        const { age, asked, control, expires, hasTag, mode, pause } = fields
        const start = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        const options: CacheOptions = { mode }
        const { client } = cached(
          ({ headers }) =>
            headers["if-none-match"] === undefined
              ? {
                  headers: {
                    "cache-control": control.join(", "),
                    date: httpDate(start / 1000),
                    ...(age === undefined ? {} : { age: String(age) }),
                    ...(expires === undefined ? {} : { expires: httpDate(start / 1000 + expires) }),
                    ...(hasTag ? { etag: '"a"' } : {})
                  }
                }
              : { status: 304 },
          options
        )
        yield* call(client)
        yield* TestClock.adjust(pause * 1000)
        const got = yield* call(client, asked.length === 0 ? {} : { headers: { "cache-control": asked.join(", ") } })
        const isHit = outcome(got) === "hit"
        // What is of no use later is not stored, though it might be used stale.
        if (isHit || got.headers["cache-status"]?.includes("uri-miss") !== true) {
          assert.strictEqual(isHit, mayUse(fields), `seed ${seed} round ${round} ${JSON.stringify(fields)}`)
        }
      }
    })
  )
})

describe("a cached exchange", () => {
  it.effect("cache 8: differs from an uncached one only where freshness allows it", () =>
    Effect.gen(function* () {
      const random = randomOf(seed)
      for (let round = 0; round < 40; round++) {
        // The content of a resource is a function of its URL, its version and what it varies by.
        const versions = new Map<string, { readonly at: number; readonly version: number }>()
        const versionOf = (url: string) => versions.get(url) ?? { at: 0, version: 0 }
        const maxAge = random.below(20)
        const textOf = (url: string, version: number, language: string) => `${url} ${version} ${language}`
        let now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        const { client } = cached((request) => {
          const { url } = request
          if (request.method === "PUT") {
            versions.set(url, { at: now, version: versionOf(url).version + 1 })
            return { status: 204 }
          }
          const { version } = versionOf(url)
          const language = request.headers["accept-language"] ?? "en"
          const etag = `"${version}-${language}"`
          const headers = { "cache-control": `max-age=${maxAge}`, etag, vary: "accept-language" }
          if (request.headers["if-none-match"] === etag) return { status: 304, headers }
          return { headers, body: textOf(url, version, language) }
        })
        for (let step = 0; step < 60; step++) {
          now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
          const target = `https://api.com/${random.below(3)}`
          const language = random.chance(0.5) ? "en" : "de"
          const isBehind = random.chance(0.1)
          if (isBehind) {
            // Changed by somebody else: the cache cannot know.
            versions.set(target, { at: now, version: versionOf(target).version + 1 })
          } else if (random.chance(0.15)) {
            yield* call(client, { method: "PUT", url: target, body: "x" })
            yield* TestClock.adjust(1)
            now += 1
          }
          const got = yield* call(client, { url: target, headers: { "accept-language": language } })
          const { at, version } = versionOf(target)
          const current = textOf(target, version, language)
          if (got.text !== current) {
            assert.isBelow(now - at, maxAge * 1000, `seed ${seed} round ${round} step ${step}: older than it may be`)
            assert.strictEqual(outcome(got), "hit")
            assert.match(got.text, new RegExp(`^${target} \\d+ ${language}$`))
          }
          yield* TestClock.adjust(random.below(8000))
        }
      }
    })
  )
})
