import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"

import { Keyed, LimiterKeys, limiterPrefix } from "../../src/core/Keyed.ts"

describe("a bounded map", () => {
  it("forgets the least recently used key beyond its bound", () => {
    const keyed = new Keyed<string, number>({ maxKeys: 2 })
    keyed.set("a", 1)
    keyed.set("b", 2)
    assert.strictEqual(keyed.get("a"), 1)
    keyed.set("c", 3)
    assert.deepStrictEqual([keyed.get("a"), keyed.get("b"), keyed.get("c"), keyed.size], [1, undefined, 3, 2])
  })

  it("forgets a key a while after it was set, however often it is read", () => {
    const keyed = new Keyed<string, number>({ maxKeys: 2, timeToLive: Duration.seconds(1) })
    keyed.set("a", 1, 0)
    assert.deepStrictEqual([keyed.get("a", 999), keyed.get("a", 1000), keyed.size], [1, undefined, 0])
    assert.strictEqual(
      keyed.getOrSet("a", () => 2, 5000),
      2
    )
    assert.strictEqual(
      keyed.getOrSet("a", () => 3, 5999),
      2
    )
  })

  it("keeps a key in use while another can go, and looks at 16 keys at most", () => {
    const keyed = new Keyed<number, boolean>({ maxKeys: 40, inUse: (value) => value })
    for (let key = 0; key < 40; key++) keyed.set(key, key !== 10 && key !== 30)
    keyed.set(100, true)
    assert.deepStrictEqual([keyed.get(10), keyed.get(0)], [undefined, true])
    // Key 0 was read a moment ago, and key 30 is not among the 16 oldest.
    keyed.set(101, true)
    assert.deepStrictEqual([keyed.get(1), keyed.get(30), keyed.size], [undefined, false, 40])
  })

  it("holds its last key even where all are in use", () => {
    const keyed = new Keyed<string, number>({ maxKeys: 1, inUse: () => true })
    keyed.set("a", 1)
    keyed.set("b", 2)
    assert.deepStrictEqual([keyed.get("a"), keyed.get("b")], [undefined, 2])
  })

  it("deletes a key that still has the value, and no other", () => {
    const keyed = new Keyed<string, object>({ maxKeys: 2 })
    const [first, second] = [{}, {}]
    keyed.set("a", first)
    keyed.set("a", second)
    keyed.delete("a", first)
    assert.strictEqual(keyed.get("a"), second)
    keyed.delete("a", second)
    assert.strictEqual(keyed.size, 0)
  })

  it("forgets keys in constant time where all are in use", () => {
    const keyed = new Keyed<number, number>({ maxKeys: 10_000, inUse: () => true })
    for (let key = 0; key < 100_000; key++) keyed.set(key, key)
    assert.strictEqual(keyed.size, 10_000)
  }, 5000)
})

describe("the keys of a limit", () => {
  const scope = { composite: "api", name: "rateLimit", limit: 10, window: Duration.seconds(1) }

  it("name the composite, the interceptor, the limit and the window", () => {
    const keys = new LimiterKeys({ ...scope, maxKeys: 2 })
    assert.strictEqual(keys.of("https://a.example", 0), "fairlead/api/rateLimit/10/1000/https://a.example")
  })

  it("differ where a name contains a slash", () => {
    const prefixOf = (composite: string, name: string) => limiterPrefix({ ...scope, composite, name })
    assert.notStrictEqual(prefixOf("a/b", "c"), prefixOf("a", "b/c"))
    assert.notStrictEqual(prefixOf("a%2F", "c"), prefixOf("a/", "c"))
  })

  it("beyond the bound share a bucket, until another was not used for a window", () => {
    const keys = new LimiterKeys({ ...scope, maxKeys: 2 })
    const of = (key: string, now: number) => keys.of(key, now).slice("fairlead/api/rateLimit/10/1000/".length)
    assert.deepStrictEqual([of("a", 0), of("b", 10), of("c", 20), of("a", 900)], ["a", "b", "", "a"])
    assert.deepStrictEqual([of("c", 1009), of("c", 1010), of("b", 1011)], ["", "c", ""])
  })
})
