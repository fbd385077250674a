import { assert, describe, it } from "vitest"

import { bestView, readView, redirectOf } from "../../../../src/channel/redis/cluster/ClusterView.ts"
import { slotOf, tagOf } from "../../../../src/channel/redis/cluster/KeySlot.ts"
import { SlotRuns } from "../../../../src/channel/redis/cluster/SlotRuns.ts"

describe("the slot of a key", () => {
  it("nodes 1: is that of Redis, by its hash tag where it has one", () => {
    // Said by `CLUSTER KEYSLOT` of Redis 7.
    const known = { "": 0, foo: 12_182, "123456789": 12_739, "{user1000}.following": 3443, "foo{}{bar}": 8363 }
    for (const [key, slot] of Object.entries(known)) assert.strictEqual(slotOf(key), slot, key)
    assert.strictEqual(slotOf("foo{{bar}}zap"), slotOf("{bar"))
    assert.strictEqual(slotOf("a:{käse}:b"), slotOf("käse"))
  })

  it("nodes 1: is reached by a tag, for all slots", () => {
    for (let slot = 0; slot < 16_384; slot++) assert.strictEqual(slotOf(`fairlead:lease:${tagOf(slot)}x`), slot)
  })
})

const at = (host: string, port: number) => `${host === "" ? "asked" : host}:${port}`

describe("a view of a cluster", () => {
  it("nodes 1: names the master of each slot, and its replicas", () => {
    const slots = [
      [0, 99, ["10.0.0.1", 7000, "id"], ["10.0.0.4", 7000, "id"]],
      [100, 199, [null, 7001, "id"]]
    ]
    const view = readView("cluster_state:ok\r\ncluster_current_epoch:7\r\n", slots, at)
    assert.deepStrictEqual(
      [view.masters[0], view.masters[99], view.masters[100], view.masters[200]],
      ["10.0.0.1:7000", "10.0.0.1:7000", "asked:7001", undefined]
    )
    assert.strictEqual(view.replicas.get("10.0.0.1:7000"), 1)
    assert.deepStrictEqual([view.isServing, view.version], [true, 7])
  })

  it("nodes 3.3: of a server that serves is followed before the newer one of a server that does not", () => {
    const [cut, old, next] = [
      "cluster_state:fail\r\ncluster_current_epoch:9",
      "cluster_state:ok\r\ncluster_current_epoch:3",
      "cluster_state:ok\r\ncluster_current_epoch:4"
    ].map((info) => readView(info, [], at))
    assert.strictEqual(bestView([cut!, old!, next!]), next)
    assert.isUndefined(bestView([]))
  })

  it("nodes 3.3: is put right by a redirect, of either version of IP", () => {
    assert.deepStrictEqual(redirectOf("MOVED 12 10.0.0.1:7000"), {
      kind: "MOVED",
      slot: 12,
      host: "10.0.0.1",
      port: 7000
    })
    assert.deepStrictEqual(redirectOf("ASK 12 ::1:7000"), { kind: "ASK", slot: 12, host: "::1", port: 7000 })
    assert.deepStrictEqual(redirectOf("MOVED 12 :7000")?.host, "")
    assert.isUndefined(redirectOf("CLUSTERDOWN The cluster is down"))
  })
})

describe("the runs of slots", () => {
  it("nodes 3.3: distinguish slots that recovered in the same run from slots of another run", () => {
    const runs = new SlotRuns()
    assert.deepStrictEqual(runs.become(["a", "a", "b"]), [])
    assert.deepStrictEqual(runs.become(["a", "a", undefined]), [])
    assert.isFalse(runs.areAllAway)
    assert.deepStrictEqual(runs.become(["a", "c", "b"]), [
      { isSameRun: false, slots: new Set([1]) },
      { isSameRun: true, slots: new Set([2]) }
    ])
    runs.become([undefined, undefined, undefined])
    assert.isTrue(runs.areAllAway)
    assert.deepStrictEqual(runs.become(["a", "c", "d"]), [
      { isSameRun: false, slots: new Set([2]) },
      { isSameRun: true, slots: new Set([0, 1]) }
    ])
  })
})
