import { execFileSync } from "node:child_process"

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { freePort, ownEngine } from "../../kit/Engines.ts"
import { collector, start } from "./Container.ts"
import { acknowledged, counts, customers, look, order, until } from "./Load.ts"

const postgres = await ownEngine("postgres")

const psql = (...commands: ReadonlyArray<string>): string =>
  execFileSync("psql", [postgres.url, "-w", "-At", ...commands.flatMap((command) => ["-c", command])], {
    encoding: "utf8"
  })

/** The numbers of all orders in the database. */
const stored = (): ReadonlySet<number> => new Set(psql("select id from orders").trim().split("\n").map(Number))

const database = { DATABASE_URL: postgres.url, READINESS_DELAY: "1 second" }

describe.skipIf(postgres.missing)("the shop of examples/production, over a real PostgreSQL", () => {
  it.live("app2 3.5: without its database it is live and not ready, and it serves when the database has come", () =>
    Effect.gen(function* () {
      yield* Effect.promise(() => postgres.stop())
      const port = yield* Effect.promise(freePort)
      const shop = yield* start({ ...database, ADMIN_PORT: String(port) })
      yield* shop.wrote(/The database failed in \\"migrate\\"/)
      assert.strictEqual(yield* look(`http://127.0.0.1:${port}/live`), 200)
      assert.strictEqual(yield* look(`http://127.0.0.1:${port}/ready`), 503)
      yield* Effect.promise(() => postgres.start())
      const { admin, shop: url } = yield* shop.addresses
      yield* until(`${admin}/ready`, 200)
      assert.strictEqual((yield* order(url)).ended, 201)
      yield* shop.signal("SIGTERM")
      assert.strictEqual(yield* shop.ended, 0)
    })
  )

  it.live.each(["SIGQUIT", "SIGINT"] as const)(
    "app2 3.5: a database that stops by %s under load is a 503 and not ready; acknowledged orders stay, and the shop recovers",
    (signal) =>
      Effect.gen(function* () {
        const shop = yield* start(database)
        const { admin, shop: url } = yield* shop.addresses
        yield* until(`${admin}/ready`, 200)
        const load = yield* customers(url, 20)
        yield* Effect.repeat(Effect.sleep("50 millis"), { until: () => acknowledged(load.outcomes()).length > 50 })
        yield* Effect.promise(() => postgres.stop(signal))
        yield* until(`${admin}/ready`, 503)
        assert.strictEqual(yield* look(`${admin}/live`), 200)
        const during = load.outcomes().length
        yield* Effect.repeat(Effect.sleep("50 millis"), { until: () => load.outcomes().length > during + 50 })
        assert.deepStrictEqual(Object.keys(counts(load.outcomes().slice(during + 20))), ["503"])

        yield* Effect.promise(() => postgres.start())
        yield* until(`${admin}/ready`, 200)
        const before = acknowledged(load.outcomes()).length
        yield* Effect.repeat(Effect.sleep("50 millis"), {
          until: () => acknowledged(load.outcomes()).length > before + 50
        })
        const outcomes = yield* load.stop
        assert.sameMembers(Object.keys(counts(outcomes)), ["201", "503"])
        const all = stored()
        assert.deepStrictEqual(
          acknowledged(outcomes).filter((id) => !all.has(id)),
          []
        )
        yield* shop.signal("SIGTERM")
        assert.strictEqual(yield* shop.ended, 0)
        assert.strictEqual(shop.stderr(), "")
        const messages = shop.log().map(({ message }) => String(message))
        assert.lengthOf(
          messages.filter((message) => message.includes('The check "database" failed')),
          1
        )
      })
  )

  it.live("app2 3.5: a database that freezes holds no request, and the shop recovers", () =>
    Effect.gen(function* () {
      const shop = yield* start(database)
      const { admin, shop: url } = yield* shop.addresses
      yield* until(`${admin}/ready`, 200)
      assert.strictEqual((yield* order(url)).ended, 201)
      yield* Effect.acquireRelease(
        Effect.sync(() => postgres.freeze()),
        () => Effect.sync(() => postgres.thaw())
      )
      const held = yield* Effect.forEach(Array.from({ length: 20 }), () => order(url), { concurrency: "unbounded" })
      assert.deepStrictEqual(counts(held), { 503: 20 })
      yield* until(`${admin}/ready`, 503)
      assert.strictEqual(yield* look(`${admin}/live`), 200)
      postgres.thaw()
      yield* until(`${admin}/ready`, 200)
      assert.strictEqual((yield* order(url)).ended, 201)
      yield* shop.signal("SIGTERM")
      assert.strictEqual(yield* shop.ended, 0)
    })
  )

  it.live(
    "app2 3.5: stopped under load it loses no answer, withdraws its readiness first, sends its telemetry and exits with 0",
    () =>
      Effect.gen(function* () {
        const otlp = yield* collector
        const shop = yield* start({ ...database, READINESS_DELAY: "3 seconds", OTLP_URL: otlp.url })
        const { admin, shop: url } = yield* shop.addresses
        yield* until(`${admin}/ready`, 200)
        const known = stored()
        const load = yield* customers(url, 50)
        yield* Effect.repeat(Effect.sleep("50 millis"), { until: () => acknowledged(load.outcomes()).length > 200 })
        assert.match(
          yield* Effect.promise(() => fetch(`${admin}/metrics`).then((answer) => answer.text())),
          /http_server_request_duration_count\{.*http_route="\/orders"/
        )
        yield* shop.signal("SIGTERM")
        // As a load balancer does: no order is sent after it has seen the 503.
        yield* until(`${admin}/ready`, 503)
        const outcomes = yield* load.stop
        assert.deepStrictEqual(Object.keys(counts(outcomes)), ["201"])
        assert.strictEqual(yield* shop.ended, 0)
        assert.strictEqual(yield* look(`${url}/orders/1`), "ECONNREFUSED")
        const made = [...stored()].filter((id) => !known.has(id))
        assert.sameMembers(made, [...acknowledged(outcomes)])

        assert.strictEqual(shop.stderr(), "")
        const messages = shop.log().map(({ message }) => String(message))
        assert.match(messages.at(-1)!, /The app "shop" stopped after \d+ ms/)
        assert.isFalse(messages.some((message) => message.startsWith("Cut by the stop")))
        assert.include(
          messages.find((message) => message.includes("listens on"))!,
          "databaseUrl = <redacted> (environment)"
        )
        for (const path of ["/v1/logs", "/v1/traces", "/v1/metrics"])
          assert.include(otlp.sent(path), '"stringValue":"shop"')
        assert.include(otlp.sent("/v1/logs"), 'The app \\"shop\\" stopped after')
        assert.include(otlp.sent("/v1/traces"), '"name":"postgres"')
        assert.include(otlp.sent("/v1/metrics"), "http.server.request.duration")
      })
  )

  it.live("app2 3.5: a collector that does not answer does not hold the end of the process", () =>
    Effect.gen(function* () {
      const shop = yield* start({ ...database, OTLP_URL: "http://192.0.2.1:4318" })
      const { admin, shop: url } = yield* shop.addresses
      yield* until(`${admin}/ready`, 200)
      assert.strictEqual((yield* order(url)).ended, 201)
      yield* shop.signal("SIGTERM")
      assert.strictEqual(yield* shop.ended, 0)
    })
  )
})
