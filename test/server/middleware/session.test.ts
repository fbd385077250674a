import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { HttpServerResponse } from "effect/http"
import { Persistence } from "effect/persistence"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import { readSession, session, SessionError, SessionStore } from "fairlead/server/middleware"
import type { SessionOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { add, appOf, cookieOf, Data, idOf, initial, Visitor, withId } from "./Visitors.ts"

class Visiting extends Middleware.Service<Visiting>()("test/Visiting", { provides: Visitor, error: SessionError }) {}

/** A store whose records can be looked at, and which can fail or wait. */
const storeOf = () => {
  const records = new Map<string, object>()
  const state = { fails: false, waits: false, writes: 0 }
  const access = <A>(tag: "ReadFailed" | "WriteFailed", run: () => A): Effect.Effect<A, SessionError> =>
    Effect.suspend((): Effect.Effect<A, SessionError> => {
      if (state.waits) return Effect.never
      return state.fails
        ? Effect.fail(new SessionError({ reason: { _tag: tag, cause: new Error("down") } }))
        : Effect.sync(run)
    })
  const layer = Layer.succeed(SessionStore, {
    get: (digest) => access("ReadFailed", () => records.get(digest)),
    set: (digest, record) =>
      access("WriteFailed", () => {
        state.writes++
        records.set(digest, record)
      }),
    remove: (digest) => access("WriteFailed", () => void records.delete(digest))
  })
  return { records, state, layer }
}

const serverOf = (options: Partial<SessionOptions<Data>> = {}, store = storeOf()) =>
  Effect.map(TestServer.make(appOf(options), store.layer, { origin: "https://test" }), (server) => ({
    server,
    ...store
  }))

describe("session", () => {
  it.effect("keeps data between requests, and begins at the first change only", () =>
    Effect.gen(function* () {
      const { records, server } = yield* serverOf()
      assert.isUndefined(cookieOf(yield* server.get("/")))
      assert.strictEqual(records.size, 0)
      const first = yield* server.get("/add/a")
      assert.match(cookieOf(first)!, /^__Host-session=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
      assert.strictEqual(first.headers.get("cache-control"), "no-store")
      const second = yield* server.get("/add/b")
      assert.deepStrictEqual([second.text, cookieOf(second)], ["-:a,b", undefined])
      assert.strictEqual((yield* server.get("/")).text, "-:a,b")
    })
  )

  it.effect("saves on every way out: typed errors and defects", () =>
    Effect.gen(function* () {
      const { server } = yield* serverOf()
      assert.strictEqual((yield* server.get("/fail/a")).status, 409)
      assert.strictEqual((yield* server.get("/die/b")).status, 500)
      assert.strictEqual((yield* server.get("/")).text, "-:a,b")
    })
  )

  it.effect("keeps a digest of the id in the store, never the id", () =>
    Effect.gen(function* () {
      const { records, server } = yield* serverOf()
      const id = idOf(yield* server.get("/add/a"))
      assert.notInclude(JSON.stringify([...records]), id)
      assert.match([...records.keys()][0]!, /^[\w-]{43}$/)
    })
  )

  it.effect("never adopts an id that it did not make (fixation)", () =>
    Effect.gen(function* () {
      const planted = "A".repeat(43)
      const { server } = yield* serverOf()
      const reply = yield* server.get("/add/a", withId(planted))
      assert.notStrictEqual(idOf(reply), planted)
      assert.strictEqual((yield* server.get("/", withId(planted))).text, "-:")
      for (const bad of ["", "x", "../../etc", "%00", "a".repeat(5000)]) {
        assert.strictEqual((yield* server.get("/", withId(bad))).text, "-:")
      }
    })
  )

  it.effect("moves to a new id at login, and the old one is worth nothing (fastify/session#240)", () =>
    Effect.gen(function* () {
      const { records, server } = yield* serverOf()
      const old = idOf(yield* server.get("/add/a"))
      const login = yield* server.get("/login/ann")
      assert.notStrictEqual(idOf(login), "")
      assert.notStrictEqual(idOf(login), old)
      assert.strictEqual((yield* server.get("/", withId(old))).text, "-:")
      assert.strictEqual((yield* server.get("/", withId(idOf(login)))).text, "ann:a")
      assert.strictEqual(records.size, 1)
    })
  )

  it.effect("ends at logout: the data is removed and the cookie expires", () =>
    Effect.gen(function* () {
      const { records, server } = yield* serverOf()
      const id = idOf(yield* server.get("/login/ann"))
      const logout = yield* server.get("/logout")
      assert.match(cookieOf(logout)!, /^__Host-session=; Max-Age=0; Path=\/; .*HttpOnly; Secure/)
      assert.strictEqual(records.size, 0)
      assert.strictEqual((yield* server.get("/", withId(id))).text, "-:")
    })
  )

  it.effect("ends after idleTimeout without a request, and is kept by requests that change nothing", () =>
    Effect.gen(function* () {
      const { server, state } = yield* serverOf({ idleTimeout: "10 minutes" })
      yield* server.get("/add/a")
      for (let visit = 0; visit < 5; visit++) {
        yield* TestClock.adjust("9 minutes")
        assert.strictEqual((yield* server.get("/")).text, "-:a")
      }
      const { writes } = state
      yield* TestClock.adjust("10 seconds")
      yield* server.get("/")
      assert.strictEqual(state.writes, writes)
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* server.get("/")).text, "-:")
    })
  )

  it.effect("ends after absoluteTimeout, however busy it is, and renewing does not prolong it", () =>
    Effect.gen(function* () {
      const { server } = yield* serverOf({ idleTimeout: "10 minutes", absoluteTimeout: "30 minutes" })
      yield* server.get("/login/ann")
      for (let visit = 0; visit < 3; visit++) {
        yield* TestClock.adjust("9 minutes")
        assert.strictEqual((yield* server.get("/login/ann")).text, "ann:")
      }
      yield* TestClock.adjust("3 minutes")
      assert.strictEqual((yield* server.get("/")).text, "-:")
    })
  )

  it.effect("merges the changes of concurrent requests", () =>
    Effect.gen(function* () {
      const held = yield* Deferred.make<void>()
      const server = yield* TestServer.make(appOf({}, held), storeOf().layer, { origin: "https://test" })
      yield* server.get("/add/a")
      const slow = yield* Effect.forkChild(server.get("/hold/slow"), { startImmediately: true })
      yield* Effect.yieldNow
      yield* Effect.forEach(["b", "c", "d"], (item) => server.get(`/add/${item}`), { concurrency: "unbounded" })
      yield* Deferred.succeed(held, undefined)
      yield* Fiber.join(slow)
      const items = (yield* server.get("/")).text.slice(2).split(",")
      assert.deepStrictEqual(items.toSorted(), ["a", "b", "c", "d", "slow"])
    })
  )

  it.effect(
    "does not bring back a session that a concurrent request has ended or renewed (expressjs/session#923)",
    () =>
      Effect.gen(function* () {
        for (const end of ["/logout", "/login/ann"]) {
          const held = yield* Deferred.make<void>()
          const store = storeOf()
          const server = yield* TestServer.make(appOf({}, held), store.layer, { origin: "https://test" })
          const id = idOf(yield* server.get("/add/a"))
          const slow = yield* Effect.forkChild(server.get("/hold/slow"), { startImmediately: true })
          yield* Effect.sleep(0).pipe(Effect.forkChild, Effect.andThen(TestClock.adjust("1 millis")))
          yield* server.get(end)
          yield* Deferred.succeed(held, undefined)
          assert.isUndefined(cookieOf(yield* Fiber.join(slow)))
          assert.strictEqual((yield* server.get("/", withId(id))).text, "-:")
          assert.strictEqual(store.records.size, end === "/logout" ? 0 : 1)
        }
      })
  )

  it.effect("fails with 503 when the store fails or does not answer, or goes on without keeping", () =>
    Effect.gen(function* () {
      const closed = yield* serverOf()
      yield* closed.server.get("/add/a")
      closed.state.fails = true
      assert.strictEqual((yield* closed.server.get("/")).status, 503)
      const writing = yield* serverOf()
      writing.state.fails = true
      const rejected = yield* writing.server.get("/add/a")
      assert.deepStrictEqual([rejected.status, cookieOf(rejected)], [503, undefined])
      const open = yield* serverOf({ onStoreError: "allow" })
      yield* open.server.get("/add/a")
      open.state.fails = true
      const reply = yield* open.server.get("/add/b")
      assert.deepStrictEqual([reply.status, reply.text, cookieOf(reply)], [200, "-:b", undefined])
      open.state.fails = false
      assert.strictEqual((yield* open.server.get("/")).text, "-:a")
      const waiting = yield* serverOf({ timeout: "3 seconds" })
      yield* waiting.server.get("/add/a")
      waiting.state.waits = true
      const call = yield* Effect.forkChild(waiting.server.get("/"), { startImmediately: true })
      while (call.pollUnsafe() === undefined) {
        yield* TestClock.adjust("1 second")
        yield* Effect.promise(() => Promise.resolve())
      }
      assert.strictEqual((yield* Fiber.join(call)).status, 503)
    })
  )

  it.effect("begins anew with data that the schema no longer decodes", () =>
    Effect.gen(function* () {
      const { records, server } = yield* serverOf()
      yield* server.get("/add/a")
      for (const [digest, record] of records) {
        for (const bad of [{}, { ...record, data: { cart: 1 } }, { ...record, created: "x" }]) {
          records.set(digest, bad)
          assert.strictEqual((yield* server.get("/")).text, "-:")
        }
      }
    })
  )

  it.effect("is implemented as a Layer too, over Effect's persistence", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(Visiting)
        .handle(
          Effect.gen(function* () {
            const visitor = yield* Visitor
            const known = yield* visitor.isStored
            yield* visitor.update(add("a"))
            return HttpServerResponse.text(`${known} ${(yield* visitor.get).items.length}`)
          })
        )
        .respond()
      const store = Layer.provide(SessionStore.layer, Persistence.layerBackingMemory)
      const live = Layer.provide(Visiting.layer(session(Visitor, { schema: Data, initial })), store)
      const server = yield* TestServer.make(app, live, { origin: "https://test" })
      assert.deepStrictEqual([(yield* server.get("/")).text, (yield* server.get("/")).text], ["false 1", "true 2"])
    })
  )

  it.effect("with persistent the browser keeps the cookie until absoluteTimeout, counted from the beginning", () =>
    Effect.gen(function* () {
      const { server } = yield* serverOf({ persistent: true, absoluteTimeout: "10 minutes" })
      assert.include(cookieOf(yield* server.get("/add/a")), "; Max-Age=600;")
      yield* TestClock.adjust("4 minutes")
      assert.include(cookieOf(yield* server.get("/login/ann")), "; Max-Age=360;")
    })
  )

  it.effect("readSession reads the data of a cookie while it lives, and neither begins nor prolongs it", () =>
    Effect.gen(function* () {
      const { layer, records, server, state } = yield* serverOf({ idleTimeout: "10 minutes" })
      const read = readSession({ schema: Data, initial, idleTimeout: "10 minutes" })
      const id = idOf(yield* server.get("/add/a"))
      const { writes } = state
      const found = (cookie: string | undefined) => Effect.provide(read(cookie), layer)
      assert.deepStrictEqual(yield* found(`x=1; __Host-session=${id}`), { user: null, items: ["a"] })
      for (const other of [undefined, "", "__Host-session=", `__Host-session=${"A".repeat(43)}`]) {
        assert.isUndefined(yield* found(other))
      }
      yield* TestClock.adjust("9 minutes")
      assert.isDefined(yield* found(`__Host-session=${id}`))
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(yield* found(`__Host-session=${id}`))
      assert.deepStrictEqual([records.size, state.writes], [1, writes])
      state.fails = true
      assert.instanceOf(yield* Effect.flip(found(`__Host-session=${id}`)), SessionError)
    })
  )

  it("rejects options that cannot work", () => {
    const good = { schema: Data, initial }
    for (const bad of [
      { idleTimeout: 0 },
      { idleTimeout: Infinity },
      { absoluteTimeout: NaN },
      { timeout: -1 },
      { cookie: "a b" },
      { secure: false },
      { sameSite: "Lax; Domain=evil.test" as "lax" },
      { name: "" }
    ]) {
      assert.throws(() => session(Visitor, { ...good, ...bad }), InvalidOption, undefined, JSON.stringify(bad))
    }
    // @ts-expect-error - the initial data is of the schema
    session(Visitor, { schema: Data, initial: { user: 3, items: [] } })
  })
})
