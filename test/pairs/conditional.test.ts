/** The contract of conditional requests between their two ends: the server's middleware judges, and the client's cache revalidates. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import { HttpClientRequest, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { ClientChain } from "fairlead/client"
import { cache } from "fairlead/client/handlers"
import { Pipeline } from "fairlead/server"
import { conditional } from "fairlead/server/middleware"
import type { Validators } from "fairlead/server/middleware"

import { networks } from "./Pair.ts"
import type { Network } from "./Pair.ts"

/** The validators of a version of the page. */
interface Kind {
  readonly validatorsOf: (version: number, modified: Date) => Validators
  /** Whether the middleware makes the tag of the body. */
  readonly makesTags?: boolean
}

const kinds: Readonly<Record<string, Kind>> = {
  "a strong tag": { validatorsOf: (version) => ({ etag: `"${version}"` }) },
  "a weak tag": { validatorsOf: (version) => ({ etag: `W/"${version}"` }) },
  "a tag of the body": { validatorsOf: () => ({}), makesTags: true },
  "Last-Modified alone": { validatorsOf: (_, lastModified) => ({ lastModified }) },
  "a tag and Last-Modified": { validatorsOf: (version, lastModified) => ({ etag: `"${version}"`, lastModified }) }
}

/** A page that PUT changes, fresh for a minute. */
const pageOf = ({ makesTags = false, validatorsOf }: Kind) => {
  let version = 1
  let modified = new Date(0)
  const validators = () => validatorsOf(version, modified)
  const change = Effect.map(Clock.currentTimeMillis, (now) => {
    version++
    modified = new Date(now)
  })
  const handler = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method }) => {
    if (method === "PUT") return Effect.as(change, HttpServerResponse.empty({ status: 204 }))
    const { etag, lastModified } = validators()
    const headers = {
      "cache-control": "max-age=60",
      "x-version": `${version}`,
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified === undefined ? {} : { "last-modified": lastModified.toUTCString() })
    }
    return Effect.succeed(HttpServerResponse.text(`version ${version}`, { headers }))
  })
  const current = () => Effect.sync(validators)
  const app = Pipeline.make("pages").outer(conditional({ current, makesTags })).handle(handler).respond()
  return { app, change }
}

const setup = (network: Network, kind: string) =>
  Effect.gen(function* () {
    const { app, change } = pageOf(kinds[kind]!)
    const { client, origin, statuses } = yield* networks[network](app)
    const cached = ClientChain.over(ClientChain.make("c").use(cache()), client)
    const ask = (method: "GET" | "HEAD" | "PUT", headers: Readonly<Record<string, string>> = {}) =>
      Effect.flatMap(cached.execute(HttpClientRequest.make(method)(`${origin}/1`, { headers })), (response) =>
        Effect.map(response.text, (text) => ({ status: response.status, text, headers: response.headers }))
      )
    const text = Effect.map(ask("GET"), (got) => got.text)
    return { ask, text, statuses, change: Effect.andThen(TestClock.adjust("10 seconds"), change) }
  })

const rows = (Object.keys(networks) as ReadonlyArray<Network>).flatMap((network) =>
  Object.keys(kinds).map((kind) => [network, kind] as const)
)

/** Past the freshness of the page, and within it again after a validation. */
const stale = TestClock.adjust("61 seconds")

describe.each(rows)("the pair of conditional requests, %s, by %s,", (network, kind) => {
  it.effect("cache 4: a 304 refreshes what the client has, without the body", () =>
    Effect.gen(function* () {
      const { statuses, text } = yield* setup(network, kind)
      assert.deepStrictEqual([yield* text, yield* text, statuses], ["version 1", "version 1", [200]])
      yield* stale
      assert.deepStrictEqual([yield* text, yield* text, statuses], ["version 1", "version 1", [200, 304]])
      yield* stale
      assert.deepStrictEqual([yield* text, statuses], ["version 1", [200, 304, 304]])
    })
  )

  it.effect("cache 4: a page that has changed replaces what the client has", () =>
    Effect.gen(function* () {
      const { change, statuses, text } = yield* setup(network, kind)
      yield* text
      yield* change
      assert.strictEqual(yield* text, "version 1")
      yield* stale
      assert.deepStrictEqual([yield* text, yield* text, statuses], ["version 2", "version 2", [200, 200]])
      yield* stale
      assert.deepStrictEqual([yield* text, statuses], ["version 2", [200, 200, 304]])
    })
  )

  it.effect("cache 4: HEAD is answered from the page, refreshes it, and shows that it has changed", () =>
    Effect.gen(function* () {
      const { ask, change, statuses, text } = yield* setup(network, kind)
      yield* text
      const head = yield* ask("HEAD")
      assert.deepStrictEqual([head.status, head.text, head.headers["x-version"], statuses], [200, "", "1", [200]])
      yield* stale
      assert.strictEqual((yield* ask("HEAD")).status, 200)
      assert.deepStrictEqual([yield* text, statuses], ["version 1", [200, 200]])
      yield* change
      yield* stale
      assert.strictEqual((yield* ask("HEAD")).headers["x-version"], "2")
      assert.deepStrictEqual([yield* text, statuses], ["version 2", [200, 200, 200, 200]])
    })
  )

  it.effect(
    "cache 4: a condition of the caller is answered by the cache while it is fresh, and by both after that",
    () =>
      Effect.gen(function* () {
        const { ask, statuses } = yield* setup(network, kind)
        const { etag, "last-modified": modified = "" } = (yield* ask("GET")).headers
        const condition = etag === undefined ? { "if-modified-since": modified } : { "if-none-match": etag }
        assert.deepStrictEqual([(yield* ask("GET", condition)).status, statuses], [304, [200]])
        yield* stale
        assert.deepStrictEqual([(yield* ask("GET", condition)).status, statuses], [304, [200, 304]])
        const other = etag === undefined ? { "if-modified-since": "junk" } : { "if-none-match": '"other"' }
        assert.deepStrictEqual([(yield* ask("GET", other)).status, statuses], [200, [200, 304]])
      })
  )
})

const judged = rows.filter(([, kind]) => kind === "a strong tag" || kind === "Last-Modified alone")

describe.each(judged)("the pair of conditional requests, %s, by %s,", (network, kind) => {
  it.effect(
    "cache 4: a change by an old version is 412 and removes nothing; by the current one it removes the page",
    () =>
      Effect.gen(function* () {
        const { ask, change, statuses, text } = yield* setup(network, kind)
        const conditionOf = ({ headers }: { readonly headers: Readonly<Record<string, string | undefined>> }) =>
          headers["etag"] === undefined
            ? { "if-unmodified-since": headers["last-modified"]! }
            : { "if-match": headers["etag"] }
        const old = conditionOf(yield* ask("GET"))
        yield* change
        assert.deepStrictEqual([(yield* ask("PUT", old)).status, yield* text], [412, "version 1"])
        const got = yield* ask("GET", { "cache-control": "no-cache" })
        assert.strictEqual(got.text, "version 2")
        yield* TestClock.adjust("10 seconds")
        assert.strictEqual((yield* ask("PUT", conditionOf(got))).status, 204)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual([yield* text, statuses], ["version 3", [200, 412, 200, 204, 200]])
      })
  )
})

it.effect("cache 4: a weak tag never allows a change", () =>
  Effect.gen(function* () {
    const { ask, statuses, text } = yield* setup("over sockets", "a weak tag")
    const { etag = "" } = (yield* ask("GET")).headers
    assert.deepStrictEqual([(yield* ask("PUT", { "if-match": etag })).status, yield* text], [412, "version 1"])
    assert.deepStrictEqual(statuses, [200, 412])
  })
)
