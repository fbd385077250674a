import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { CookieJar } from "fairlead/client/handlers"

import { logsOf } from "../../server/Logs.ts"

describe("a jar in a store", () => {
  const home = new URL("https://x.com/")
  const using = <A, E>(effect: Effect.Effect<A, E, CookieJar>, options = {}) =>
    Effect.provide(effect, CookieJar.layerKvs(options), { local: true })
  const names = Effect.flatMap(CookieJar, ({ all }) => Effect.map(all, (all) => all.map(({ name }) => name).join("")))
  const fill = Effect.flatMap(CookieJar, (jar) => jar.store(home, ["a=1; Max-Age=100", "b=2"]))

  it.effect("client cookies: the next jar has what lasts, and the session's too when asked", () =>
    Effect.gen(function* () {
      yield* using(fill)
      assert.strictEqual(yield* using(names), "a")
      yield* using(fill, { persistSession: true, key: "k" })
      assert.strictEqual(yield* using(names, { persistSession: true, key: "k" }), "ab")
      yield* using(Effect.flatMap(CookieJar, ({ clear }) => clear))
      assert.strictEqual(yield* using(names), "")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("client cookies: an entry that cannot be read fails the layer with its key", () =>
    Effect.gen(function* () {
      const values = yield* KeyValueStore.KeyValueStore
      yield* values.set("fairlead/cookies/x.com", "{ no")
      const error = yield* Effect.flip(using(names))
      assert.include(error.reason, { _tag: "ReadFailed", key: "fairlead/cookies/x.com" })
      assert.match(error.message, /repair or remove/)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("client cookies: a write that fails is a warning, and the next one writes all", () =>
    Effect.gen(function* () {
      const whole = yield* KeyValueStore.KeyValueStore
      let broken = true
      const flaky = KeyValueStore.make({
        ...whole,
        set: (key, value) =>
          broken
            ? Effect.fail(new KeyValueStore.KeyValueStoreError({ method: "set", message: "full", key }))
            : whole.set(key, value)
      })
      const [, lines] = yield* logsOf(
        using(
          Effect.gen(function* () {
            yield* fill
            yield* Effect.yieldNow
            const jar = yield* CookieJar
            assert.strictEqual((yield* Effect.flip(jar.save)).reason._tag, "WriteFailed")
            broken = false
            yield* jar.save
          })
        ).pipe(Effect.provideService(KeyValueStore.KeyValueStore, flaky))
      )
      assert.lengthOf(lines, 1)
      assert.strictEqual(yield* using(names), "a")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  const keysOf = Effect.flatMap(KeyValueStore.KeyValueStore, ({ keys }) => keys)
  const open = Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Layer.buildWithScope(CookieJar.layerKvs(), scope)
    const jar = yield* Effect.provide(CookieJar, context)
    return { jar, close: Scope.close(scope, Exit.void) }
  })

  it.effect("client2 3.1: each site has one entry, which goes with its last cookie", () =>
    Effect.gen(function* () {
      const { close, jar } = yield* open
      yield* jar.store(new URL("https://a.x.com/"), ["a=1; Max-Age=100; Domain=x.com"])
      yield* jar.store(new URL("https://b.x.com/"), ["b=1; Max-Age=100"])
      yield* jar.store(new URL("https://y.org/"), ["c=1; Max-Age=100", "session=1"])
      yield* jar.save
      assert.sameMembers([...(yield* keysOf)], ["fairlead/cookies/x.com", "fairlead/cookies/y.org"])
      yield* jar.store(new URL("https://y.org/"), ["c=1; Max-Age=0"])
      yield* jar.save
      assert.deepStrictEqual([...(yield* keysOf)], ["fairlead/cookies/x.com"])
      assert.strictEqual((yield* jar.all).length, 3)
      yield* close
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect(
    "client2 3.1: 40 responses that set cookies do not wait for a slow store, and all of them are written",
    () =>
      Effect.gen(function* () {
        const whole = yield* KeyValueStore.KeyValueStore
        const slow = KeyValueStore.make({
          ...whole,
          set: (key, value) => Effect.andThen(Effect.sleep("20 millis"), whole.set(key, value))
        })
        const { close, jar } = yield* Effect.provideService(open, KeyValueStore.KeyValueStore, slow)
        for (let response = 0; response < 40; response++) yield* jar.store(home, [`c${response}=1; Max-Age=100`])
        assert.strictEqual((yield* jar.all).length, 40)
        yield* TestClock.adjust("40 millis")
        const text = (yield* whole.get("fairlead/cookies/x.com")) ?? "[]"
        assert.lengthOf(JSON.parse(text), 40)
        yield* close
      }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("client2 3.1: two jars over one store keep each other's cookies, and learn of them when they write", () =>
    Effect.gen(function* () {
      const [one, two] = [yield* open, yield* open]
      yield* one.jar.store(home, ["a=1; Max-Age=100"])
      yield* one.jar.save
      yield* two.jar.store(home, ["b=1; Max-Age=100", "session=1"])
      yield* two.jar.save
      const namesOf = (jar: CookieJar["Service"]) =>
        Effect.map(jar.all, (all) => all.map(({ name }) => name).toSorted())
      assert.deepStrictEqual(yield* namesOf(two.jar), ["a", "b", "session"])
      yield* one.jar.store(home, ["a=1; Max-Age=0"])
      yield* one.jar.save
      assert.deepStrictEqual(yield* namesOf(one.jar), ["b"])
      yield* one.close
      yield* two.close
      assert.strictEqual(yield* using(names), "b")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("client2 3.1: an interrupted write is made up for by the next", () =>
    Effect.gen(function* () {
      const whole = yield* KeyValueStore.KeyValueStore
      let isStuck = true
      const sticky = KeyValueStore.make({
        ...whole,
        set: (key, value) => (isStuck ? Effect.never : whole.set(key, value))
      })
      const { close, jar } = yield* Effect.provideService(open, KeyValueStore.KeyValueStore, sticky)
      yield* jar.store(home, ["a=1; Max-Age=100"])
      yield* Effect.yieldNow
      isStuck = false
      yield* close
      assert.strictEqual(yield* using(names), "a")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})
