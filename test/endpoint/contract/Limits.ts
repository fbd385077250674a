/** Who makes room: exempt peers that change while they are connected, protocols of one peer, priorities, over every transport. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { EndpointConnection, EndpointId } from "fairlead/endpoint"
import { connectionLimit } from "fairlead/endpoint/hooks"

import { chat, code, echo, endOf, peer } from "../Peers.ts"
import type { Rule } from "./Contract.ts"

export const limits = (it: Rule): void => {
  it("endpoint2 2.2: a peer that becomes exempt keeps its open connection, and makes room again when it is exempt no more", () =>
    Effect.gen(function* () {
      const exempt = new Set<EndpointId.EndpointId>()
      const worth = new Map<EndpointId.EndpointId, number>()
      const priority = ({ remoteId }: EndpointConnection.ConnectionInfo) => worth.get(remoteId) ?? 0
      const bob = yield* peer(connectionLimit({ maxConnections: 1, priority, exempt }))
      const [low, middle, high] = [yield* peer(), yield* peer(), yield* peer()]
      worth.set(middle.id, 5).set(high.id, 9)
      const first = yield* low.connect(bob.addr, echo)
      yield* bob.accept
      exempt.add(low.id)
      // The exempt connection counts no more: there is a place.
      const second = yield* middle.connect(bob.addr, echo)
      assert.strictEqual((yield* bob.accept).remoteId, middle.id)
      assert.deepStrictEqual(
        (yield* bob.connections.list).map(({ remoteId }) => remoteId),
        [low.id, middle.id]
      )
      exempt.delete(low.id)
      yield* high.connect(bob.addr, echo)
      assert.strictEqual((yield* bob.accept).remoteId, high.id)
      assert.strictEqual(yield* endOf(first), "429 made room")
      yield* second.close(code(0), "")
    }))

  it("endpoint2 2.2: a peer has a limit of connections with one protocol, and may speak the others", () =>
    Effect.gen(function* () {
      const protocols = [{ alpn: chat, maxConnections: 2, maxPerPeer: 1 }]
      const bob = yield* peer(connectionLimit({ protocols }))
      const [ada, eve, mia] = [yield* peer(), yield* peer(), yield* peer()]
      yield* ada.connect(bob.addr, chat)
      yield* bob.accept
      const again = yield* ada.connect(bob.addr, chat)
      assert.strictEqual(yield* endOf(again), "429 too many connections of this peer with this protocol")
      yield* ada.connect(bob.addr, echo)
      yield* bob.accept
      yield* eve.connect(bob.addr, chat)
      yield* bob.accept
      const third = yield* mia.connect(bob.addr, chat)
      assert.strictEqual(yield* endOf(third), "429 too many connections of this protocol")
    }))

  it("endpoint2 2.2: a priority may prefer dialled connections: accepted ones make room", () =>
    Effect.gen(function* () {
      const priority = ({ side }: EndpointConnection.ConnectionInfo) => (side === "dialer" ? 1 : 0)
      const ada = yield* peer(connectionLimit({ maxConnections: 1, priority }))
      const [bob, eve] = [yield* peer(), yield* peer()]
      const accepted = yield* eve.connect(ada.addr, echo)
      yield* ada.accept
      const dialled = yield* ada.connect(bob.addr, echo)
      assert.strictEqual(yield* endOf(accepted), "429 made room")
      const late = yield* eve.connect(ada.addr, echo)
      assert.strictEqual(yield* endOf(late), "429 too many connections")
      assert.deepStrictEqual(
        (yield* ada.connections.list).map(({ remoteId }) => remoteId),
        [dialled.remoteId]
      )
    }))
}
