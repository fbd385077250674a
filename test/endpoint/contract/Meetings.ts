/** Two and more endpoints that talk: both dial at once, many are served at once, and every end has its reason, over every transport. */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer, Option, Stream } from "effect"
import { Alpn, Endpoint, ProtocolRouter, Streams } from "fairlead/endpoint"
import type { EndpointAddr, EndpointConnection } from "fairlead/endpoint"

import { bytes, code, echo, pair, peer, readAll, readText, reasonOf, text } from "../Peers.ts"
import type { Rule } from "./Contract.ts"

/** Answers a stream with the same bytes. */
const echoing = ProtocolRouter.make("peers").route(echo, (connection) =>
  Effect.forever(
    Effect.scoped(
      Effect.gen(function* () {
        const { recv, send } = yield* connection.acceptBi
        yield* send.write(yield* readAll(recv))
        yield* send.finish
      })
    )
  ).pipe(Effect.catchTag("StreamError", () => Effect.void))
)

/** Says something over a new stream, and reads the answer. */
const ask = (connection: EndpointConnection.EndpointConnection, words: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { recv, send } = yield* connection.openBi
      yield* Streams.writeAll(send, bytes(words))
      return yield* readText(recv)
    })
  )

export const meetings = (it: Rule): void => {
  it("endpoint2 1.1: the side that closes a connection finds its own streams ended, the other side the code and the reason", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const send = yield* here.openUni
      yield* send.write(bytes("hello"))
      const recv = yield* there.acceptUni
      assert.strictEqual(text(Option.getOrThrow(yield* recv.read())), "hello")
      yield* there.close(code(7), "bye")
      for (const own of [Effect.asVoid(there.acceptUni), Effect.asVoid(recv.read()), Effect.asVoid(there.openBi)]) {
        const reason = yield* reasonOf(Effect.scoped(own))
        assert.deepInclude(reason._tag === "ConnectionEnded" ? reason.closeReason : reason, { _tag: "LocallyClosed" })
      }
      const told = { _tag: "ApplicationClosed", code: code(7), reason: "bye" } as const
      assert.deepInclude(yield* here.closed, told)
      for (const theirs of [Effect.asVoid(here.openUni), send.write(bytes("more"))]) {
        const reason = yield* reasonOf(Effect.scoped(theirs))
        assert.deepInclude(reason._tag === "ConnectionEnded" ? reason.closeReason : reason, told)
      }
    }))

  it("endpoint2 1.3: a close reaches the peer with its code, also when the endpoint is closed right after it", () =>
    Effect.gen(function* () {
      const { ada, here, there } = yield* pair
      const { recv, send } = yield* here.openBi
      yield* Streams.writeAll(send, bytes("thanks"))
      const theirs = yield* there.acceptBi
      assert.strictEqual(yield* readText(theirs.recv), "thanks")
      yield* Streams.writeAll(theirs.send, bytes("welcome"))
      assert.strictEqual(yield* readText(recv), "welcome")
      yield* here.close(code(42), "thanks, bye!")
      yield* ada.close
      assert.deepInclude(yield* there.closed, { _tag: "ApplicationClosed", code: code(42), reason: "thanks, bye!" })
    }))

  it("endpoint2 2.1: two endpoints that dial each other at the same moment have one connection for each dial", () =>
    Effect.gen(function* () {
      const build = Effect.map(Layer.build(ProtocolRouter.layer(echoing)), Context.get(Endpoint.Endpoint))
      const [ada, bob] = [yield* build, yield* build]
      const both = yield* Effect.all([ada.connect(bob.addr, echo), bob.connect(ada.addr, echo)], {
        concurrency: "unbounded"
      })
      const answers = yield* Effect.forEach(both, (connection, index) => ask(connection, `hello ${index}`), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(answers, ["hello 0", "hello 1"])
      for (const [endpoint, other] of [[ada, bob] as const, [bob, ada] as const]) {
        const sides = (yield* endpoint.connections.of(other.id)).map(({ side }) => side)
        assert.sameMembers(sides, ["dialer", "acceptor"])
      }
    }))

  it("endpoint2 2.4: a dialer of two versions dials the older one after AlpnMismatch, and both sides agree on it", () =>
    Effect.gen(function* () {
      const [newer, older] = [Alpn.fromString("news/2"), Alpn.fromString("news/1")]
      const ada = yield* peer()
      const dialled = (peer: EndpointAddr.EndpointAddr) =>
        Effect.catchReason(ada.connect(peer, newer), "ConnectError", "AlpnMismatch", () => ada.connect(peer, older))
      for (const [alpns, expected] of [
        [[newer, older], newer],
        [[older], older]
      ] as const) {
        const bob = yield* Endpoint.make({ alpns })
        const here = yield* dialled(bob.addr)
        const there = Option.getOrThrow(yield* Stream.runHead(bob.incoming))
        assert.deepStrictEqual([here.alpn, there.alpn].map(Alpn.format), Array(2).fill(Alpn.format(expected)))
      }
    }))

  it("endpoint2 2.1: five peers at once, each with two connections and two streams, are served whole", () =>
    Effect.gen(function* () {
      const bob = yield* Effect.map(Layer.build(ProtocolRouter.layer(echoing)), Context.get(Endpoint.Endpoint))
      const peers = yield* Effect.all([peer(), peer(), peer(), peer(), peer()])
      const served = yield* Effect.forEach(
        peers,
        (ada) =>
          Effect.forEach([1, 2], (round) =>
            Effect.scoped(
              Effect.gen(function* () {
                const here = yield* ada.connect(bob.addr, echo)
                const words = ["first", "second"].map((word) => `${word} of ${ada.id} in ${round}`.repeat(100))
                const heard = yield* Effect.forEach(words, (each) => ask(here, each))
                yield* here.close(code(0), "done")
                return heard.every((each, index) => each === words[index])
              })
            )
          ),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(served.flat(), Array(10).fill(true))
    }))
}
