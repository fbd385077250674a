/** Hooks as services, what is reported of them, and what the errors say. */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { Probe } from "fairlead"
import { Datagrams, Endpoint, EndpointConnection, EndpointError, EndpointHooks, HookChain } from "fairlead/endpoint"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { logsOf } from "../server/Logs.ts"
import { chainOf, code, echo, journal, peer, reasonOf } from "./Peers.ts"

class Acl extends Context.Service<Acl, ReadonlySet<string>>()("app/Acl") {}
class Admission extends EndpointHooks.Service<Admission>()("app/Admission") {}

const byAcl = EndpointHooks.make("by-acl", {
  beforeConnect: ({ addr: { id } }) =>
    Effect.flatMap(Acl, (acl) => (acl.has(id) ? Effect.void : Effect.fail(new EndpointHooks.Reject({}))))
})

it.effect("endpoint: class-tagged hooks are those of their layer, with its services", () =>
  Effect.gen(function* () {
    const bob = yield* peer()
    const dial = (admission: Layer.Layer<Admission>) =>
      Effect.gen(function* () {
        const endpoint = yield* Endpoint.make({ alpns: [], hooks: HookChain.make("x").use(Admission) })
        return yield* Effect.exit(endpoint.connect(bob.addr, echo))
      }).pipe(Effect.provide(admission), Effect.scoped, Effect.catchTag("BindError", Effect.die))

    const acl = (...ids: ReadonlyArray<string>) =>
      Layer.provide(Admission.layer(byAcl), Layer.succeed(Acl, new Set(ids)))
    assert.strictEqual((yield* dial(acl(bob.id)))._tag, "Success")
    // The name is the service's, and a caller's own service of that key changes nothing.
    const refused = dial(acl()).pipe(Effect.flatten, Effect.provideService(Acl, new Set([bob.id])))
    assert.deepInclude(yield* reasonOf(refused), { _tag: "Rejected", hook: "app/Admission" } as const)
    assert.strictEqual((yield* dial(Admission.layer(EndpointHooks.make("everybody", {}))))._tag, "Success")
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: an endpoint in a layer lives as long as the layer", () =>
  Effect.gen(function* () {
    const bob = yield* peer()
    const lines: Array<string> = []
    const hooks = HookChain.make("x").use(journal("a", lines))
    const dial = Effect.flatMap(Endpoint.Endpoint, ({ connect }) => connect(bob.addr, echo))
    const connection = yield* dial.pipe(Effect.provide(Endpoint.layer({ alpns: [], hooks })))
    assert.strictEqual((yield* connection.closed)._tag, "LocallyClosed")
    assert.deepInclude(yield* (yield* bob.accept).closed, {
      _tag: "ApplicationClosed",
      code: code(0),
      reason: ""
    } as const)
    assert.deepStrictEqual(lines, ["a beforeConnect", "a afterHandshake dialer", "a onClose LocallyClosed"])
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: the probe hears of each hook that runs, with how it ended", () =>
  Effect.gen(function* () {
    const events: Array<string> = []
    const report = ({ composite, errorType = "", interceptor, outcome, phase }: Probe.Event): void => {
      if (outcome !== undefined) events.push(`${composite}/${interceptor} ${phase} ${outcome} ${errorType}`.trim())
    }
    const later = EndpointHooks.make("later", {
      beforeConnect: () => Effect.yieldNow,
      afterHandshake: () => Effect.fail(new EndpointHooks.Reject({}))
    })
    const hooks = chainOf([journal("first", []), later])
    const ada = yield* Effect.provideService(Endpoint.make({ alpns: [], hooks }), Probe.Probe, { report })
    const bob = yield* peer()
    yield* Effect.flip(ada.connect(bob.addr, echo))
    yield* ada.close
    assert.deepStrictEqual(events, [
      "test/first beforeConnect success",
      "test/later beforeConnect success",
      "test/first afterHandshake success",
      "test/later afterHandshake failure Reject",
      "test/first onClose success",
      "test/test flow failure ConnectError"
    ])
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect(
  "endpoint: a hook that fails or dies in beforeAccept refuses; a defect is logged with the hook's name, also in onClose",
  () =>
    Effect.gen(function* () {
      let failing = true
      const hooks = EndpointHooks.make("door", {
        beforeAccept: () =>
          failing ? Effect.fail(new EndpointHooks.Reject({ reason: "busy" })) : Effect.die(new Error("broken")),
        onClose: () => Effect.die(new Error("too late"))
      })
      const [, lines] = yield* logsOf(
        Effect.gen(function* () {
          const [ada, bob, eve] = [yield* peer(), yield* peer(hooks), yield* peer()]
          assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "ConnectionRefused")
          failing = false
          assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "ConnectionRefused")
          yield* bob.connect(eve.addr, echo)
          yield* bob.close
        }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
      )
      assert.deepStrictEqual(
        lines.filter(({ level }) => level === "Error").map(({ message }) => message),
        ['The hook "door" of "test" died in beforeAccept', 'The hook "door" of "test" died in onClose']
      )
    })
)

it.effect("endpoint: a hook gets the same connection each time, so that it can be a key", () =>
  Effect.gen(function* () {
    const seen: Array<unknown> = []
    const hooks = EndpointHooks.make("keys", {
      afterHandshake: (connection) => void seen.push(connection),
      onStreamOpen: (_, connection) => void seen.push(connection),
      onClose: (_, connection) => void seen.push(connection)
    })
    const [ada, bob] = [yield* peer(hooks), yield* peer()]
    const connection = yield* ada.connect(bob.addr, echo)
    yield* Effect.scoped(connection.openUni)
    yield* ada.close
    assert.strictEqual(seen.length, 3)
    assert.strictEqual(new Set(seen).size, 1)
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it("endpoint: each error says what happened", () => {
  const rejected = {
    hook: "beforeConnect",
    interceptor: "acl",
    reject: new EndpointHooks.Reject({ reason: "not allowed" })
  } as const
  const id = "ab".repeat(32) as Endpoint.Endpoint["Service"]["id"]
  const connect = (reason: EndpointError.ConnectError["reason"]) => new EndpointError.ConnectError({ reason }).message
  const stream = (reason: EndpointError.StreamError["reason"]) => new EndpointError.StreamError({ reason }).message
  const told = EndpointConnection.CloseReason.make({ _tag: "ApplicationClosed", code: code(7), reason: "enough" })
  assert.deepStrictEqual(
    [
      new EndpointHooks.Reject({ reason: "not allowed" }).message,
      connect(new EndpointError.Rejected(rejected)),
      connect(new EndpointError.ConnectionRefused({})),
      connect(new EndpointError.AlpnMismatch({ alpn: echo })),
      connect(new EndpointError.IdentityMismatch({ expected: id })),
      connect(new EndpointError.NoAddress({ id })),
      connect(new EndpointError.SelfConnect({})),
      connect(new EndpointError.TimedOut({})),
      connect(new EndpointError.EndpointClosed({})),
      connect(new EndpointError.TransportError({ cause: new Error("x") })),
      stream(new EndpointError.StreamReset({ code: code(1) })),
      stream(new EndpointError.StreamStopped({ code: code(2) })),
      stream(new EndpointError.StreamFinished({})),
      stream(new EndpointError.ConnectionEnded({ closeReason: told })),
      stream(
        new EndpointError.ConnectionEnded({ closeReason: EndpointConnection.CloseReason.make({ _tag: "TimedOut" }) })
      ),
      new Datagrams.DatagramError({ reason: new Datagrams.DatagramTooLarge({ size: 9, maxSize: 5 }) }).message
    ],
    [
      "Rejected with status 403: not allowed",
      'The hook "acl" rejected it in beforeConnect with code 403: not allowed',
      "The peer refuses connections: it may have too many, or not know this address",
      'The peer does not speak "echo/1": it is not among the ALPNs of its endpoint',
      `Who answered is not ${id}: its address may be out of date`,
      `No address of ${id} is known: add one to its EndpointAddr`,
      "This is the endpoint's own id: it cannot connect to itself",
      "The peer did not answer in time: it may be offline, or its address out of date",
      "The endpoint is closed: its scope has ended, or close was called",
      "The transport failed: see the cause",
      "The peer reset the stream with code 1: its data is incomplete",
      "The peer stopped the stream with code 2: it reads no more of it",
      "The stream was finished, reset or stopped here before: open another",
      "The peer closed the connection with code 7: enough",
      "The connection has ended: TimedOut",
      "A datagram of 9 bytes is too large, 5 are carried: split it, or open a stream"
    ]
  )
})

it.effect("endpoint2 1.4: onClose hooks that hang cost one time limit, however many there are", () =>
  Effect.gen(function* () {
    const hanging = ["a", "b", "c"].map((name) => EndpointHooks.make(name, { onClose: () => Effect.never }))
    const [ada, bob] = [yield* peer(...hanging), yield* peer()]
    yield* ada.connect(bob.addr, echo)
    const closing = yield* Effect.forkScoped(ada.close, { startImmediately: true })
    yield* TestClock.adjust("9 seconds")
    assert.isUndefined(closing.pollUnsafe())
    yield* TestClock.adjust("1 second")
    assert.isDefined(closing.pollUnsafe())
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)
