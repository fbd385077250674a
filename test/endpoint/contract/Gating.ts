/**
 * How connections are gated, limited and pruned: what the tests of libp2p's gater, connection manager and resource manager, and those of iroh's hooks, router and endpoint say
 * of it, as rows over every transport.
 */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Option, Redacted, Stream } from "effect"
import { CloseCode, Endpoint, EndpointHooks, ProtocolRouter } from "fairlead/endpoint"
import type { EndpointConnection, EndpointId } from "fairlead/endpoint"
import { connectionLimit, idList, preAuthAlpn, preAuthDialer, streamLimit } from "fairlead/endpoint/hooks"

import { bytes, chainOf, chat, code, echo, endOf, peer, readText, reasonOf } from "../Peers.ts"
import type { Rule } from "./Contract.ts"

const no = () => Effect.fail(new EndpointHooks.Reject({ reason: "no" }))

/** A hook of one side at one point, and what comes of a dial from the first to the second. */
interface Row {
  readonly title: string
  readonly first?: EndpointHooks.EndpointHooks
  readonly second?: EndpointHooks.EndpointHooks
  /** What the dialer gets: a connection that lasts, its own rejection, a refusal, or a connection that the peer closes. */
  readonly comes: "connected" | "Rejected" | "ConnectionRefused" | "closed"
}

const rows: ReadonlyArray<Row> = [
  { title: "no gating", comes: "connected" },
  {
    title: "the first gates its dials",
    first: EndpointHooks.make("gate", { beforeConnect: no }),
    comes: "Rejected"
  },
  {
    title: "the second gates its own dials only",
    second: EndpointHooks.make("gate", { beforeConnect: no }),
    comes: "connected"
  },
  {
    title: "the second gates before the handshake",
    second: EndpointHooks.make("gate", { beforeAccept: () => "refuse" }),
    comes: "ConnectionRefused"
  },
  {
    title: "the first gates after the handshake",
    first: EndpointHooks.make("gate", { afterHandshake: no }),
    comes: "Rejected"
  },
  {
    title: "the second gates after the handshake",
    second: EndpointHooks.make("gate", { afterHandshake: no }),
    comes: "closed"
  },
  {
    title: "the first gates what it accepts only",
    first: EndpointHooks.make("gate", { beforeAccept: () => "refuse" }),
    comes: "connected"
  }
]

/** Whether a connection is open still when another one was made over the same endpoints and ended. */
const lasts = (open: Effect.Effect<ReadonlyArray<EndpointConnection.ConnectionInfo>>, id: EndpointId.EndpointId) =>
  Effect.map(open, (all) => all.some(({ remoteId }) => remoteId === id))

export const gating = (it: Rule): void => {
  for (const { comes, first, second, title } of rows) {
    it(`endpoint2 2.2: gating: ${title}`, () =>
      Effect.gen(function* () {
        const [ada, bob] = [yield* peer(...(first ? [first] : [])), yield* peer(...(second ? [second] : []))]
        const dialled = yield* Effect.exit(ada.connect(bob.addr, echo))
        if (comes === "Rejected" || comes === "ConnectionRefused") {
          assert.strictEqual((yield* reasonOf(Effect.suspend(() => dialled)))._tag, comes)
          assert.deepStrictEqual(yield* ada.connections.list, [])
          return
        }
        assert(Exit.isSuccess(dialled), "the dial failed")
        if (comes === "closed") {
          assert.strictEqual(yield* endOf(dialled.value), "403 no")
          return
        }
        const there = yield* bob.accept
        yield* Effect.scoped(Effect.flatMap(there.openUni, ({ write }) => write(bytes("hello"))))
        assert.strictEqual(yield* Effect.scoped(Effect.flatMap(dialled.value.acceptUni, readText)), "hello")
        assert.isTrue(yield* lasts(ada.connections.list, bob.id))
        assert.isTrue(yield* lasts(bob.connections.list, ada.id))
      }))
  }

  it("endpoint2 2.2: gating: a blocked peer is neither dialled nor admitted until it is unblocked", () =>
    Effect.gen(function* () {
      const deny = new Set<EndpointId.EndpointId>()
      const [ada, bob, eve] = [yield* peer(idList({ deny })), yield* peer(), yield* peer()]
      yield* ada.connect(bob.addr, echo)
      deny.add(bob.id)
      assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "Rejected")
      assert.strictEqual(yield* Effect.flatMap(bob.connect(ada.addr, echo), endOf), "403 not allowed")
      yield* ada.connect(eve.addr, echo)
      yield* eve.connect(ada.addr, echo)
      assert.strictEqual((yield* ada.accept).remoteId, eve.id)
      deny.delete(bob.id)
      yield* ada.connect(bob.addr, echo)
      yield* bob.connect(ada.addr, echo)
      assert.strictEqual((yield* ada.accept).remoteId, bob.id)
    }))

  it("endpoint2 2.2: dials and accepted connections are limited apart, and each that ends makes room", () =>
    Effect.gen(function* () {
      const limit = connectionLimit({ maxDialed: 1, maxAccepted: 1 })
      const [ada, bob, eve] = [yield* peer(limit), yield* peer(), yield* peer()]
      const dialled = yield* ada.connect(bob.addr, echo)
      assert.deepInclude(yield* reasonOf(ada.connect(eve.addr, echo)), { _tag: "Rejected", code: code(429) } as const)
      yield* bob.connect(ada.addr, echo)
      yield* ada.accept
      assert.strictEqual(yield* Effect.flatMap(eve.connect(ada.addr, echo), endOf), "429 too many connections")
      yield* dialled.close(code(0), "")
      yield* dialled.closed
      yield* ada.connect(eve.addr, echo)
    }))

  it("endpoint2 2.2: one peer, and one protocol, have separate limits; exempt ids count in none", () =>
    Effect.gen(function* () {
      const exempt = new Set<EndpointId.EndpointId>()
      const protocols = [{ alpn: chat, maxConnections: 1 }]
      const bob = yield* peer(connectionLimit({ maxConnections: 3, maxPerPeer: 2, protocols, exempt }))
      const [ada, eve, mia] = [yield* peer(), yield* peer(), yield* peer()]
      yield* ada.connect(bob.addr, chat)
      yield* bob.accept
      const second = yield* eve.connect(bob.addr, chat)
      assert.strictEqual(yield* endOf(second), "429 too many connections of this protocol")
      yield* ada.connect(bob.addr, echo)
      yield* bob.accept
      const third = yield* ada.connect(bob.addr, echo)
      assert.strictEqual(yield* endOf(third), "429 too many connections of this peer")
      yield* eve.connect(bob.addr, echo)
      yield* bob.accept
      const fourth = yield* mia.connect(bob.addr, echo)
      assert.strictEqual(yield* endOf(fourth), "429 too many connections")
      exempt.add(mia.id)
      for (let time = 0; time < 4; time++) {
        yield* mia.connect(bob.addr, chat)
        assert.strictEqual((yield* bob.accept).remoteId, mia.id)
      }
    }))

  it("endpoint2 2.2: beyond the limit the connection of least priority makes room, a protected one never", () =>
    Effect.gen(function* () {
      const worth = new Map<EndpointId.EndpointId, number>()
      const exempt = new Set<EndpointId.EndpointId>()
      const priority = ({ remoteId }: EndpointConnection.ConnectionInfo) => worth.get(remoteId) ?? 0
      const bob = yield* peer(connectionLimit({ maxConnections: 2, priority, exempt }))
      const [low, high, equal, best, safe] = yield* Effect.all([peer(), peer(), peer(), peer(), peer()])
      worth.set(low.id, 1).set(high.id, 5).set(equal.id, 1).set(best.id, 9)
      exempt.add(safe.id)
      const kept = yield* safe.connect(bob.addr, echo)
      yield* bob.accept
      const first = yield* low.connect(bob.addr, echo)
      yield* bob.accept
      const second = yield* high.connect(bob.addr, echo)
      yield* bob.accept
      // Not worth more than any: it is the one too many.
      assert.strictEqual(yield* Effect.flatMap(equal.connect(bob.addr, echo), endOf), "429 too many connections")
      // The priority of now counts.
      worth.set(high.id, 0)
      yield* best.connect(bob.addr, echo)
      assert.strictEqual((yield* bob.accept).remoteId, best.id)
      assert.strictEqual(yield* endOf(second), "429 made room")
      assert.isTrue(yield* lasts(bob.connections.list, low.id))
      assert.isTrue(yield* lasts(bob.connections.list, safe.id))
      yield* first.close(code(0), "")
      yield* kept.close(code(0), "")
    }))

  it("endpoint2 2.2: opened and accepted streams count against one limit", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(streamLimit({ maxStreams: 2 })), yield* peer()]
      const here = yield* ada.connect(bob.addr, echo)
      const there = yield* bob.accept
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* here.openUni
          const send = yield* there.openUni
          yield* send.write(bytes("x"))
          yield* here.acceptUni
          assert.strictEqual((yield* reasonOf(here.openUni))._tag, "Rejected")
        })
      )
      yield* here.openUni
    }))

  it("endpoint2 2.3: preAuthDialer reports the peer's own answer, code and reason", () =>
    Effect.gen(function* () {
      const ada = yield* peer(preAuthDialer({ token: Redacted.make("s3cret") }))
      const strict = EndpointHooks.make("strict", {
        afterHandshake: () => Effect.fail(new EndpointHooks.Reject({ status: 403, reason: "not allowed" }))
      })
      const bob = yield* Endpoint.make({ alpns: [preAuthAlpn, echo], hooks: chainOf([strict]) })
      yield* Effect.forkScoped(Stream.runDrain(bob.incoming))
      assert.deepInclude(yield* reasonOf(ada.connect(bob.addr, echo)), {
        _tag: "Rejected",
        hook: "preAuthDialer",
        code: code(403),
        text: "not allowed"
      } as const)
    }))

  it("endpoint2 2.1: a closed endpoint dials nobody, accepts nobody, and changes its protocols in silence", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(), yield* Endpoint.make({ alpns: [echo] })]
      const accepting = yield* Effect.forkScoped(Stream.runHead(bob.incoming), { startImmediately: true })
      yield* bob.close
      yield* bob.closed
      assert.deepStrictEqual(yield* Fiber.join(accepting), Option.none())
      assert.deepStrictEqual(yield* Stream.runHead(bob.incoming), Option.none())
      yield* bob.setAlpns([chat])
      assert.strictEqual(bob.addr.id, bob.id)
      assert.strictEqual((yield* reasonOf(bob.connect(ada.addr, echo)))._tag, "EndpointClosed")
      assert.deepStrictEqual(yield* bob.connections.list, [])
    }))

  it("endpoint2 1.4: a router that ends closes its endpoint, also without a connection", () =>
    Effect.gen(function* () {
      const router = ProtocolRouter.make("peers").route(echo, () => Effect.void)
      const bob = yield* Effect.scoped(
        Effect.map(Layer.build(ProtocolRouter.layer(router)), Context.get(Endpoint.Endpoint))
      )
      yield* bob.closed
    }))

  it("endpoint2 2.2: a peer may connect, be served and leave any number of times", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(), yield* peer(connectionLimit({ maxConnections: 1 }))]
      for (let time = 0; time < 20; time++) {
        const here = yield* ada.connect(bob.addr, echo)
        const there = yield* bob.accept
        yield* here.close(CloseCode.make(time), "done")
        assert.strictEqual(yield* endOf(there), `${time} done`)
        yield* bob.connections.list
      }
    }))
}
