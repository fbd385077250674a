/** Connecting, accepting and closing. */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import { Endpoint, EndpointHooks, HookChain } from "fairlead/endpoint"

import { bytes, chat, code, echo, held, journal, pair, peer, readText, reasonOf, rejecting } from "../Peers.ts"
import type { Rule } from "./Contract.ts"

export const connects = (it: Rule): void => {
  it("endpoint 1: a closed endpoint fails before any hook runs", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const [ada, bob] = [yield* peer(journal("a", lines)), yield* peer()]
      yield* ada.close
      assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "EndpointClosed")
      assert.deepStrictEqual(lines, [])
    }))

  it("endpoint 1: beforeConnect runs before the checks of the address", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const ada = yield* peer(journal("a", lines))
      const other = yield* peer()
      assert.strictEqual((yield* reasonOf(ada.connect(ada.addr, echo)))._tag, "SelfConnect")
      assert.strictEqual((yield* reasonOf(ada.connect({ id: other.id, addrs: [] }, echo)))._tag, "NoAddress")
      assert.deepStrictEqual(lines, ["a beforeConnect", "a beforeConnect"])

      const strict = yield* peer(rejecting("strict", "beforeConnect"))
      assert.strictEqual((yield* reasonOf(strict.connect(strict.addr, echo)))._tag, "Rejected")
    }))

  it("endpoint 1: a rejected dial is not seen by the remote, and the dialer gets the stage and the hook", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const strict = yield* peer(rejecting("strict", "beforeConnect"))
      const bob = yield* peer(journal("b", seen))
      const reason = yield* reasonOf(strict.connect(bob.addr, echo))
      assert.deepInclude(reason, {
        _tag: "Rejected",
        stage: "beforeConnect",
        hook: "strict",
        code: code(418),
        text: "strict says no"
      })
      // Another who does come is the first that the remote sees.
      const ada = yield* peer()
      yield* ada.connect(bob.addr, echo)
      assert.strictEqual((yield* bob.accept).remoteId, ada.id)
      assert.deepStrictEqual(seen, ["b beforeAccept", "b afterHandshake acceptor"])
    }))

  it("endpoint 2: afterHandshake runs once on each side before the application has the connection", () =>
    Effect.gen(function* () {
      const [here, there]: [Array<string>, Array<string>] = [[], []]
      const [ada, bob] = [yield* peer(journal("a", here)), yield* peer(journal("b", there))]
      const dialled = yield* ada.connect(bob.addr, chat)
      assert.deepStrictEqual(here, ["a beforeConnect", "a afterHandshake dialer"])
      const accepted = yield* bob.accept
      assert.deepStrictEqual(there, ["b beforeAccept", "b afterHandshake acceptor"])
      assert.deepStrictEqual(
        [dialled.remoteId, dialled.side, accepted.remoteId, accepted.side],
        [bob.id, "dialer", ada.id, "acceptor"]
      )
      assert.deepStrictEqual([dialled.alpn, accepted.alpn].map(String), [String(chat), String(chat)])
    }))

  it("endpoint 3: the rejection of the acceptor ends the dialer's connection", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(), yield* peer(rejecting("strict", "afterHandshake"))]
      const connection = yield* ada.connect(bob.addr, echo)
      const told = { _tag: "ApplicationClosed", code: code(418), reason: "strict says no" } as const
      assert.deepInclude(yield* connection.closed, told)
      const reason = yield* reasonOf(Effect.scoped(connection.acceptBi))
      assert.strictEqual(reason._tag, "ConnectionEnded")
      assert.deepInclude(reason._tag === "ConnectionEnded" ? reason.closeReason : undefined, told)
      assert.strictEqual(yield* bob.waiting, 0)
    }))

  it("endpoint 3: the rejection of the dialer is its own error, and ends the acceptor's connection", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(rejecting("strict", "afterHandshake")), yield* peer()]
      assert.deepInclude(yield* reasonOf(ada.connect(bob.addr, echo)), {
        _tag: "Rejected",
        stage: "afterHandshake",
        hook: "strict"
      })
      const connection = yield* bob.accept
      assert.deepInclude(yield* connection.closed, {
        _tag: "ApplicationClosed",
        code: code(418),
        reason: "strict says no"
      })
    }))

  it("endpoint 5: the first close wins, and a second is harmless", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      yield* here.close(code(7), "first")
      yield* here.close(code(8), "second")
      assert.strictEqual((yield* here.closed)._tag, "LocallyClosed")
      assert.deepInclude(yield* there.closed, { _tag: "ApplicationClosed", code: code(7), reason: "first" })
      yield* there.close(code(9), "third")
      assert.deepInclude(yield* there.closed, { _tag: "ApplicationClosed", code: code(7), reason: "first" })
    }))

  it("endpoint 5: a closed endpoint sends its peers code 0 and nothing more, and admits nobody", () =>
    Effect.gen(function* () {
      const { ada, bob, here, there } = yield* pair
      yield* bob.close
      yield* bob.close
      yield* bob.closed
      assert.deepInclude(yield* here.closed, { _tag: "ApplicationClosed", code: code(0), reason: "" })
      assert.strictEqual((yield* there.closed)._tag, "LocallyClosed")
      assert.strictEqual((yield* reasonOf(bob.connect(ada.addr, echo)))._tag, "EndpointClosed")
    }))

  it("endpoint 5: a dialled connection ends with the scope of its connect", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(), yield* peer()]
      yield* Effect.scoped(ada.connect(bob.addr, echo))
      const there = yield* bob.accept
      assert.deepInclude(yield* there.closed, { _tag: "ApplicationClosed", code: code(0), reason: "" })
    }))

  it("endpoint 5: a consumer of incoming that stops has taken no connection that it has not seen", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(), yield* Endpoint.make({ alpns: [echo] })]
      yield* Effect.all([ada.connect(bob.addr, echo), ada.connect(bob.addr, echo)])
      const seen = yield* Effect.all([Stream.runHead(bob.incoming), Stream.runHead(bob.incoming)])
      assert.deepStrictEqual(
        seen.map((one) => Option.isSome(one) && one.value.remoteId),
        [ada.id, ada.id]
      )
      yield* bob.close
      assert.deepStrictEqual(yield* Stream.runHead(bob.incoming), Option.none())
    }))

  it("endpoint 5: a scope that outlives its connections keeps nothing of them", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(), yield* peer()]
      const scope = yield* Scope.make()
      for (let time = 0; time < 5; time++) {
        const connection = yield* Scope.provide(ada.connect(bob.addr, echo), scope)
        assert.isAtLeast(held(scope), 1)
        yield* connection.close(code(0), "")
      }
      // Closing waits until all of its ends were told.
      yield* ada.close
      assert.strictEqual(held(scope), 0)
    }))

  it("endpoint 6: the end and the final numbers reach the hooks, also of a connection that nobody holds", () =>
    Effect.gen(function* () {
      const [seen, told] = [yield* Deferred.make<string>(), yield* Deferred.make<readonly [number, number]>()]
      const monitor = EndpointHooks.make("monitor", {
        onClose: ({ reason, stats: { bytesReceived, bytesSent } }) =>
          Effect.andThen(Deferred.succeed(seen, reason._tag), Deferred.succeed(told, [bytesSent, bytesReceived])).pipe(
            Effect.asVoid
          )
      })
      const ada = yield* Endpoint.make({ alpns: [], hooks: HookChain.make("monitored").use(monitor) })
      const bob = yield* peer()
      const scope = yield* Scope.make()
      const here = yield* Scope.provide(ada.connect(bob.addr, echo), scope)
      const there = yield* bob.accept
      yield* Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(bytes("12345"))))
      yield* Effect.scoped(
        Effect.gen(function* () {
          assert.strictEqual(yield* readText(yield* there.acceptUni), "12345")
          yield* (yield* there.openUni).write(bytes("123"))
        })
      )
      assert.strictEqual(yield* Effect.scoped(Effect.flatMap(here.acceptUni, readText)), "123")
      yield* there.close(code(1), "enough")
      assert.strictEqual(yield* Deferred.await(seen), "ApplicationClosed")
      const [sent, received] = yield* Deferred.await(told)
      assert.isAtLeast(sent, 5)
      assert.isAtLeast(received, 3)
      yield* Scope.close(scope, Exit.void)
    }))

  it("endpoint 8: an interrupted connect leaks nothing, whenever it is interrupted", () =>
    Effect.gen(function* () {
      const bob = yield* peer()
      for (let yields = 0; yields < 12; yields++) {
        const ada = yield* peer()
        const dial = yield* Effect.forkChild(Effect.scoped(Effect.andThen(ada.connect(bob.addr, echo), Effect.never)))
        for (let count = 0; count < yields; count++) yield* Effect.yieldNow
        yield* Fiber.interrupt(dial)
        // Whatever came of it is closed by now, or never was: only the one that follows stays open.
        const ghost = yield* Effect.scoped(Effect.as(ada.connect(bob.addr, chat), ada.id))
        let last = yield* bob.accept
        while (String(last.alpn) !== String(chat)) {
          assert.deepInclude(yield* last.closed, { _tag: "ApplicationClosed", code: code(0), reason: "" })
          last = yield* bob.accept
        }
        assert.strictEqual(last.remoteId, ghost)
      }
    }))

  it("endpoint 8: a protocol that the acceptor does not speak, and another who answers at the address, have their own errors", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(), yield* peer()]
      const dumb = yield* Endpoint.make({ alpns: [chat] })
      assert.strictEqual((yield* reasonOf(ada.connect(dumb.addr, echo)))._tag, "AlpnMismatch")
      // Not one that was dialled: a transport may remember where it was.
      const mistaken = { id: (yield* peer()).id, addrs: bob.addr.addrs }
      assert.strictEqual((yield* reasonOf(ada.connect(mistaken, echo)))._tag, "IdentityMismatch")
      // Neither harmed the endpoints.
      yield* ada.connect(bob.addr, echo)
      assert.strictEqual((yield* bob.accept).remoteId, ada.id)
    }))
}
