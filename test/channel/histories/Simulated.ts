/** Seeded histories of a room in process: slow readers, crashes and reconnects. */
import { Effect, Exit, Scope } from "effect"
import { Broadcaster, ChannelApi, ChannelServer } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { faultsOf } from "./Checker.ts"
import type { History, Seen } from "./Checker.ts"

const any = ChannelApi.AnyPayload

class Room extends ChannelApi.make("room", {
  join: { payload: any },
  incoming: { say: { payload: any }, sayToOthers: { payload: any }, hold: { payload: any } },
  outgoing: { said: any, held: any },
  retention: ChannelApi.recoverable({ maxMessages: 8 })
}) {}

const roomLayer = Room.layer({
  join: () => Effect.void,
  on: {
    // Broadcasts wait for their interception meanwhile.
    say: (payload, room) => Effect.andThen(Effect.yieldNow, room.broadcast("said", payload)),
    sayToOthers: (payload, room) => room.broadcastFrom("said", payload),
    hold: (payload, room) => room.broadcast("held", payload)
  },
  // Later broadcasts wait until it has decided.
  intercept: { held: (payload) => Effect.as(Effect.yieldNow, payload) }
})

/** Numbers by a seed (mulberry32). */
export const numbersOf = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

export interface Client {
  socket: TestChannel.TestSocket
  scope: Scope.Closeable
  taken: number
  position: string | null
  reads: boolean
  readonly seen: Array<Seen>
}

/** Reads what has come, as a client does that keeps its position. */
export const read = (client: Client, from: string | null): void => {
  for (; client.taken < client.socket.received.length; client.taken++) {
    const { event, payload, position } = client.socket.received[client.taken]!
    const fields = payload as { readonly [name: string]: never }
    if (event === "phx_error" || event === "phx_close") {
      // Its channel ended: it has to join again.
      client.seen.push({ _tag: "Lost" })
    } else if (event === "recovery") {
      client.seen.push({ _tag: "Joined", complete: fields["complete"]!, from, id: fields["id"]! })
      client.position = fields["complete"]! && from !== null ? from : fields["id"]!
    } else if (event === "discontinuity") {
      client.seen.push({ _tag: "Gap", from: fields["from"]!, to: fields["to"]! })
      client.position = fields["to"]!
    } else if (position !== undefined) {
      if (event === "position") client.seen.push({ _tag: "Passed", position })
      else client.seen.push({ _tag: "Delivered", value: fields["n"]!, position })
      client.position = position
    }
  }
}

/** The faults of the history of a seed. */
export const faultsOfSeed = (seed: number): Effect.Effect<ReadonlyArray<string>, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const random = numbersOf(seed)
      const onOverflow = (["close", "drop-oldest", "drop-newest"] as const)[random(3)]!
      const server = yield* TestChannel.make(ChannelServer.make("histories").mount(Room), roomLayer, {
        slowReader: { maxMessages: 1 + random(4), onOverflow }
      })
      const published: Array<History["published"][number]> = []
      // It sees all that is published, whoever does it.
      yield* server.run(
        Effect.flatMap(Broadcaster.Broadcaster, ({ subscribe }) =>
          subscribe("room", {
            id: "witness",
            deliver: ({ payload, position }) => {
              published.push({
                value: (payload as { readonly n: number }).n,
                position: Broadcaster.formatPosition(position!)
              })
            }
          })
        )
      )
      let n = 0
      const connect = (client: Client | undefined) =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const socket = yield* Scope.provide(server.connect(), scope)
          const from = client?.position ?? null
          const next: Client = { socket, scope, taken: 0, position: from, reads: true, seen: client?.seen ?? [] }
          yield* socket.join("room", { recover_from: from })
          read(next, from)
          return next
        })
      const clients = yield* Effect.forEach(Array.from({ length: 2 + random(3) }), () => connect(undefined))
      const lose = (index: number) =>
        Effect.gen(function* () {
          const client = clients[index]!
          read(client, null)
          client.seen.push({ _tag: "Lost" })
          yield* Scope.close(client.scope, Exit.void)
          yield* client.socket.released
          clients[index] = yield* connect(client)
        })
      for (let step = 0; step < 40; step++) {
        const index = random(clients.length)
        const client = clients[index]!
        switch (random(8)) {
          case 0:
            yield* lose(index)
            break
          case 1:
            client.reads = !client.reads
            yield* client.reads ? client.socket.startReading : client.socket.stopReading
            break
          case 2:
            yield* client.socket.notify("room", "sayToOthers", { n: ++n })
            break
          case 3:
            yield* server.run(Broadcaster.broadcast("room", random(2) === 0 ? "said" : "held", { n: ++n }))
            break
          case 4:
            yield* Effect.yieldNow
            break
          default:
            yield* client.socket.notify("room", random(4) === 0 ? "hold" : "say", { n: ++n })
        }
      }
      for (let yields = 0; yields < 50; yields++) yield* Effect.yieldNow
      const live: Array<boolean> = []
      for (const client of clients) {
        yield* client.socket.startReading
        for (let yields = 0; yields < 10; yields++) yield* Effect.yieldNow
        const answer = yield* Effect.exit(client.socket.heartbeat)
        read(client, null)
        live.push(Exit.isSuccess(answer))
      }
      return faultsOf({ published, clients: clients.map(({ seen }) => seen), live })
    })
  )
