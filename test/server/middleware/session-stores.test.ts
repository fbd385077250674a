/** The contract of `session` over each of its stores, between two nodes with a connection each. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import type { Scope } from "effect"
import { TestClock } from "effect/testing"
import { SessionStore } from "fairlead/server/middleware"
import type { SessionOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { storePlaces } from "./StorePlaces.ts"
import { appOf, cookieOf, idOf, withId } from "./Visitors.ts"
import type { Data } from "./Visitors.ts"

const places = await storePlaces()

describe.each(places)("sessions in $name", ({ content, missing, sessions }) => {
  const nodes = (options: Partial<SessionOptions<Data>> = {}) => {
    const node = TestServer.make(appOf(options), sessions, { origin: "https://test", cookies: false })
    return Effect.all([node, node])
  }
  const test = (title: string, run: Effect.Effect<void, unknown, Scope.Scope>) =>
    it.effect.skipIf(missing)(title, () => run)

  test(
    "a session that one node began is read and changed by another",
    Effect.gen(function* () {
      const [one, two] = yield* nodes()
      const first = yield* one.get("/add/a")
      const own = withId(idOf(first))
      assert.strictEqual((yield* two.get("/", own)).text, "-:a")
      assert.strictEqual((yield* two.get("/add/b", own)).text, "-:a,b")
      assert.strictEqual((yield* one.get("/", own)).text, "-:a,b")
    })
  )

  test(
    "login moves the data to a new id, and the old one is worth nothing on any node",
    Effect.gen(function* () {
      const [one, two] = yield* nodes()
      const old = idOf(yield* one.get("/add/a"))
      const login = yield* two.get("/login/ann", withId(old))
      assert.notInclude(["", old], idOf(login))
      for (const node of [one, two]) {
        assert.strictEqual((yield* node.get("/", withId(old))).text, "-:")
        assert.strictEqual((yield* node.get("/", withId(idOf(login)))).text, "ann:a")
      }
    })
  )

  test(
    "logout ends it on every node",
    Effect.gen(function* () {
      const [one, two] = yield* nodes()
      const own = withId(idOf(yield* one.get("/login/ann")))
      assert.include(cookieOf(yield* two.get("/logout", own)), "Max-Age=0")
      assert.strictEqual((yield* one.get("/", own)).text, "-:")
    })
  )

  test(
    "it ends after idleTimeout, and after absoluteTimeout however busy it is",
    Effect.gen(function* () {
      const [one, two] = yield* nodes({ idleTimeout: "10 minutes", absoluteTimeout: "25 minutes" })
      const busy = withId(idOf(yield* one.get("/add/busy")))
      const idle = withId(idOf(yield* one.get("/add/idle")))
      for (const node of [one, two]) {
        yield* TestClock.adjust("9 minutes")
        assert.strictEqual((yield* node.get("/", busy)).text, "-:busy")
      }
      assert.strictEqual((yield* two.get("/", idle)).text, "-:")
      yield* TestClock.adjust("7 minutes")
      assert.strictEqual((yield* one.get("/", busy)).text, "-:")
    })
  )

  test(
    "the changes of concurrent requests merge",
    Effect.gen(function* () {
      const [one, two] = yield* nodes()
      const own = withId(idOf(yield* one.get("/add/a")))
      const items = Array.from({ length: 20 }, (_, index) => `i${index}`)
      yield* Effect.forEach(items, (item) => one.get(`/add/${item}`, own), { concurrency: "unbounded" })
      const stored = (yield* two.get("/", own)).text.slice(2).split(",")
      assert.sameMembers(stored, ["a", ...items])
    })
  )

  test(
    "the store has the digest of the id, never the id",
    Effect.gen(function* () {
      const [one] = yield* nodes()
      const id = idOf(yield* one.get("/add/a"))
      const digest = new Uint8Array(
        yield* Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(id)))
      )
      const stored = yield* content
      assert.notInclude(stored, id)
      if (stored !== "") assert.include(stored, Buffer.from(digest).toString("base64url"))
    })
  )

  const stored = (
    title: string,
    run: (store: SessionStore["Service"], digest: string) => Effect.Effect<void, unknown>
  ) =>
    it.live.skipIf(missing)(title, () =>
      Effect.gen(function* () {
        yield* run(yield* SessionStore, crypto.randomUUID())
      }).pipe(Effect.provide(sessions))
    )

  stored("a record of a megabyte, and text of every kind, come back as they were", (store, digest) =>
    Effect.gen(function* () {
      const record = { data: { text: "\u0000\u001f\ud800'\";--%_\\ ä 漢 🛳", long: "é".repeat(500_000) } }
      yield* store.set(digest, record, Duration.minutes(1))
      assert.deepStrictEqual(yield* store.get(digest), record)
    })
  )

  stored("a record is replaced, removed, and forgotten after its time", (store, digest) =>
    Effect.gen(function* () {
      yield* store.set(digest, { a: 1 }, Duration.minutes(1))
      yield* store.set(digest, { a: 2 }, Duration.minutes(1))
      assert.deepStrictEqual(yield* store.get(digest), { a: 2 })
      yield* store.remove(digest)
      assert.isUndefined(yield* store.get(digest))
      yield* store.remove(digest)
      yield* store.set(digest, { a: 3 }, Duration.millis(30))
      yield* Effect.sleep("80 millis")
      assert.isUndefined(yield* store.get(digest))
    })
  )
})
