/** A node in a process of its own, whose members are present in one topic: `node StormNode.ts URL COUNT`. */
import { Effect, Layer } from "effect"
import { Presence } from "fairlead/channel"
import { RedisBroadcaster } from "fairlead/channel/redis"

const [, , url = "", count = "0"] = process.argv

const program = Effect.gen(function* () {
  const { put } = yield* Presence.Presence
  const ids = Array.from({ length: Number(count) }, (_, n) => `child-${n}`)
  yield* Effect.forEach(ids, (id) => put("storm", { id, key: id, ref: id, previousRef: undefined, meta: {} }), {
    concurrency: 50
  })
  console.log("present")
  return yield* Effect.never
})

Effect.runFork(Effect.provide(program, Layer.orDie(RedisBroadcaster.layer({ url }))))
