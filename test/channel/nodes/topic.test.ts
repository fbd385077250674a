import { assert, describe, it } from "@effect/vitest"

import type { BrokerMessage } from "../../../src/channel/nodes/Broker.ts"
import { seal } from "../../../src/channel/nodes/Envelope.ts"
import { NodeTopic } from "../../../src/channel/nodes/NodeTopic.ts"

const bodyOf = (offset: number) => seal({ topic: "room", event: "said", payload: offset }, undefined, undefined)

const message = (offset: number): BrokerMessage => ({
  position: { epoch: "e", offset },
  recoveryId: false,
  body: bodyOf(offset)
})

const followed = () => {
  const heard: Array<unknown> = []
  const fetches: Array<readonly [after: number, count: number]> = []
  const counts = { delivered: 0, doubled: 0, fetched: 0, discontinuities: 0 }
  const topic = new NodeTopic(
    "room",
    undefined,
    {
      fetch: (_, { offset }, count) => void fetches.push([offset, count]),
      reportDefect: (_, defect) => assert.fail(String(defect)),
      counts
    },
    0
  )
  topic.subscribers.add({ id: "subscriber", deliver: ({ payload }) => void heard.push(payload) })
  topic.opened({ epoch: "e", offset: 0 })
  const answer = (top: number, ...offsets: ReadonlyArray<number>) =>
    topic.fetched({
      top: { epoch: "e", offset: top },
      mode: "recoverable",
      timeToLiveMillis: 1000,
      recoveryId: false,
      nowMillis: 0,
      messages: offsets.map((offset) => ({ offset, body: bodyOf(offset), atMillis: 0 }))
    })
  return { topic, heard, fetches, counts, answer }
}

describe("a topic of a node", () => {
  it("nodes 1: fetches each gap, also one that opens while another is fetched", () => {
    const { answer, counts, fetches, heard, topic } = followed()
    for (const offset of [1, 3, 6]) topic.onMessage(message(offset))
    answer(6, 2)
    answer(6, 4, 5)
    assert.deepStrictEqual(fetches, [
      [1, 1],
      [3, 2]
    ])
    assert.deepStrictEqual(heard, [1, 2, 3, 4, 5, 6])
    assert.strictEqual(counts.discontinuities, 0)
  })

  it("nodes 1: passes over a gap whose messages are not kept, and one that could not be fetched", () => {
    const { answer, counts, fetches, heard, topic } = followed()
    for (const offset of [3, 4]) topic.onMessage(message(offset))
    answer(4)
    topic.onMessage(message(6))
    topic.fetched(undefined)
    assert.deepStrictEqual([heard, fetches.length, counts.discontinuities], [[3, 4, 6], 2, 2])
  })
})
