/** Seeded histories of a room on three nodes, over a broker in memory with faults: losses, doubles, cuts, fail-overs, restarts, slow nodes and clients. */
import { Effect, Exit, Layer, Logger, Scope } from "effect"
import { Broadcaster, ChannelApi, ChannelServer } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { open } from "../../../src/channel/nodes/Envelope.ts"
import { MemoryServer } from "../nodes/MemoryBroker.ts"
import type { MemoryLink } from "../nodes/MemoryBroker.ts"
import { nodeOver } from "../nodes/Node.ts"
import { faultsOf } from "./Checker.ts"
import type { Seen } from "./Checker.ts"
import { numbersOf, read } from "./Simulated.ts"
import type { Client } from "./Simulated.ts"

const any = ChannelApi.AnyPayload

class Room extends ChannelApi.make("room", {
  join: { payload: any },
  incoming: { say: { payload: any }, sayToOthers: { payload: any } },
  outgoing: { said: any },
  retention: ChannelApi.recoverable({ maxMessages: 8 })
}) {}

const roomLayer = Room.layer({
  join: () => Effect.void,
  on: {
    say: (payload, room) => room.broadcast("said", payload),
    sayToOthers: (payload, room) => room.broadcastFrom("said", payload)
  }
})

const yields = (count: number) => Effect.repeat(Effect.yieldNow, { times: count })

interface Node {
  readonly link: MemoryLink
  readonly server: TestChannel.TestServer
  readonly check: Effect.Effect<void>
}

/** What a history had: so that a simulation without faults is noticed. */
export interface Tally {
  published: number
  delivered: number
  fetched: number
  doubled: number
  discontinuities: number
}

/** The faults of the history of a seed. */
export const faultsOfNodes = (seed: number, tally?: Tally): Effect.Effect<ReadonlyArray<string>, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const random = numbersOf(seed)
      const server = new MemoryServer()
      server.faults = { random, loses: 2 + random(12), doubles: 8, fails: 10 }
      const counts: Array<Effect.Success<ReturnType<typeof nodeOver>>["engine"]["counts"]> = []
      const nodes = yield* Effect.forEach([1, 2, 3], () =>
        Effect.gen(function* () {
          const link = server.link()
          const { engine, layer } = yield* nodeOver(link)
          counts.push(engine.counts)
          const channels = Layer.merge(roomLayer, layer)
          const chat = yield* TestChannel.make(ChannelServer.make("histories").mount(Room), channels)
          return { link, server: chat, check: engine.check } satisfies Node
        })
      )
      let n = 0
      const connect = (seen: Array<Seen>, from: string | null) =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const socket = yield* Scope.provide(nodes[random(nodes.length)]!.server.connect(), scope)
          const next: Client = { socket, scope, taken: 0, position: from, reads: true, seen }
          const { status } = yield* socket.join("room", { recover_from: from })
          read(next, from)
          return { client: next, isJoined: status === "ok" }
        })
      const clients = yield* Effect.forEach([1, 2, 3, 4], () => connect([], null))
      const lose = (index: number) =>
        Effect.gen(function* () {
          const { client } = clients[index]!
          read(client, null)
          client.seen.push({ _tag: "Lost" })
          yield* Scope.close(client.scope, Exit.void)
          yield* client.socket.released
          clients[index] = yield* connect(client.seen, client.position)
        })
      const mend = Effect.sync(() => {
        for (const { link } of nodes) link.mend()
      })
      for (let step = 0; step < 60; step++) {
        const index = random(clients.length)
        const { socket } = clients[index]!.client
        const node = nodes[random(nodes.length)]!
        switch (random(14)) {
          case 0:
            yield* lose(index)
            break
          case 1:
            node.link.cut()
            break
          case 2:
            yield* mend
            break
          case 3:
            node.link.isSlow = !node.link.isSlow
            if (!node.link.isSlow) node.link.pump()
            break
          case 4:
            node.link.pump(random(4))
            break
          case 5:
            yield* node.check
            break
          case 6: {
            if (random(4) > 0) break
            if (random(2) === 0) server.restart()
            else server.failOver(1 + random(4))
            yield* mend
            break
          }
          case 7:
            yield* Effect.exit(node.server.run(Room.publish({}, "said", { n: ++n })))
            break
          case 8:
            yield* socket.notify("room", "sayToOthers", { n: ++n })
            break
          default:
            yield* socket.notify("room", "say", { n: ++n })
        }
        yield* yields(random(6))
      }
      // The faults end: everybody comes to the top, or was told.
      server.faults = { random: () => 1, loses: 0, doubles: 0, fails: 0 }
      yield* mend
      for (const { link } of nodes) {
        link.isSlow = false
        link.pump()
      }
      for (let round = 0; round < 3; round++) {
        yield* yields(200)
        for (const { check } of nodes) yield* check
      }
      yield* yields(200)
      const live: Array<boolean> = []
      for (const { client, isJoined } of clients) {
        const answer = yield* Effect.exit(client.socket.heartbeat)
        read(client, null)
        live.push(isJoined && Exit.isSuccess(answer))
      }
      const published = server.published.flatMap(({ body, position, topic }) => {
        const payload = open(topic, body, position, false)!.delivery.payload as { readonly n: number }
        return [{ value: payload.n, position: Broadcaster.formatPosition(position) }]
      })
      const log = server.logs.get("room")
      if (tally !== undefined) {
        tally.published += published.length
        for (const { delivered, discontinuities, doubled, fetched } of counts) {
          tally.delivered += delivered
          tally.fetched += fetched
          tally.doubled += doubled
          tally.discontinuities += discontinuities
        }
      }
      return faultsOf({
        published,
        clients: clients.map(({ client }) => client.seen),
        live,
        ...(log === undefined ? {} : { top: Broadcaster.formatPosition(log) })
      })
    })
    // The failures that the faults cause are logged.
  ).pipe(Effect.provide(Logger.layer([])))
