/** The open connections of an endpoint, its address and its protocols, and what a stream's two sides can say of it. */
import { assert } from "@effect/vitest"
import { Effect, Fiber, Option, Stream } from "effect"
import { Alpn, EndpointHooks } from "fairlead/endpoint"
import type { Endpoint, EndpointConnection } from "fairlead/endpoint"
import { monitor } from "fairlead/endpoint/hooks"

import { bytes, chat, code, echo, pair, peer, readText, reasonOf } from "../Peers.ts"
import type { Rule } from "./Contract.ts"

/** The next changes, from now on. */
const changesOf = ({ connections }: Endpoint.Endpoint["Service"], count: number) =>
  Effect.forkScoped(Stream.runCollect(Stream.take(connections.changes, count)), { startImmediately: true })

export const connections = (it: Rule): void => {
  it("endpoint2 2.1: connections lists what is open on both sides, by peer, as frozen views", () =>
    Effect.gen(function* () {
      const [ada, bob, eve] = [yield* peer(), yield* peer(), yield* peer()]
      const first = yield* ada.connect(bob.addr, echo)
      yield* bob.accept
      yield* eve.connect(bob.addr, chat)
      yield* bob.accept
      const open = yield* bob.connections.list
      assert.deepStrictEqual(
        open.map(({ alpn, remoteId, side }) => [remoteId, String(alpn), side]),
        [
          [ada.id, String(echo), "acceptor"],
          [eve.id, String(chat), "acceptor"]
        ]
      )
      assert.deepStrictEqual(yield* bob.connections.of(eve.id), open.slice(1))
      const [mine] = yield* ada.connections.list
      assert.deepInclude(mine, { remoteId: bob.id, side: "dialer" })
      for (const view of [...open, mine!]) {
        assert.isTrue(Object.isFrozen(view))
        for (const internal of ["acceptBi", "openBi", "pipes", "native"]) assert.notProperty(view, internal)
      }
      yield* first.close(code(0), "")
      yield* first.closed
      assert.deepStrictEqual(yield* ada.connections.list, [])
    }))

  it("endpoint2 2.1: changes report each connection that opens and closes, with its reason and its numbers", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(), yield* peer()]
      const changes = yield* changesOf(bob, 2)
      const here = yield* ada.connect(bob.addr, echo)
      yield* Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(bytes("12345"))))
      const there = yield* bob.accept
      yield* Effect.scoped(Effect.flatMap(there.acceptUni, readText))
      yield* here.close(code(7), "enough")
      const [opened, closed] = yield* Fiber.join(changes)
      assert.deepStrictEqual([opened?._tag, closed?._tag], ["Opened", "Closed"])
      assert.strictEqual(opened?.connection, closed?.connection)
      assert.strictEqual(opened?.connection.remoteId, ada.id)
      if (closed?._tag !== "Closed") return
      assert.deepInclude(closed.reason, { _tag: "ApplicationClosed", code: code(7), reason: "enough" })
      assert.isAtLeast(closed.stats.bytesReceived, 5)
    }))

  it("endpoint2 2.1: hooks, monitor and connections show the same view, which can close its connection", () =>
    Effect.gen(function* () {
      const seen: Array<EndpointConnection.ConnectionInfo> = []
      const watch = yield* monitor()
      const noting = EndpointHooks.make("noting", { afterHandshake: (connection) => void seen.push(connection) })
      const [ada, bob] = [yield* peer(), yield* peer(noting, watch.hooks)]
      const here = yield* ada.connect(bob.addr, echo)
      yield* bob.accept
      const [view] = yield* bob.connections.list
      assert.lengthOf(seen, 1)
      assert.strictEqual((yield* watch.open)[0], view)
      assert.strictEqual(seen[0], view)
      yield* view!.close(code(403), "revoked")
      assert.deepInclude(yield* here.closed, { _tag: "ApplicationClosed", code: code(403), reason: "revoked" })
    }))

  it("endpoint2 2.1: a view says where the peer is, how long a round trip takes and its traffic", () =>
    Effect.gen(function* () {
      const { ada, here, there } = yield* pair
      const [view] = yield* ada.connections.list
      yield* Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(bytes("12345"))))
      yield* Effect.scoped(Effect.flatMap(there.acceptUni, readText))
      assert.isAtLeast((yield* view!.stats).bytesSent, 5)
      const rtt = yield* view!.rtt
      assert.isTrue(Option.isNone(rtt) || Option.isSome(rtt))
      const paths = yield* view!.paths
      assert.isNotEmpty(paths)
      assert.isTrue(paths.some(({ isSelected, kind }) => isSelected && kind === "direct"))
      assert.isNotEmpty(view!.remoteAddress)
    }))

  it("endpoint2 2.4: setAlpns changes which protocols are accepted from now on", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(), yield* peer()]
      const news = Alpn.fromString("news/1")
      assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, news)))._tag, "AlpnMismatch")
      yield* bob.setAlpns([news])
      yield* ada.connect(bob.addr, news)
      assert.strictEqual(String((yield* bob.accept).alpn), String(news))
      assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "AlpnMismatch")
    }))

  it("endpoint2 2.4: the address is a stream that begins with the address of now and ends with the endpoint", () =>
    Effect.gen(function* () {
      const ada = yield* peer()
      assert.deepStrictEqual(Option.getOrThrow(yield* Stream.runHead(ada.addrs)), ada.addr)
      const whole = yield* Effect.forkScoped(Stream.runCollect(ada.addrs), { startImmediately: true })
      yield* ada.close
      assert.isTrue((yield* Fiber.join(whole)).every(({ id }) => id === ada.id))
    }))

  it("endpoint2 2.4: a sender hears of a stop, or that all has arrived", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const read = yield* here.openUni
      yield* read.setPriority(1)
      yield* read.write(bytes("x"))
      yield* read.finish
      assert.strictEqual(yield* Effect.scoped(Effect.flatMap(there.acceptUni, readText)), "x")
      assert.deepStrictEqual(yield* read.stopped, Option.none())

      const refused = yield* here.openUni
      yield* refused.write(bytes("x"))
      const recv = yield* there.acceptUni
      yield* recv.stop(code(8))
      const endless = Effect.forever(Effect.andThen(refused.write(new Uint8Array(1024)), Effect.yieldNow))
      assert.strictEqual((yield* reasonOf(endless))._tag, "StreamStopped")
      assert.deepStrictEqual(yield* refused.stopped, Option.some(code(8)))
    }))
}
