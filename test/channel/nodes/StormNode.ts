/** A node in a process of its own, whose members are present in one topic: `node StormNode.ts redis|nats PORT COUNT`. */
import { Effect, Layer } from "effect"
import { Presence } from "fairlead/channel"
import { NatsBroadcaster } from "fairlead/channel/nats"
import { RedisBroadcaster } from "fairlead/channel/redis"

const [, , kind = "", port = "", count = "0"] = process.argv

const program = Effect.gen(function* () {
  const { put } = yield* Presence.Presence
  const ids = Array.from({ length: Number(count) }, (_, n) => `child-${n}`)
  yield* Effect.forEach(ids, (id) => put("storm", { id, key: id, ref: id, previousRef: undefined, meta: {} }), {
    concurrency: 50
  })
  console.log("present")
  return yield* Effect.never
})

const engine =
  kind === "redis"
    ? Layer.orDie(RedisBroadcaster.layer({ url: `redis://127.0.0.1:${port}` }))
    : Layer.orDie(NatsBroadcaster.layer({ url: `nats://127.0.0.1:${port}` }))

Effect.runFork(Effect.provide(program, engine))
