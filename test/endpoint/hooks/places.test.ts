/** Limits and lists by place: addresses and their networks, before the handshake and on dials. */
import { assert, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { TestClock } from "effect/testing"
import { Endpoint, HookChain } from "fairlead/endpoint"
import type { EndpointTransport } from "fairlead/endpoint"
import { addressList, connectionLimit, rateLimit } from "fairlead/endpoint/hooks"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { limiter } from "../../kit/Limiter.ts"
import { chainOf, echo, eventually, reasonOf } from "../Peers.ts"
import { carried, knocking, knocksOf, other, scripted } from "../Scripted.ts"

/** Lets peers from these addresses in, one after another, whose connections stay open; says for each whether it was let in. */
const admitted = (options: Parameters<typeof connectionLimit>[0], addresses: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const told: Array<boolean> = []
    const waiting = addresses.map((address) =>
      knocking({
        address,
        accept: (done) => {
          told.push(true)
          done(Exit.succeed({ ...carried([]), side: "acceptor", remoteAddress: address, ended: undefined }))
          return () => {}
        },
        refuse: () => void told.push(false)
      })
    )
    const incoming = Effect.suspend(() => {
      const next = waiting.shift()
      return next === undefined ? Effect.never : Effect.succeed(next)
    })
    const hooks = chainOf([connectionLimit(options)])
    yield* Endpoint.make({ alpns: [echo], hooks }).pipe(scripted({ incoming }))
    yield* eventually(() => told.length === addresses.length)
    return told
  }).pipe(Effect.scoped)

it.effect.each([
  ["one IPv4 address", { maxPerAddress: 1 }, ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1"], [true, false, true]],
  [
    "64 bits of IPv6",
    { maxPerAddress: 1 },
    ["[fd00::1]:1", "[fd00::ffff:2]:1", "[fd00:0:0:1::1]:1"],
    [true, false, true]
  ],
  [
    "24 bits of IPv4",
    { maxPerNetwork: 2 },
    ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1", "10.0.1.1:1"],
    [true, true, false, true]
  ],
  [
    "48 bits of IPv6",
    { maxPerNetwork: 1 },
    ["[fd00:0:0:1::1]:1", "[fd00:0:0:2::1]:1", "[fd00:0:1:1::1]:1"],
    [true, false, true]
  ],
  [
    "an address and its network at once",
    { maxPerAddress: 1, maxPerNetwork: 2 },
    ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1", "10.0.0.3:1"],
    [true, false, true, false]
  ],
  ["IPv4 within IPv6", { maxPerAddress: 1 }, ["10.0.0.1:1", "[::ffff:10.0.0.1]:1"], [true, false]]
] as const)("endpoint2 2.2: connections are limited by %s", ([, options, addresses, expected]) =>
  Effect.map(admitted(options, addresses), (told) => assert.deepStrictEqual<ReadonlyArray<boolean>>(told, expected))
)

it.effect("endpoint2 2.2: a network that changes its address 10,000 times is one key of a rate", () =>
  Effect.gen(function* () {
    const addresses = Array.from({ length: 10_000 }, (_, index) => `[2001:db8::${(index + 1).toString(16)}]:1`)
    const { incoming, told } = knocksOf(addresses)
    const hooks = HookChain.make("x").use(rateLimit({ limit: 10, window: "1 minute" }))
    yield* Endpoint.make({ alpns: [echo], hooks, maxPending: 20_000 }).pipe(scripted({ incoming }))
    yield* eventually(() => told.length === addresses.length)
    assert.strictEqual(told.filter((each) => each === "accept").length, 10)
  }).pipe(Effect.provide(limiter), Effect.scoped)
)

it.effect("endpoint2 2.2: keys that were not used for a window make room for new ones", () =>
  Effect.gen(function* () {
    const networks = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => `[2001:db8:${(from + index).toString(16)}::1]:1`)
    const hooks = HookChain.make("x").use(rateLimit({ limit: 1, window: "1 minute", maxKeys: 5 }))
    const first = knocksOf([...networks(0, 5), ...networks(10, 5)])
    let current = first
    const incoming: Effect.Effect<EndpointTransport.Incoming> = Effect.suspend(() =>
      Effect.timeoutOrElse(current.incoming, { duration: "1 second", orElse: () => incoming })
    )
    yield* Endpoint.make({ alpns: [echo], hooks }).pipe(scripted({ incoming }))
    yield* eventually(() => first.told.length === 10)
    // Five keys of their own, and one bucket for the five that came later.
    assert.strictEqual(first.told.filter((each) => each === "accept").length, 6)
    yield* TestClock.adjust("1 minute")
    const second = knocksOf(networks(20, 5))
    current = second
    yield* TestClock.adjust("1 second")
    yield* eventually(() => second.told.length === 5)
    assert.deepStrictEqual(second.told, Array(5).fill("accept"))
  }).pipe(Effect.provide(limiter), Effect.scoped)
)

/** Whether a dial to an address goes out. */
const dials = (hooks: ReturnType<typeof addressList>, ...addrs: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    let dialled = 0
    const endpoint = yield* Endpoint.make({ alpns: [], hooks: chainOf([hooks]) }).pipe(
      scripted({
        dial: (_addr, _alpn, done) => {
          dialled++
          done(Exit.succeed(carried([])))
          return () => {}
        }
      })
    )
    const connecting = Effect.scoped(endpoint.connect({ ...other, addrs }, echo))
    const exit = yield* Effect.exit(connecting)
    if (Exit.isFailure(exit)) assert.strictEqual((yield* reasonOf(connecting))._tag, "Rejected")
    return dialled > 0
  }).pipe(Effect.scoped)

it.effect.each([
  [["10.0.0.1:1"], true],
  [["10.0.0.13:1"], false],
  [["10.0.0.1:1", "10.0.0.13:1"], false],
  [["192.168.0.1:1"], false],
  [["[::ffff:10.0.0.13]:1"], false],
  [["[64:ff9b::a00:d]:1"], false],
  [["[2002:a00:d::1]:1"], false],
  [["[fe80::1%eth0]:1"], false],
  [["https://relay.example/"], false]
] as const)("endpoint2 2.3: a dial to %s goes out: %s", ([addrs, expected]) =>
  Effect.map(dials(addressList({ allow: ["10.0.0.0/8"], deny: ["10.0.0.13"] }), ...addrs), (goes) =>
    assert.strictEqual(goes, expected)
  )
)

it.effect.each([
  ["64:ff9b::a00:d", "refuse"],
  ["[2002:a00:d::1]:443", "refuse"],
  ["[2002:a00:e::1]:443", "accept"],
  ["[fe80::1%eth0]:1", "accept"],
  ["[fe80::1%eth0", "refuse"]
] as const)("endpoint2 2.3: of an address within an address, %s, both count: %s", ([address, expected]) =>
  Effect.gen(function* () {
    const { incoming, told } = knocksOf([address])
    const hooks = chainOf([addressList({ deny: ["10.0.0.13"] })])
    yield* Endpoint.make({ alpns: [echo], hooks }).pipe(scripted({ incoming }))
    yield* eventually(() => told.length === 1)
    assert.strictEqual(told[0], expected)
  }).pipe(Effect.scoped)
)

it.effect(
  "endpoint2 2.3: a list of addresses can be changed while it runs, and an unreadable range admits nobody",
  () =>
    Effect.gen(function* () {
      const deny = new Set<string>()
      const hooks = addressList({ deny })
      assert.isTrue(yield* dials(hooks, "10.0.0.1:1"))
      deny.add("10.0.0.0/8")
      assert.isFalse(yield* dials(hooks, "10.0.0.1:1"))
      assert.isTrue(yield* dials(hooks, "11.0.0.1:1"))
      deny.delete("10.0.0.0/8")
      assert.isTrue(yield* dials(hooks, "10.0.0.1:1"))
      deny.add("10.0.0.0/99")
      assert.isFalse(yield* dials(hooks, "11.0.0.1:1"))
    }).pipe(Effect.provide(TestEndpoint.layer()))
)
