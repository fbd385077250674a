/** Lists of ids and of addresses, and rules of protocols. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Endpoint } from "fairlead/endpoint"
import type { EndpointHooks, EndpointId } from "fairlead/endpoint"
import { addressList, alpnPolicy, idList } from "fairlead/endpoint/hooks"
import type { AlpnSubject } from "fairlead/endpoint/hooks"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { chainOf, chat, code, echo, eventually, peer, reasonOf } from "../Peers.ts"
import { knocksOf, scripted } from "../Scripted.ts"

it.layer(TestEndpoint.layer())("lists", (it) => {
  it.effect("endpoint: a denied id, or one missing in allow, is neither dialled nor admitted", () =>
    Effect.gen(function* () {
      const [allow, deny] = [new Set<EndpointId.EndpointId>(), new Set<EndpointId.EndpointId>()]
      const [ada, bob, eve] = [yield* peer(idList({ allow, deny })), yield* peer(), yield* peer()]
      const rejection = { _tag: "Rejected", hook: "idList", stage: "beforeConnect", code: code(403) } as const
      assert.deepInclude(yield* reasonOf(ada.connect(bob.addr, echo)), rejection)

      allow.add(bob.id).add(eve.id)
      yield* ada.connect(bob.addr, echo)
      yield* bob.connect(ada.addr, echo)
      assert.strictEqual((yield* ada.accept).remoteId, bob.id)

      deny.add(eve.id)
      assert.deepInclude(yield* reasonOf(ada.connect(eve.addr, echo)), rejection)
      const unwanted = yield* eve.connect(ada.addr, echo)
      assert.deepInclude(yield* unwanted.closed, {
        _tag: "ApplicationClosed",
        code: code(403),
        reason: "not allowed"
      } as const)
    }).pipe(Effect.scoped)
  )

  it.effect("endpoint: a protocol may be spoken by whom its rule lets, whoever dials", () =>
    Effect.gen(function* () {
      const [bob, eve] = [yield* peer(), yield* peer()]
      const rules = [{ alpn: chat, allow: ({ remoteId }: AlpnSubject) => remoteId === bob.id }]
      const strict = yield* peer(alpnPolicy({ rules }))
      yield* strict.connect(bob.addr, chat)
      assert.strictEqual((yield* reasonOf(strict.connect(eve.addr, chat)))._tag, "Rejected")
      assert.strictEqual((yield* reasonOf(strict.connect(bob.addr, echo)))._tag, "Rejected")
      const unwanted = yield* eve.connect(strict.addr, chat)
      assert.deepInclude(yield* unwanted.closed, { _tag: "ApplicationClosed", code: code(403) } as const)
      yield* bob.connect(strict.addr, chat)
      assert.strictEqual((yield* strict.accept).remoteId, bob.id)

      const lenient = yield* peer(alpnPolicy({ rules, otherwise: "allow" }))
      yield* eve.connect(lenient.addr, echo)
      assert.strictEqual((yield* lenient.accept).remoteId, eve.id)
    }).pipe(Effect.scoped)
  )
})

/** What becomes of a knock from an address. */
const admission = (hooks: EndpointHooks.EndpointHooks, address: string) =>
  Effect.gen(function* () {
    const { incoming, told } = knocksOf([address])
    yield* Endpoint.make({ alpns: [echo], hooks: chainOf([hooks]) }).pipe(scripted({ incoming }))
    yield* eventually(() => told.length === 1)
    return told[0]
  }).pipe(Effect.scoped)

it.effect.each([
  ["10.1.2.3:4433", "accept"],
  ["10.0.0.13:4433", "refuse"],
  ["10.0.0.13", "refuse"],
  ["[::ffff:10.0.0.13]:1", "refuse"],
  ["[::ffff:10.0.0.14]:1", "accept"],
  ["11.0.0.1:4433", "refuse"],
  ["[fd00::1]:4433", "accept"],
  ["fd00::1", "accept"],
  ["[fe80::1%eth0]:4433", "refuse"],
  ["memory:1", "refuse"],
  ["", "refuse"]
] as const)("endpoint: from %s one gets: %s", ([address, expected]) =>
  Effect.map(admission(addressList({ allow: ["10.0.0.0/8", "fd00::/8"], deny: ["10.0.0.13"] }), address), (told) =>
    assert.strictEqual(told, expected)
  )
)

it.effect("endpoint: a range of mapped addresses is that of the IPv4 addresses", () =>
  Effect.gen(function* () {
    const hooks = addressList({ allow: ["::ffff:10.0.0.0/104"], deny: ["::ffff:10.0.0.13"] })
    for (const [address, expected] of [
      ["10.0.0.14:1", "accept"],
      ["[::ffff:10.0.0.14]:1", "accept"],
      ["10.0.0.13:1", "refuse"],
      ["[::ffff:a00:d]:1", "refuse"],
      ["11.0.0.1:1", "refuse"]
    ] as const) {
      assert.strictEqual(yield* admission(hooks, address), expected, address)
    }
  })
)

it.effect("endpoint2 2.3: an address that cannot be read is rejected, unless it is allowed", () =>
  Effect.gen(function* () {
    const deny = ["10.0.0.0/8"]
    assert.strictEqual(yield* admission(addressList({ deny }), "memory:1"), "refuse")
    assert.strictEqual(yield* admission(addressList({ deny, otherwise: "allow" }), "memory:1"), "accept")
    assert.throws(() => addressList({ allow: ["10.0.0.0/33"] }), /"10.0.0.0\/33" is no range/)
  })
)
