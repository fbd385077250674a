/** Real nodes over real brokers, in a few seconds. The long run is in `histories.long.test.ts`. */
import { assert, describe, it } from "vitest"

import { natsKind } from "../nats/Nats.ts"
import { redisKind } from "../redis/Redis.ts"
import { cut, killNode, loseMembers, realHistory, restartBroker } from "./RealHistory.ts"

describe.each([redisKind, natsKind])("three processes over $name", (kind) => {
  it.skipIf(kind.missing)(
    "nodes 3.3: lose nothing silently while connections are cut, the broker restarts and a node is killed",
    async () => {
      const outcome = await realHistory(kind, {
        messages: 500,
        members: 9,
        rate: 400,
        faults: [
          [300, cut(0)],
          [200, loseMembers(2)],
          [200, restartBroker],
          [500, cut(1)],
          [200, killNode(2)]
        ]
      })
      console.log(`${kind.name}: ${JSON.stringify(outcome)}`)
      assert.deepStrictEqual(outcome.faults, [])
      assert.strictEqual(outcome.counted.sent, outcome.counted.got)
      assert.isAbove(outcome.delivered, 1000)
      assert.isAbove(outcome.reconnects, 5)
    }
  )
})
