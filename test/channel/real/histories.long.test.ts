/** A million deliveries over each engine, with every fault; and 10,000 fresh topics. The engines run at the same time, since most of the time passes while something stands still. */
import { setTimeout as sleep } from "node:timers/promises"

import { Effect } from "effect"
import { assert, describe, it } from "vitest"

import { natsKind } from "../nats/Nats.ts"
import { secondsAfterAbsence } from "../nodes/contract/StormContract.ts"
import { redisKind } from "../redis/Redis.ts"
import { Asker } from "./Clients.ts"
import { everyFault } from "./Faults.ts"
import { realHistory } from "./RealHistory.ts"
import { ServerProcess } from "./Servers.ts"

describe.concurrent.each([redisKind, natsKind])("three processes over $name", (kind) => {
  it.skipIf(kind.missing)("nodes 3.3: lose nothing silently in a million deliveries, whatever fails", async () => {
    const outcome = await realHistory(kind, {
      messages: 20_000,
      // Those who come back after the log's oldest message miss some, and how many depends on the machine.
      deliveries: 1_000_000,
      members: 50,
      // It lasts as long as the faults.
      rate: 250,
      faults: everyFault
    })
    console.log(`${kind.name}: ${JSON.stringify(outcome)}`)
    assert.deepStrictEqual(outcome.faults, [])
    assert.strictEqual(outcome.counted.sent, outcome.counted.got)
    assert.isAtLeast(outcome.delivered, 1_000_000)
    assert.isAbove(outcome.discontinuities, 0)
  })

  it.skipIf(kind.missing)(
    "nodes 3.4: 10,000 fresh topics get what another node publishes right after the join",
    async () => {
      const broker = await kind.start()
      const name = kind.name.toLowerCase()
      const [a, b] = await Promise.all([1, 2].map(() => ServerProcess.start(name, broker.port)))
      const heard = new Map<string, unknown>()
      const joiners = [1, 2, 3, 4].map(
        () =>
          new Asker(
            () => a!.port,
            "fresh:first",
            (to, payload) => heard.set(to, payload)
          )
      )
      const publisher = new Asker(() => b!.port, "fresh:publisher")
      try {
        const missed: Array<number> = []
        let next = 0
        const work = async (joiner: Asker) => {
          while (next < 10_000) {
            const n = next++
            const topic = `fresh:topic ${n}`
            assert.isDefined(await joiner.ask("phx_join", {}, topic))
            assert.isNull(await publisher.ask("say", { topic, n }))
            for (let tries = 500; !heard.has(topic) && tries > 0; tries--) await sleep(10)
            if (heard.get(topic) !== n) missed.push(n)
            await joiner.ask("phx_leave", {}, topic)
          }
        }
        await Promise.all(joiners.flatMap((joiner) => Array.from({ length: 5 }, () => work(joiner))))
        assert.deepStrictEqual(missed, [])
      } finally {
        for (const asker of [...joiners, publisher]) asker.stop()
        await Promise.all([a!.stop(), b!.stop()])
        await broker.kill()
      }
    }
  )

  it.skipIf(kind.missing)(
    "nodes 3.5: after the engine was away for 60 seconds, nodes agree within 5 seconds of its return",
    async () => {
      assert.isBelow(await Effect.runPromise(secondsAfterAbsence(kind, 60_000, {})), 5)
    }
  )
})
