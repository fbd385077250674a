/** Keys, ids, addresses and tickets, and dials by the id alone. */
import { assert, it } from "@effect/vitest"
import { Effect, Inspectable, Redacted, Schema } from "effect"
import { Endpoint, EndpointAddr, EndpointId, SecretKey } from "fairlead/endpoint"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { echo, peer, reasonOf } from "./Peers.ts"

it.effect("endpoint2 2.4: a secret key is new each time, has 32 bytes, and is shown to nobody", () =>
  Effect.gen(function* () {
    const [one, two] = [yield* SecretKey.generate, yield* SecretKey.generate]
    assert.strictEqual(Redacted.value(one).length, 32)
    assert.notDeepEqual(Redacted.value(one), Redacted.value(two))
    assert.notInclude(Inspectable.toStringUnknown(one), Redacted.value(one).toString())
    assert.throws(() => SecretKey.fromBytes(new Uint8Array(31)), /32 bytes, this one has 31/)
    const bytes = new Uint8Array(32).fill(7)
    const kept = SecretKey.fromBytes(bytes)
    bytes.fill(0)
    assert.strictEqual(Redacted.value(kept)[0], 7)
  })
)

it.effect("endpoint2 2.4: the id of a secret key is its Ed25519 public key", () =>
  Effect.gen(function* () {
    // RFC 8032 §7.1, test 1.
    const secret = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex")
    assert.strictEqual(
      yield* EndpointId.fromSecretKey(SecretKey.fromBytes(secret)),
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    )
  })
)

it.effect("endpoint2 2.4: an address is a schema, and a ticket is one line of text that says the same", () =>
  Effect.gen(function* () {
    const addr = {
      id: EndpointId.EndpointId.make("ab".repeat(32)),
      addrs: ["127.0.0.1:4433", "https://relay.example/"]
    }
    const ticket = yield* Schema.encodeEffect(EndpointAddr.Ticket)(addr)
    assert.match(ticket, /^endpoint1[\w-]+$/)
    assert.deepStrictEqual(yield* Schema.decodeEffect(EndpointAddr.Ticket)(ticket), addr)
    for (const text of [
      "",
      "nodeabc",
      "endpoint1",
      "endpoint1!!",
      `endpoint1${Buffer.from("{}").toString("base64url")}`
    ]) {
      assert.strictEqual((yield* Effect.flip(Schema.decodeEffect(EndpointAddr.Ticket)(text)))._tag, "SchemaError")
    }
    const unknown = yield* Effect.flip(Schema.decodeUnknownEffect(EndpointAddr.EndpointAddr)({ id: "x", addrs: [] }))
    assert.strictEqual(unknown._tag, "SchemaError")
  })
)

it.effect("endpoint2 2.4: a peer is dialled by its id alone where the transport finds it", () =>
  Effect.gen(function* () {
    const [ada, bob] = [yield* peer(), yield* peer()]
    yield* ada.connect(bob.id, echo)
    assert.strictEqual((yield* bob.accept).remoteId, ada.id)
  }).pipe(Effect.provide(TestEndpoint.layer({ discovery: true })), Effect.scoped)
)

it.effect("endpoint2 2.4: without a directory a dial by the id alone fails with NoAddress", () =>
  Effect.gen(function* () {
    const [ada, bob] = [yield* peer(), yield* peer()]
    assert.strictEqual((yield* reasonOf(ada.connect(bob.id, echo)))._tag, "NoAddress")
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint2 2.4: an endpoint of the memory network has the id that a test chooses", () =>
  Effect.gen(function* () {
    const secretKey = yield* SecretKey.generate
    const id = yield* EndpointId.fromSecretKey(secretKey)
    const bob = yield* Effect.provide(Endpoint.make({ alpns: [echo] }), TestEndpoint.layerTransportAs(id))
    const ada = yield* peer()
    assert.strictEqual(bob.id, id)
    assert.strictEqual((yield* ada.connect(bob.addr, echo)).remoteId, id)
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)
