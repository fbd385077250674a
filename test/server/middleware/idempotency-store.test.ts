/** The contract of an `IdempotencyStore`, in each of its places. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { IdempotencyStore } from "fairlead/server/middleware"

import { keyPlaces } from "./StorePlaces.ts"

const places = await keyPlaces()

const response = { status: 201, headers: { "x-a": "ä" }, body: "aGVsbG8=" }
const minute = Duration.minutes(1)

describe.each(places)("the idempotency store in $name", ({ keys, missing }) => {
  const test = (
    title: string,
    program: (store: IdempotencyStore["Service"], key: string) => Effect.Effect<void, unknown>
  ) =>
    it.live.skipIf(missing)(title, () =>
      Effect.gen(function* () {
        const store = yield* IdempotencyStore
        yield* program(store, globalThis.crypto.randomUUID())
      }).pipe(Effect.provide(keys))
    )

  test("one of many takes a free key", (store, key) =>
    Effect.gen(function* () {
      const owners = Array.from({ length: 20 }, (_, owner) => String(owner))
      const begun = yield* Effect.forEach(
        owners,
        (owner) => Effect.map(store.begin(key, { owner, fingerprint: "f" }, minute), (present) => ({ owner, present })),
        { concurrency: "unbounded" }
      )
      const [winner, ...more] = begun.filter(({ present }) => present === undefined)
      assert.isEmpty(more)
      for (const { owner, present } of begun) {
        if (owner !== winner!.owner) assert.deepStrictEqual(present, { owner: winner!.owner, fingerprint: "f" })
      }
    }))

  test("the owner alone records and frees", (store, key) =>
    Effect.gen(function* () {
      yield* store.begin(key, { owner: "a", fingerprint: "f" }, minute)
      assert.isFalse(yield* store.complete(key, { owner: "b", fingerprint: "f", response }, minute))
      yield* store.release(key, "b")
      assert.deepStrictEqual(yield* store.begin(key, { owner: "b", fingerprint: "f" }, minute), {
        owner: "a",
        fingerprint: "f"
      })
      assert.isTrue(yield* store.complete(key, { owner: "a", fingerprint: "f", response }, minute))
      assert.deepStrictEqual(yield* store.begin(key, { owner: "b", fingerprint: "f" }, minute), {
        owner: "a",
        fingerprint: "f",
        response
      })
      yield* store.release(key, "a")
      assert.isUndefined(yield* store.begin(key, { owner: "b", fingerprint: "f" }, minute))
    }))

  test("a lock that ran out belongs to the next owner: the first can neither record nor free it (truxify#4623)", (store, key) =>
    Effect.gen(function* () {
      yield* store.begin(key, { owner: "slow", fingerprint: "f" }, Duration.millis(30))
      yield* Effect.sleep("80 millis")
      assert.isUndefined(yield* store.begin(key, { owner: "next", fingerprint: "f" }, minute))
      assert.isFalse(yield* store.complete(key, { owner: "slow", fingerprint: "f", response }, minute))
      yield* store.release(key, "slow")
      assert.isTrue(yield* store.complete(key, { owner: "next", fingerprint: "f", response }, minute))
    }))

  test("a response is forgotten after its time", (store, key) =>
    Effect.gen(function* () {
      yield* store.begin(key, { owner: "a", fingerprint: "f" }, minute)
      yield* store.complete(key, { owner: "a", fingerprint: "f", response }, Duration.millis(30))
      yield* Effect.sleep("80 millis")
      assert.isUndefined(yield* store.begin(key, { owner: "b", fingerprint: "g" }, minute))
    }))
})
