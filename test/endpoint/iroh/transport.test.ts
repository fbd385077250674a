/** Binding, dialling and accepting over iroh, as far as the contract of all transports does not say it. */
import { createPrivateKey, createPublicKey } from "node:crypto"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Redacted, Scope } from "effect"
import { Endpoint, EndpointHooks, EndpointId, HookChain } from "fairlead/endpoint"

import { load } from "../../../src/endpoint/iroh/Binding.ts"
import { code, echo, eventually, peer, reasonOf } from "../Peers.ts"
import { bound, boundWith, carried, describeIroh, transport } from "./Iroh.ts"

const live = <A, E>(title: string, test: Effect.Effect<A, E, Scope.Scope>) => it.live(title, () => Effect.scoped(test))

/** The Ed25519 public key of 32 secret bytes, as Node's own cryptography derives it (RFC 8410 §7 wraps them in 16 bytes of DER). */
const idOf = (secret: Uint8Array): string => {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), secret])
  const key = createPublicKey(createPrivateKey({ key: der, format: "der", type: "pkcs8" }))
  return key.export({ format: "der", type: "spki" }).subarray(-32).toString("hex")
}

/** Nobody is at the discard port; nobody says so either. */
const nobody = { id: EndpointId.EndpointId.make(idOf(new Uint8Array(32).fill(9))), addrs: ["127.0.0.1:9"] }

describe("the binding of iroh", () => {
  const failure = (cause: unknown) => Effect.flip(load(() => Promise.reject(cause)))

  it.effect("endpoint iroh: where the package is missing the error says what to install", () =>
    Effect.gen(function* () {
      const error = yield* failure(Object.assign(new Error("Cannot find package"), { code: "ERR_MODULE_NOT_FOUND" }))
      assert.strictEqual(error._tag, "BindError")
      assert.include(error.message, "npm install @number0/iroh@1.1")
    })
  )

  it.effect("endpoint iroh: where the platform has no binary the error says so, with the reason", () =>
    Effect.gen(function* () {
      const error = yield* failure(new Error("Cannot find native binding"))
      assert.include(error.message, "on a platform that it supports (Cannot find native binding)")
    })
  )
})

describeIroh("binding iroh", () => {
  live(
    "endpoint iroh: an endpoint that names both families of the loopback is reached there only",
    Effect.gen(function* () {
      const { addr, id } = yield* bound
      assert.strictEqual(addr.id, id)
      assert.isNotEmpty(addr.addrs)
      for (const address of addr.addrs) assert.match(address, /^(?:127\.0\.0\.1|\[::1\]):\d+$/)
    })
  )

  live(
    "endpoint iroh: the id comes from the secret key, or from a new one",
    Effect.gen(function* () {
      const secret = Uint8Array.from({ length: 32 }, (_, index) => index)
      const { id } = yield* boundWith({ secretKey: Redacted.make(secret) })
      assert.strictEqual(id, idOf(secret))
      assert.notStrictEqual((yield* bound).id, (yield* bound).id)
    })
  )

  live(
    "endpoint iroh: what cannot be bound fails with a BindError that says why",
    Effect.gen(function* () {
      const why = (options: Parameters<typeof boundWith>[0]) =>
        Effect.map(Effect.flip(boundWith(options)), ({ _tag, message }) => `${_tag} ${message}`)
      assert.include(
        yield* why({ secretKey: Redacted.make(new Uint8Array(31)) }),
        "BindError The endpoint cannot be bound: secret_key must be 32 bytes"
      )
      assert.include(yield* why({ bindAddresses: ["nonsense"] }), '"nonsense" is no address to bind to')
      assert.include(yield* why({ relays: ["nonsense"] }), "BindError")
      const taken = (yield* bound).addr.addrs.slice(0, 1)
      assert.include(yield* why({ bindAddresses: taken }), "in use")
    })
  )

  live(
    "endpoint iroh: a relay that cannot be reached holds binding up for its time-out only",
    Effect.gen(function* () {
      const { addr } = yield* boundWith({ relays: ["https://127.0.0.1:9/"], relayTimeout: "50 millis" })
      assert.isTrue(addr.addrs.some((address) => address.startsWith("127.0.0.1:")))
    })
  )
})

describeIroh("dialling over iroh", () => {
  live(
    "endpoint iroh: who does not answer costs the endpoint's own time-out, not iroh's 30 seconds",
    Effect.gen(function* () {
      const ada = yield* Endpoint.make({ alpns: [], handshakeTimeout: "200 millis" })
      assert.strictEqual((yield* reasonOf(ada.connect(nobody, echo)))._tag, "TimedOut")
    }).pipe(Effect.provide(transport))
  )

  live(
    "endpoint iroh: a transport that is closed ends its dials under way, and takes no others",
    Effect.gen(function* () {
      const ada = yield* bound
      const dial = yield* Effect.forkScoped(ada.dial(nobody, echo), { startImmediately: true })
      yield* ada.close
      assert.strictEqual((yield* reasonOf(Fiber.join(dial)))._tag, "EndpointClosed")
      assert.strictEqual((yield* reasonOf(ada.dial(nobody, echo)))._tag, "EndpointClosed")
      yield* ada.close
    })
  )

  live(
    "endpoint iroh: a transport whose scope ends is closed",
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const ada = yield* Scope.provide(bound, scope)
      const dial = yield* Effect.forkScoped(ada.dial(nobody, echo), { startImmediately: true })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* reasonOf(Fiber.join(dial)))._tag, "EndpointClosed")
    })
  )

  live(
    "endpoint iroh: an id that is no key, and an address that is none, are the transport's failure",
    Effect.gen(function* () {
      const [ada, bob] = [yield* bound, yield* bound]
      const odd = EndpointId.EndpointId.make("07".repeat(32))
      assert.strictEqual((yield* reasonOf(ada.dial({ ...bob.addr, id: odd }, echo)))._tag, "TransportError")
      assert.strictEqual((yield* reasonOf(ada.dial({ ...bob.addr, addrs: ["nonsense"] }, echo)))._tag, "TransportError")
    })
  )

  live(
    "endpoint iroh: a peer without an address, or with a relay where none is used, is not dialled",
    Effect.gen(function* () {
      const [ada, bob] = [yield* bound, yield* bound]
      for (const addrs of [[], ["https://127.0.0.1:9/"]]) {
        assert.strictEqual((yield* reasonOf(ada.dial({ id: bob.id, addrs }, echo)))._tag, "NoAddress")
      }
    })
  )

  live(
    "endpoint 8: a dial that succeeds after its interruption is closed with code 0",
    Effect.gen(function* () {
      const [ada, bob] = [yield* bound, yield* bound]
      const dial = yield* Effect.forkScoped(ada.dial(bob.addr, echo))
      // The first packet is here: the handshake that follows can no more be stopped.
      const { accept } = yield* bob.knock
      yield* Fiber.interrupt(dial)
      const there = yield* accept
      assert.deepInclude(yield* there.closed, { _tag: "ApplicationClosed", code: code(0), reason: "" })
    })
  )

  live(
    "endpoint 8: an accept that succeeds after its interruption is closed with code 0",
    Effect.gen(function* () {
      const [ada, bob] = [yield* bound, yield* bound]
      const dial = yield* Effect.forkScoped(ada.dial(bob.addr, echo))
      const { accept } = yield* bob.knock
      yield* Fiber.interrupt(yield* Effect.forkScoped(accept, { startImmediately: true }))
      const here = yield* Fiber.join(dial)
      assert.deepInclude(yield* here.closed, { _tag: "ApplicationClosed", code: code(0), reason: "" })
    })
  )

  live(
    "endpoint 8: a knock that comes when its waiter was interrupted goes to the next",
    Effect.gen(function* () {
      const [ada, bob] = [yield* bound, yield* bound]
      yield* Fiber.interrupt(yield* Effect.forkScoped(bob.knock, { startImmediately: true }))
      const dial = yield* Effect.forkScoped(ada.dial(bob.addr, echo))
      yield* Effect.flatMap(bob.knock, ({ accept }) => accept)
      assert.strictEqual((yield* Fiber.join(dial)).remoteId, bob.id)
    })
  )

  live(
    "endpoint iroh: whoever knocks has an address, is refused, or proves the address once",
    Effect.gen(function* () {
      const [ada, bob] = [yield* bound, yield* bound]
      const refused = yield* Effect.forkScoped(ada.dial(bob.addr, echo))
      const first = yield* bob.knock
      assert.include(ada.addr.addrs, first.address)
      yield* first.refuse
      // A second decision changes nothing.
      yield* first.refuse
      assert.strictEqual((yield* reasonOf(Fiber.join(refused)))._tag, "ConnectionRefused")

      const dial = yield* Effect.forkScoped(ada.dial(bob.addr, echo))
      const second = yield* bob.knock
      assert.isFalse(second.validated)
      yield* second.retry ?? Effect.die("no retry")
      const third = yield* bob.knock
      assert.deepInclude(third, { validated: true, retry: undefined })
      const there = yield* third.accept
      const here = yield* Fiber.join(dial)
      assert.include(bob.addr.addrs, here.remoteAddress)
      assert.deepStrictEqual([here.side, here.remoteId], ["dialer", bob.id])
      assert.deepStrictEqual([there.side, there.remoteId], ["acceptor", ada.id])
    })
  )

  live(
    "endpoint iroh: whoever is ignored runs into a time-out, and knocks again meanwhile",
    Effect.gen(function* () {
      let asked = 0
      const silent = EndpointHooks.make("silent", {
        beforeAccept: () => {
          asked++
          return "ignore" as const
        }
      })
      const bob = yield* peer(silent)
      const ada = yield* Endpoint.make({ alpns: [], hooks: HookChain.make("none"), handshakeTimeout: "3 seconds" })
      assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "TimedOut")
      yield* eventually(() => asked > 1)
    }).pipe(Effect.provide(transport))
  )
})

describeIroh("the end of a connection over iroh", () => {
  const reasons = ["", "plain", "bye (code 9)", 'q"uo\\te\n', "größe ✓", "7", "\u0000"]

  live(
    "endpoint iroh: codes and reasons arrive as they were given, from either side",
    Effect.gen(function* () {
      const largest = code(2n ** 62n - 1n)
      for (const [index, reason] of reasons.entries()) {
        const { here, there } = yield* carried()
        const [closer, told] = index % 2 === 0 ? [here, there] : [there, here]
        yield* closer.close(largest, reason)
        assert.deepInclude(yield* told.closed, { _tag: "ApplicationClosed", code: largest, reason })
        assert.strictEqual((yield* closer.closed)._tag, "LocallyClosed")
      }
    })
  )

  live(
    "endpoint iroh: a reason is cut to 1,024 bytes, behind a whole character",
    Effect.gen(function* () {
      for (const [reason, arrives] of [
        ["ß".repeat(1000), "ß".repeat(512)],
        [`a${"ß".repeat(1000)}`, `a${"ß".repeat(511)}`]
      ] as const) {
        const { here, there } = yield* carried()
        yield* here.close(code(1), reason)
        assert.deepInclude(yield* there.closed, { _tag: "ApplicationClosed", code: code(1), reason: arrives })
      }
    })
  )

  live(
    "endpoint 6: a connection that nobody holds stays open until its transport is closed",
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { here, ada } = yield* Scope.provide(
        Effect.map(carried(), ({ ada, here }) => ({ ada, here })),
        scope
      )
      const waiting = yield* Effect.forkScoped(here.closed)
      yield* ada.close
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "LocallyClosed")
      yield* Scope.close(scope, Exit.void)
    })
  )
})
