/** One writer for the state of each room, over all nodes: an entity of an Effect cluster. */
import { Console, Effect, Layer, Schema } from "effect"
import { Entity, TestRunner } from "effect/cluster"
import { Rpc } from "effect/rpc"
import { Broadcaster, ChannelApi, ChannelServer } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

const Line = Schema.Struct({ number: Schema.Int, text: Schema.String })
const error = Schema.Literal("unavailable")
class Room extends ChannelApi.make("room:{id}", {
  join: { reply: Schema.Array(Line), error },
  incoming: { say: { payload: Schema.String, reply: Schema.Int, error } },
  outgoing: { said: Line }
}) {}

const add = Rpc.make("add", { payload: { text: Schema.String }, success: Schema.Int })
const Writer = Entity.make("Writer", [add, Rpc.make("list", { success: Schema.Array(Line) })])

/** The cluster runs one writer for each room, and calls it for one message at a time. A real one keeps its lines in a database. */
const WriterLive = Writer.toLayer(
  Effect.gen(function* () {
    const { entityId: id } = yield* Entity.CurrentAddress
    const lines: Array<typeof Line.Type> = []
    return Writer.of({
      add: ({ payload: { text } }) => {
        const number = lines.push({ number: lines.length + 1, text })
        return Effect.as(Room.broadcast({ id }, "said", { number, text }), number)
      },
      list: () => Effect.succeed(lines)
    })
  })
)

/** Nobody answers while the process of a writer is lost. A line whose answer did not come may have been added. */
const inTime = <A, E>(answer: Effect.Effect<A, E>) =>
  Effect.mapError(Effect.timeout(answer, "5 seconds"), () => "unavailable" as const)

const RoomLive = Layer.unwrap(
  Effect.map(Writer.client, (writerOf) =>
    Room.layer({
      join: ({ params }) => inTime(writerOf(params.id).list()),
      on: { say: (text, { params }) => inTime(writerOf(params.id).add({ text })) }
    })
  )
)

const program = Effect.gen(function* () {
  // Two nodes in one process. Several processes need `NodeClusterSocket.layer`, and the broadcaster of Redis or NATS.
  const shared = yield* Layer.build(Layer.provideMerge(WriterLive, Layer.merge(TestRunner.layer, Broadcaster.layer)))
  const node = Effect.provideContext(TestChannel.make(ChannelServer.make("chat").mount(Room), RoomLive), shared)
  const ann = (yield* (yield* node).connect()).channel(Room, { id: "1" })
  const bob = (yield* (yield* node).connect()).channel(Room, { id: "1" })
  yield* ann.join()
  yield* bob.join()
  yield* Effect.all([ann.push("say", "tea?"), bob.push("say", "coffee?")], { concurrency: "unbounded" })
  const heard = [yield* ann.next("said"), yield* ann.next("said"), yield* bob.next("said"), yield* bob.next("said")]
  yield* Console.log(heard.map(({ number, text }) => `${number} ${text}`).join(", "))
})

await Effect.runPromise(Effect.scoped(program))
