/** Seeded histories of a room on three nodes, over a broker in memory with faults: losses, doubles, cuts, fail-overs, restarts, expired leases, slow, killed and new nodes. */
import { Effect, Exit, Layer, Logger, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Broadcaster, ChannelApi, ChannelServer } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { open } from "../../../src/channel/nodes/Envelope.ts"
import { MemoryServer } from "../nodes/MemoryBroker.ts"
import type { MemoryLink } from "../nodes/MemoryBroker.ts"
import type { Planted } from "../nodes/MemoryState.ts"
import { nodeOver } from "../nodes/Node.ts"
import { faultsOf } from "./Checker.ts"
import type { Seen } from "./Checker.ts"
import { presenceFaultsOf } from "./PresenceChecker.ts"
import type { Refs, SeenPresence } from "./PresenceChecker.ts"
import { numbersOf, read } from "./Simulated.ts"
import type { Client } from "./Simulated.ts"

const any = ChannelApi.AnyPayload

class Room extends ChannelApi.make("room", {
  join: { payload: any },
  incoming: {
    say: { payload: any },
    sayToOthers: { payload: any },
    track: { payload: Schema.String, reply: Schema.String },
    update: { payload: Schema.String, reply: Schema.String },
    untrack: { reply: Schema.String }
  },
  outgoing: { said: any },
  retention: ChannelApi.recoverable({ maxMessages: 8 }),
  presence: { meta: Schema.Struct({ at: Schema.String }) }
}) {}

const outcome = Effect.match({ onSuccess: () => "ok", onFailure: () => "failed" })

const roomLayer = Room.layer({
  join: () => Effect.void,
  on: {
    say: (payload, room) => room.broadcast("said", payload),
    sayToOthers: (payload, room) => room.broadcastFrom("said", payload),
    track: (at, { presence }) => outcome(presence.track("key", { at })),
    update: (at, { presence }) => outcome(presence.update("key", { at })),
    untrack: (_, { presence }) => outcome(presence.untrack("key"))
  },
  presence: { diffInterval: 0, maxChanges: 1000 }
})

const yields = (count: number) => Effect.repeat(Effect.yieldNow, { times: count })

interface Node {
  readonly link: MemoryLink
  readonly server: TestChannel.TestServer
  readonly check: Effect.Effect<void>
  readonly beat: Effect.Effect<void>
  isKilled: boolean
}

interface Guest {
  readonly client: Client
  readonly node: Node
  readonly isJoined: boolean
  /** Its meta, while it is present. */
  at: string | undefined
}

/** What a history had: so that a simulation without faults is noticed. */
export interface Tally {
  published: number
  delivered: number
  fetched: number
  doubled: number
  discontinuities: number
  /** Who was present in the end. */
  present: number
  /** The diffs that clients were pushed. */
  diffs: number
}

/** The tally of no history. */
export const emptyTally: Tally = {
  published: 0,
  delivered: 0,
  fetched: 0,
  doubled: 0,
  discontinuities: 0,
  present: 0,
  diffs: 0
}

type Metas = Readonly<
  Record<string, { readonly metas: ReadonlyArray<{ readonly phx_ref: string; readonly at: string }> }>
>

const refsOf = (metas: Metas): Refs =>
  Object.values(metas).flatMap(({ metas }) => metas.map(({ at, phx_ref: ref }) => [ref, at] as const))

/** What a client was pushed of presence. */
const presenceOf = ({ received }: TestChannel.TestSocket): ReadonlyArray<SeenPresence> =>
  received.flatMap(({ event, payload }): ReadonlyArray<SeenPresence> => {
    if (event === "presence_state") return [{ _tag: "State", refs: refsOf(payload as never) }]
    if (event !== "presence_diff") return []
    const { joins, leaves } = payload as unknown as { readonly joins: Metas; readonly leaves: Metas }
    return [{ _tag: "Diff", joins: refsOf(joins), leaves: refsOf(leaves) }]
  })

/** The faults of the history of a seed. */
export const faultsOfNodes = (
  seed: number,
  tally?: Tally,
  planted?: Planted
): Effect.Effect<ReadonlyArray<string>, unknown> =>
  Effect.scoped(
    Effect.gen(function* () {
      const random = numbersOf(seed)
      const server = new MemoryServer()
      server.planted = planted
      server.faults = { random, loses: 2 + random(12), doubles: 8, fails: 10 }
      const counts: Array<Effect.Success<ReturnType<typeof nodeOver>>["engine"]["counts"]> = []
      const started: Effect.Effect<Node, unknown, Scope.Scope> = Effect.gen(function* () {
        const link = server.link()
        const { engine, layer, presence } = yield* nodeOver(link)
        counts.push(engine.counts)
        const channels = Layer.merge(roomLayer, layer)
        const chat = yield* TestChannel.make(ChannelServer.make("histories").mount(Room), channels)
        const check = Effect.andThen(engine.check, presence.check)
        return { link, server: chat, check, beat: presence.heartbeat, isKilled: false }
      })
      const nodes = yield* Effect.forEach([1, 2, 3], () => started)
      let n = 0
      const connect = (seen: Array<Seen>, from: string | null): Effect.Effect<Guest, unknown> =>
        Effect.gen(function* () {
          const scope = yield* Scope.make()
          const node = nodes[random(nodes.length)]!
          const socket = yield* Scope.provide(node.server.connect(), scope)
          const next: Client = { socket, scope, taken: 0, position: from, reads: true, seen }
          const { status } = yield* socket.join("room", { recover_from: from })
          read(next, from)
          return { client: next, node, isJoined: status === "ok", at: undefined }
        })
      const guests = yield* Effect.forEach([1, 2, 3, 4], () => connect([], null))
      const lose = (index: number) =>
        Effect.gen(function* () {
          const { client, node } = guests[index]!
          read(client, null)
          client.seen.push({ _tag: "Lost" })
          // A killed node does not hear of it.
          if (!node.isKilled) {
            yield* Scope.close(client.scope, Exit.void)
            yield* client.socket.released
          }
          guests[index] = yield* connect(client.seen, client.position)
        })
      const kill = (index: number) =>
        Effect.gen(function* () {
          const node = nodes[index]!
          node.isKilled = true
          node.link.cut()
          nodes[index] = yield* started
          for (const [guest, { node: home }] of guests.entries()) if (home === node) yield* lose(guest)
        })
      const mend = Effect.sync(() => {
        for (const { link } of nodes) link.mend()
      })
      const acknowledged: Array<{ readonly value: number; readonly position: string }> = []
      for (let step = 0; step < 60; step++) {
        const index = random(guests.length)
        const guest = guests[index]!
        const { socket } = guest.client
        const node = nodes[random(nodes.length)]!
        switch (random(20)) {
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
          case 7: {
            const value = ++n
            const published = yield* Effect.exit(node.server.run(Room.publish({}, "said", { n: value })))
            if (Exit.isSuccess(published) && published.value !== undefined) {
              acknowledged.push({ value, position: Broadcaster.formatPosition(published.value) })
            }
            break
          }
          case 8:
            yield* socket.notify("room", "sayToOthers", { n: ++n })
            break
          case 9:
          case 10:
          case 11: {
            if (!guest.isJoined) break
            const at = `${index} ${step}`
            const answer = yield* Effect.exit(socket.push("room", guest.at === undefined ? "track" : "update", at))
            if (Exit.isSuccess(answer) && answer.value.response === "ok") guest.at = at
            break
          }
          case 12:
            if (!guest.isJoined) break
            if (Exit.isSuccess(yield* Effect.exit(socket.push("room", "untrack")))) guest.at = undefined
            break
          case 13: {
            const millis = random(8000)
            server.now += millis
            yield* TestClock.adjust(millis)
            break
          }
          case 14:
            yield* node.beat
            break
          case 15:
            if (random(4) === 0) yield* kill(random(nodes.length))
            break
          default:
            yield* socket.notify("room", "say", { n: ++n })
        }
        yield* yields(random(6))
      }
      // The faults end: all clients come to the top, or were notified.
      server.faults = { random: () => 1, loses: 0, doubles: 0, fails: 0 }
      yield* mend
      for (const { link } of nodes) {
        link.isSlow = false
        link.pump()
      }
      for (let round = 0; round < 3; round++) {
        yield* yields(200)
        // Messages that could not be fetched are fetched again.
        yield* TestClock.adjust("2 seconds")
        for (const { beat, check } of nodes) yield* Effect.andThen(check, beat)
        // The leases of killed nodes and of earlier incarnations end.
        server.now += 4000
      }
      for (const { beat } of nodes) yield* beat
      yield* yields(200)
      const live: Array<boolean> = []
      for (const { client, isJoined } of guests) {
        const answer = yield* Effect.exit(client.socket.heartbeat)
        read(client, null)
        live.push(isJoined && Exit.isSuccess(answer))
      }
      const published = server.published.flatMap(({ body, position, topic }) => {
        const payload = open(topic, body, position, false)!.delivery.payload as { readonly n: number }
        return [{ value: payload.n, position: Broadcaster.formatPosition(position) }]
      })
      const log = server.logs.get("room")
      const there = guests.filter((_, index) => live[index])
      const lists = yield* Effect.forEach(nodes, (node) => node.server.run(Room.presence({})))
      const pushed = there.map(({ client }) => presenceOf(client.socket))
      if (tally !== undefined) {
        tally.published += published.length
        tally.present += there.filter(({ at }) => at !== undefined).length
        tally.diffs += pushed.flat().filter(({ _tag }) => _tag === "Diff").length
        for (const { delivered, discontinuities, doubled, fetched } of counts) {
          tally.delivered += delivered
          tally.fetched += fetched
          tally.doubled += doubled
          tally.discontinuities += discontinuities
        }
      }
      const faults = faultsOf({
        published,
        acknowledged,
        clients: guests.map(({ client }) => client.seen),
        live,
        ...(log === undefined ? {} : { top: Broadcaster.formatPosition(log) })
      })
      const presenceFaults = presenceFaultsOf({
        truth: there.flatMap(({ at }) => at ?? []),
        clients: pushed,
        positions: server.presencePositions,
        lists: lists.map(({ present }) => present.flatMap(({ metas }) => metas.map(({ at }) => at)))
      })
      return [...faults, ...presenceFaults]
    })
    // The failures that the faults cause are logged.
  ).pipe(Effect.provide(Logger.layer([])))
