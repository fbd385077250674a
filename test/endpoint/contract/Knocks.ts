/** Who comes in: addresses before and after the handshake, retries, silence, lists, rates and full rooms, over every transport. */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import { Endpoint, EndpointHooks, HookChain } from "fairlead/endpoint"
import type { EndpointConnection } from "fairlead/endpoint"
import { addressList, connectionLimit, rateLimit } from "fairlead/endpoint/hooks"

import { limiter } from "../../kit/Limiter.ts"
import { chainOf, chat, code, echo, eventually, pair, peer, reasonOf } from "../Peers.ts"
import type { Pass, Rule } from "./Contract.ts"

export const knocks = (it: Rule, pass: Pass): void => {
  it("endpoint2 2.1: the address of a knock is the address of its connection, on both sides of the handshake", () =>
    Effect.gen(function* () {
      const knocked: Array<string> = []
      const shaken: Array<string> = []
      const noting = EndpointHooks.make("noting", {
        beforeAccept: ({ address }) => void knocked.push(address),
        afterHandshake: ({ remoteAddress }) => void shaken.push(remoteAddress)
      })
      const [ada, bob] = [yield* peer(), yield* peer(noting)]
      yield* ada.connect(bob.addr, echo)
      const there = yield* bob.accept
      assert.isNotEmpty(there.remoteAddress)
      assert.deepStrictEqual([knocked, shaken], [[there.remoteAddress], [there.remoteAddress]])
    }))

  it("endpoint2 2.1: without hooks, too, a connection knows its peer, protocol and address, and after its end", () =>
    Effect.gen(function* () {
      const { ada, bob, here, there } = yield* pair
      const facts = ({ alpn, remoteId, side }: EndpointConnection.EndpointConnection) => ({ alpn, remoteId, side })
      yield* here.close(code(0), "")
      yield* there.closed
      assert.deepStrictEqual(facts(there), { alpn: echo, remoteId: ada.id, side: "acceptor" })
      assert.deepStrictEqual(facts(here), { alpn: echo, remoteId: bob.id, side: "dialer" })
      assert.include(bob.addr.addrs, here.remoteAddress)
      assert.match(there.remoteAddress, /:\d+$/)
    }))

  it("endpoint2 2.2: a peer that must prove its address comes again with it proven, and is admitted", () =>
    Effect.gen(function* () {
      const validated: Array<boolean> = []
      const proving = EndpointHooks.make("proving", {
        beforeAccept: (remote) => {
          validated.push(remote.validated)
          return remote.validated ? "accept" : "retry"
        }
      })
      const [ada, bob] = [yield* peer(), yield* peer(proving)]
      yield* ada.connect(bob.addr, echo)
      assert.strictEqual((yield* bob.accept).remoteId, ada.id)
      assert.deepStrictEqual(validated, [false, true])
    }))

  it("endpoint2 2.2: an ignored peer gets no answer and runs into its own time-out", () =>
    Effect.gen(function* () {
      let asked = 0
      const silent = EndpointHooks.make("silent", {
        beforeAccept: () => {
          asked++
          return "ignore" as const
        }
      })
      const bob = yield* peer(silent)
      const ada = yield* Endpoint.make({ alpns: [], handshakeTimeout: "300 millis" })
      const dialling = yield* Effect.forkScoped(Effect.exit(ada.connect(bob.addr, echo)), { startImmediately: true })
      yield* eventually(() => asked > 0)
      assert.isUndefined(dialling.pollUnsafe())
      yield* pass("300 millis")
      const exit = yield* Fiber.join(dialling)
      assert(Exit.isFailure(exit), "the dial succeeded")
      assert.strictEqual((yield* reasonOf(exit))._tag, "TimedOut")
      assert.deepStrictEqual(yield* bob.connections.list, [])
    }))

  it("endpoint2 2.2: an address list admits, refuses and stops dials by the addresses of the transport", () =>
    Effect.gen(function* () {
      // The addresses of the memory network are no IP addresses.
      const loopback = ["127.0.0.0/8", "::1"]
      const outsiders = addressList({ deny: loopback })
      const insiders = addressList({ allow: loopback, otherwise: "allow" })
      const [ada, closed, open] = [yield* peer(), yield* peer(outsiders), yield* peer(insiders)]
      assert.strictEqual((yield* reasonOf(ada.connect(closed.addr, echo)))._tag, "ConnectionRefused")
      assert.deepInclude(yield* reasonOf(closed.connect(ada.addr, echo)), {
        _tag: "Rejected",
        stage: "beforeConnect",
        hook: "addressList"
      } as const)
      yield* ada.connect(open.addr, echo)
      assert.strictEqual((yield* open.accept).remoteId, ada.id)
      yield* open.connect(ada.addr, echo)
      assert.strictEqual((yield* ada.accept).remoteId, open.id)
    }))

  it("endpoint2 2.2: a peer that comes too often is closed with 429, and another peer is not", () =>
    Effect.gen(function* () {
      const hooks = HookChain.make("rated").use(
        rateLimit({ key: "id", limit: 2, window: "1 hour", algorithm: "fixed-window" })
      )
      const bob = yield* Endpoint.make({ alpns: [echo], hooks })
      const [ada, eve] = [yield* peer(), yield* peer()]
      yield* ada.connect(bob.addr, echo)
      yield* ada.connect(bob.addr, echo)
      const third = yield* ada.connect(bob.addr, echo)
      assert.deepInclude(yield* third.closed, { _tag: "ApplicationClosed", code: code(429), reason: "too often" })
      yield* eve.connect(bob.addr, echo)
      const admitted = Effect.map(bob.connections.list, (all) => all.map(({ remoteId }) => remoteId))
      yield* Effect.andThen(Effect.yieldNow, admitted).pipe(Effect.repeat({ until: (ids) => ids.length === 3 }))
      assert.deepStrictEqual(yield* admitted, [ada.id, ada.id, eve.id])
    }).pipe(Effect.provide(limiter)))

  it("endpoint2 2.2: one peer too many in its handshake is refused, and there is room when a handshake has ended", () =>
    Effect.gen(function* () {
      const release = yield* Deferred.make<void>()
      let stuck = 0
      const slow = EndpointHooks.make("slow", {
        afterHandshake: ({ alpn }) => {
          if (String(alpn) !== String(chat)) return Effect.void
          stuck++
          return Deferred.await(release)
        }
      })
      const bob = yield* Endpoint.make({
        alpns: [echo, chat],
        hooks: chainOf([connectionLimit({ maxPending: 1 }), slow])
      })
      const ada = yield* peer()
      yield* ada.connect(bob.addr, chat)
      yield* eventually(() => stuck === 1)
      assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "ConnectionRefused")
      yield* Deferred.succeed(release, undefined)
      const count = Effect.map(bob.connections.list, (all) => all.length)
      yield* Effect.andThen(Effect.yieldNow, count).pipe(Effect.repeat({ until: (open) => open === 1 }))
      yield* ada.connect(bob.addr, echo)
    }))
}
