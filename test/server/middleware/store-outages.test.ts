/** The stores of `session` and `idempotencyKey` in a real Redis and a real PostgreSQL that stop, hang and start again: the stated policy holds. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Logger, Schedule } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Pipeline } from "fairlead/server"
import { idempotencyKey, IdempotencyStore } from "fairlead/server/middleware"
import type { IdempotencyKeyOptions, SessionOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { ownEngine } from "../../kit/Engines.ts"
import { postgresAt, redisAt, sessionsIn, sessionsInRedis } from "./StorePlaces.ts"
import { appOf, cookieOf, idOf, withId } from "./Visitors.ts"
import type { Data } from "./Visitors.ts"

const [redis, postgres] = [await ownEngine("redis"), await ownEngine("postgres")]

const engines = [
  {
    name: "Redis",
    engine: redis,
    signal: "SIGKILL" as const,
    keeps: false,
    sessions: Layer.fresh(sessionsInRedis(redis.url)),
    keys: Layer.fresh(Layer.provide(IdempotencyStore.layerRedis, redisAt(redis.url)))
  },
  {
    name: "PostgreSQL",
    engine: postgres,
    // It stops at once, as after a crash.
    signal: "SIGQUIT" as const,
    keeps: true,
    sessions: Layer.fresh(sessionsIn(postgresAt(postgres.url))),
    keys: Layer.fresh(Layer.orDie(Layer.provide(IdempotencyStore.layerSql, postgresAt(postgres.url))))
  }
]

const timeout = "400 millis"

/** Once for the store, and much for a busy machine; far less than a driver may wait. */
const bound = 3000

const inBound = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.timed(effect), ([duration, value]) => {
    assert.isBelow(Duration.toMillis(duration), bound)
    return value
  })

/** Asks until the answer is good. */
const until = <A, E, R>(ask: Effect.Effect<A, E, R>, isGood: (answer: A) => boolean) =>
  ask.pipe(Effect.repeat({ until: isGood, schedule: Schedule.spaced("100 millis") }), Effect.timeout("20 seconds"))

describe.each(engines)("a store in $name that is away", ({ engine, keeps, keys, name, sessions, signal }) => {
  const test = (title: string, run: Effect.Effect<void, unknown>) => it.live.skipIf(engine.missing)(title, () => run)

  const stop = Effect.promise(() => engine.stop(signal))
  const start = Effect.promise(() => engine.start())
  const frozen = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => engine.freeze()),
      () => effect,
      () => Effect.sync(() => engine.thaw())
    )

  const visitors = (options: Partial<SessionOptions<Data>> = {}, held?: Deferred.Deferred<void>) =>
    TestServer.make(appOf({ timeout, ...options }, held), sessions, { origin: "https://test", cookies: false })

  const payments = (options: Partial<IdempotencyKeyOptions<string>> = {}) =>
    Effect.gen(function* () {
      let handled = 0
      const [begun, held] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const handler = Effect.gen(function* () {
        const { url } = yield* HttpServerRequest.HttpServerRequest
        const number = ++handled
        yield* Deferred.succeed(begun, undefined)
        if (url === "/hold" && number === 1) yield* Deferred.await(held)
        return HttpServerResponse.text(`${number}`, { status: 201 })
      })
      const app = Pipeline.make("p")
        .handle(handler, idempotencyKey({ user: () => "ann", timeout, lockTimeout: "2 seconds", ...options }))
        .respond()
      const server = yield* TestServer.make(app, keys)
      const post = (path: string, key: string) => server.post(path, { body: "b", headers: { "idempotency-key": key } })
      return { post, handled: () => handled, begun: Deferred.await(begun), go: Deferred.succeed(held, undefined) }
    })

  test(
    "sessions: a stopped store rejects with 503, or allows a session for the request alone, logs both, and leaves the cookie as it was; back again, it serves",
    Effect.scoped(
      Effect.gen(function* () {
        const lines: Array<string> = []
        const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
        yield* Effect.gen(function* () {
          const [closed, open] = [yield* visitors(), yield* visitors({ onStoreError: "allow" })]
          const own = withId(idOf(yield* closed.get("/add/a")))
          assert.strictEqual((yield* open.get("/", own)).text, "-:a")
          yield* stop
          for (const path of ["/", "/add/b", "/login/ann", "/logout"]) {
            const rejected = yield* inBound(closed.get(path, own))
            assert.deepStrictEqual([rejected.status, cookieOf(rejected)], [503, undefined], path)
            const allowed = yield* inBound(open.get(path, own))
            assert.deepStrictEqual([allowed.status, cookieOf(allowed)], [200, undefined], path)
          }
          assert.strictEqual((yield* closed.get("/add/new")).status, 503)
          yield* start
          const back = yield* until(closed.get("/", own), ({ status }) => status === 200)
          assert.strictEqual(back.text, keeps ? "-:a" : "-:")
          yield* until(open.get("/", own), ({ text }) => text === back.text)
          const again = withId(idOf(yield* closed.get("/add/c")))
          // Without the store it answers as for a new visitor.
          yield* until(open.get("/", again), ({ text }) => text === "-:c")
        }).pipe(Effect.provide(Logger.layer([logger])))
        const told = lines.filter((line) => /Warn "session": The store of sessions failed/.test(line))
        // Both nodes log each of four requests, and the fifth.
        assert.isAtLeast(told.length, 5, lines.join("\n"))
      })
    )
  )

  test(
    "sessions: a frozen store costs no more than the time-out, when a session is read and when it is saved, and loses nothing",
    Effect.scoped(
      Effect.gen(function* () {
        const held = yield* Deferred.make<void>()
        const closed = yield* visitors({}, held)
        const open = yield* visitors({ onStoreError: "allow" })
        const own = withId(idOf(yield* closed.get("/add/a")))
        yield* open.get("/", own)
        const saving = yield* Effect.forkChild(closed.get("/hold/b", own), { startImmediately: true })
        // Its session is read before the store freezes.
        yield* Effect.sleep("300 millis")
        yield* frozen(
          Effect.gen(function* () {
            assert.strictEqual((yield* inBound(closed.get("/", own))).status, 503)
            assert.strictEqual((yield* inBound(open.get("/", own))).status, 200)
            yield* Deferred.succeed(held, undefined)
            assert.strictEqual((yield* inBound(Fiber.join(saving))).status, 503)
          })
        )
        const back = yield* until(closed.get("/", own), ({ status }) => status === 200)
        // The change of the rejected request may have arrived.
        assert.include(["-:a", "-:a,b"], back.text)
        yield* closed.get("/add/c", own)
        assert.match((yield* open.get("/", own)).text, /^-:a(?:,b)?,c$/)
      })
    )
  )

  test(
    "idempotency keys: a stopped store rejects with 503 before the handler, or lets it run without a record; back again, it replays",
    Effect.scoped(
      Effect.gen(function* () {
        const [closed, open] = [yield* payments(), yield* payments({ onStoreError: "allow" })]
        yield* closed.post("/", `${name}-before`)
        yield* open.post("/", `${name}-open`)
        yield* stop
        assert.deepStrictEqual([(yield* inBound(closed.post("/", `${name}-away`))).status, closed.handled()], [503, 1])
        assert.strictEqual((yield* inBound(open.post("/", `${name}-away`))).text, "2")
        assert.strictEqual((yield* inBound(open.post("/", `${name}-away`))).text, "3")
        yield* start
        const first = yield* until(closed.post("/", `${name}-away`), ({ status }) => status !== 503)
        assert.strictEqual(first.text, "2")
        assert.strictEqual((yield* closed.post("/", `${name}-away`)).headers.get("idempotency-replayed"), "true")
        const before = yield* closed.post("/", `${name}-before`)
        assert.strictEqual(before.headers.get("idempotency-replayed"), keeps ? "true" : null)
      })
    )
  )

  test(
    "idempotency keys: a frozen store costs no more than the time-out; a response that cannot be recorded is sent, and its key is free after lockTimeout",
    Effect.scoped(
      Effect.gen(function* () {
        const closed = yield* payments()
        const key = crypto.randomUUID()
        const held = yield* Effect.forkChild(closed.post("/hold", key), { startImmediately: true })
        yield* closed.begun
        yield* frozen(
          Effect.gen(function* () {
            const rejected = yield* inBound(closed.post("/", crypto.randomUUID()))
            assert.deepStrictEqual([rejected.status, closed.handled()], [503, 1])
            yield* closed.go
            const sent = yield* inBound(Fiber.join(held))
            assert.deepStrictEqual([sent.status, sent.text], [201, "1"])
          })
        )
        const again = yield* until(closed.post("/hold", key), ({ status }) => status === 201)
        // The record may have arrived; else the request is handled again.
        assert.include(["1", "2"], again.text)
        assert.strictEqual((yield* closed.post("/hold", key)).headers.get("idempotency-replayed"), "true")
      })
    )
  )
})
