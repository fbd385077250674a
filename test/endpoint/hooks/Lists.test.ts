/** Lists of ids and of addresses, and rules of protocols. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Endpoint } from "fairlead/endpoint"
import type { EndpointHooks, Identity } from "fairlead/endpoint"
import { addressList, alpnPolicy, idList } from "fairlead/endpoint/hooks"
import { layer } from "fairlead/testing/endpoint"

import { chainOf, chat, code, echo, eventually, peer, reasonOf } from "../Peers.ts"
import { knocksOf, scripted } from "../Scripted.ts"

it.layer(layer())("lists", (it) => {
  it.effect("endpoint: an id that is denied, or not allowed, is neither dialled nor let in", () =>
    Effect.gen(function* () {
      const [allow, deny] = [new Set<Identity.EndpointId>(), new Set<Identity.EndpointId>()]
      const [ada, bob, eve] = [yield* peer(idList({ allow, deny })), yield* peer(), yield* peer()]
      const rejection = { _tag: "LocallyRejected", hook: "id-list", stage: "beforeConnect", code: code(403) } as const
      assert.deepInclude(yield* reasonOf(ada.connect(bob.addr, echo)), rejection)

      allow.add(bob.id).add(eve.id)
      yield* ada.connect(bob.addr, echo)
      yield* bob.connect(ada.addr, echo)
      assert.strictEqual((yield* ada.accept).remoteId, bob.id)

      deny.add(eve.id)
      assert.deepInclude(yield* reasonOf(ada.connect(eve.addr, echo)), rejection)
      const unwanted = yield* eve.connect(ada.addr, echo)
      assert.deepInclude(yield* unwanted.closed, {
        _tag: "Application",
        code: code(403),
        reason: "not allowed"
      } as const)
    }).pipe(Effect.scoped)
  )

  it.effect("endpoint: a protocol may be spoken by whom its rule lets, whoever dials", () =>
    Effect.gen(function* () {
      const [bob, eve] = [yield* peer(), yield* peer()]
      const rules = [{ alpn: chat, may: (id: Identity.EndpointId) => id === bob.id }]
      const strict = yield* peer(alpnPolicy(rules))
      yield* strict.connect(bob.addr, chat)
      assert.strictEqual((yield* reasonOf(strict.connect(eve.addr, chat)))._tag, "LocallyRejected")
      assert.strictEqual((yield* reasonOf(strict.connect(bob.addr, echo)))._tag, "LocallyRejected")
      const unwanted = yield* eve.connect(strict.addr, chat)
      assert.deepInclude(yield* unwanted.closed, { _tag: "Application", code: code(403) } as const)
      yield* bob.connect(strict.addr, chat)
      assert.strictEqual((yield* strict.accept).remoteId, bob.id)

      const lenient = yield* peer(alpnPolicy(rules, { otherwise: "accept" }))
      yield* eve.connect(lenient.addr, echo)
      assert.strictEqual((yield* lenient.accept).remoteId, eve.id)
    }).pipe(Effect.scoped)
  )
})

/** What becomes of a knock from an address. */
const admission = (hooks: EndpointHooks.EndpointHooks, address: string) =>
  Effect.gen(function* () {
    const { knock, told } = knocksOf([address])
    yield* Endpoint.make({ alpns: [echo], hooks: chainOf([hooks]) }).pipe(scripted({ knock }))
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
] as const)("endpoint: from %s one is told: %s", ([address, expected]) =>
  Effect.map(admission(addressList({ allow: ["10.0.0.0/8", "fd00::/8"], deny: ["10.0.0.13"] }), address), (told) =>
    assert.strictEqual(told, expected)
  )
)

it.effect("endpoint: without an allow list, what is no IP address comes in", () =>
  Effect.gen(function* () {
    assert.strictEqual(yield* admission(addressList({ deny: ["10.0.0.0/8"] }), "memory:1"), "accept")
    assert.throws(() => addressList({ allow: ["10.0.0.0/33"] }))
  })
)
