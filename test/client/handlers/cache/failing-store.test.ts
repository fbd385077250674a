/** A store that fails, hangs and recovers, by the options `onStoreError` and `storeTimeout`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Logger, Stream } from "effect"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { ClientChain } from "fairlead/client"
import { cache, CacheStore, CacheStoreError } from "fairlead/client/handlers"
import type { CacheOptions } from "fairlead/client/handlers"

import { cached, call, fresh, outcome } from "./Caching.ts"

type Store = CacheStore["Service"]
type Fault = "fail" | "hang" | "die"

const error = new CacheStoreError({ reason: { _tag: "ReadFailed", cause: "down" } })

const changes = new Set(["write", "commit", "update", "remove", "invalidate"])

/** A store whose operations are as `fault` says, one or all. */
const unsteady = () => {
  const { peek: _, ...store } = CacheStore.makeMemory()
  const state: { fault: Fault | undefined; of: string | undefined; calls: Array<string> } = {
    fault: undefined,
    of: undefined,
    calls: []
  }
  const faulty = <A>(name: string, effect: Effect.Effect<A, CacheStoreError>) =>
    Effect.suspend((): Effect.Effect<A, CacheStoreError> => {
      state.calls.push(name)
      if (state.fault === undefined || (state.of ?? name) !== name) return effect
      if (state.fault === "hang") return changes.has(name) ? Effect.uninterruptible(Effect.never) : Effect.never
      return state.fault === "die" ? Effect.die("broken") : Effect.fail(error)
    })
  const changed: Store = {
    maxEntryBytes: store.maxEntryBytes,
    secret: faulty("secret", store.secret),
    find: (key) => faulty("find", store.find(key)),
    read: (head) => Stream.unwrap(faulty("read", Effect.succeed(store.read(head)))),
    write: (key) =>
      Effect.map(faulty("write", store.write(key)), (writer) => ({
        ...writer,
        commit: (head, replaces) => faulty("commit", writer.commit(head, replaces))
      })),
    update: (key, head) => faulty("update", store.update(key, head)),
    remove: (key, head) => faulty("remove", store.remove(key, head)),
    invalidate: (invalidation) => faulty("invalidate", store.invalidate(invalidation))
  }
  return { store: changed, state }
}

const numbered = (options: CacheOptions) =>
  cached((_, count) => ({ headers: { ...fresh, etag: '"a"' }, body: `${count}` }), options)

/** The end of an effect, a second of the test clock at a time. */
const settled = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const running = yield* Effect.forkChild(effect, { startImmediately: true })
    let seconds = 0
    while (running.pollUnsafe() === undefined && seconds < 20) {
      yield* TestClock.adjust("1 second")
      seconds++
      yield* Effect.promise(() => new Promise(setImmediate))
    }
    return { seconds, value: yield* Fiber.join(running) }
  })

const users = { authorization: "Bearer t" }

describe("a store that fails", () => {
  const operations = ["secret", "find", "read", "write", "commit", "update", "remove", "invalidate"]
  const cases = operations.flatMap((of) => (["fail", "hang", "die"] as const).map((fault) => ({ of, fault })))

  it.effect.each(cases)("cache 7: the network answers where $of is to $fault", ({ fault, of }) =>
    Effect.gen(function* () {
      const { state, store } = unsteady()
      const { client } = numbered({ store })
      yield* call(client, { headers: users })
      Object.assign(state, { fault, of })
      for (const options of [{}, { mode: "reload" }, { mode: "no-cache" }, { method: "PUT", body: "x" }] as const) {
        const { seconds, value } = yield* settled(call(client, { headers: users, ...options }))
        assert.strictEqual(value.status, 200)
        assert.isAtMost(seconds, 3)
      }
      state.fault = undefined
      yield* TestClock.adjust("10 seconds")
      yield* call(client, { headers: users })
      assert.strictEqual(outcome(yield* call(client, { headers: users })), "hit")
    })
  )

  it.effect("cache 7: a call waits once for a store that hangs; the next ones pass it by for five seconds", () =>
    Effect.gen(function* () {
      const { state, store } = unsteady()
      const { client } = numbered({ store, storeTimeout: "2 seconds" })
      yield* call(client)
      assert.strictEqual(outcome(yield* call(client)), "hit")
      state.fault = "hang"
      assert.strictEqual((yield* settled(call(client))).seconds, 2)
      state.calls = []
      const second = yield* call(client)
      assert.deepStrictEqual(state.calls, [])
      assert.strictEqual(second.headers["cache-status"], "cache; fwd=uri-miss; detail=store-failed")
      state.fault = undefined
      assert.include((yield* call(client)).headers["cache-status"], "store-failed")
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(outcome(yield* call(client)), "hit")
    })
  )

  it.effect("cache 4: an invalidation that could not be written is written before the store is read again", () =>
    Effect.gen(function* () {
      const { state, store } = unsteady()
      const { client } = numbered({ store })
      yield* call(client)
      Object.assign(state, { fault: "fail", of: "invalidate" })
      yield* TestClock.adjust(1)
      yield* call(client, { method: "PUT", body: "x" })
      assert.include((yield* call(client)).headers["cache-status"], "store-failed")
      state.fault = undefined
      yield* TestClock.adjust(1)
      assert.strictEqual(outcome(yield* call(client)), "uri-miss")
      assert.strictEqual(outcome(yield* call(client)), "hit")
    })
  )

  it.effect("cache 4: of more than a hundred kept invalidations nothing is left out", () =>
    Effect.gen(function* () {
      const { state, store } = unsteady()
      const { client } = numbered({ store })
      const paths = Array.from({ length: 120 }, (_, index) => `https://api.com/${index}`)
      for (const url of paths) yield* call(client, { url })
      state.fault = "fail"
      yield* TestClock.adjust(1)
      for (const url of paths) yield* call(client, { method: "PUT", url, body: "x" })
      Object.assign(state, { fault: undefined, calls: [] })
      yield* TestClock.adjust(1)
      for (const url of paths) assert.strictEqual(outcome(yield* call(client, { url })), "uri-miss")
      assert.isAtMost(state.calls.filter((name) => name === "invalidate").length, 100)
    })
  )

  it.effect("cache 7: the first of many failures is logged", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel} ${String(message)}`))
      const { state, store } = unsteady()
      const { client } = numbered({ store })
      yield* Effect.gen(function* () {
        Object.assign(state, { fault: "fail", of: "find" })
        for (const _ of [1, 2, 3]) yield* call(client)
      }).pipe(Effect.provide(Logger.layer([logger])))
      assert.match(lines.join(), /^Warn The store of a cache fails: the network answers/)
    })
  )
})

describe("onStoreError: fail", () => {
  it.effect("cache 7: a call fails with CacheStoreError when the store cannot be read, and only then", () =>
    Effect.gen(function* () {
      const { state, store } = unsteady()
      const wire = numbered({})
      const client = ClientChain.over(ClientChain.make("c").use(cache({ store, onStoreError: "fail" })), wire.client)
      yield* call(client, { headers: users })
      for (const of of ["secret", "find", "read"]) {
        Object.assign(state, { fault: "fail", of })
        const failure = yield* Effect.flip(call(client, { headers: users }))
        assert.instanceOf(failure, CacheStoreError, of)
      }
      for (const of of ["write", "commit", "update", "remove", "invalidate"]) {
        Object.assign(state, { fault: "fail", of })
        assert.strictEqual((yield* call(client, { headers: users, mode: "reload" })).status, 200)
      }
    })
  )

  it("cache 7: other values, and times that cannot work, are rejected", () => {
    assert.throws(() => cache({ onStoreError: "ignore" as never }), InvalidOption)
    for (const storeTimeout of [0, -1, Number.NaN, Infinity]) {
      assert.throws(() => cache({ storeTimeout }), InvalidOption)
    }
  })
})
