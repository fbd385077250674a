/** The flows that an endpoint reports to the Probe: one for each dial and each connection that is accepted. */
import { assert, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Stream } from "effect"
import { Probe } from "fairlead"
import { Endpoint, EndpointHooks, HookChain, ProtocolRouter } from "fairlead/endpoint"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { CurrentFlow } from "../../src/core/Watch.ts"
import { bytes, chainOf, code, echo, eventually, journal, peer, reasonOf } from "./Peers.ts"

const line = ({ composite, index, interceptor, outcome, phase, type }: Probe.Event): string =>
  phase === "flow" ? `${composite} ${type} ${outcome ?? ""}`.trim() : `${interceptor} ${index} ${phase} ${type}`

/** Runs with a Probe that collects. */
const collecting = (test: (events: Array<Probe.Event>) => Effect.Effect<void, unknown, any>) =>
  Effect.suspend(() => {
    const events: Array<Probe.Event> = []
    return test(events).pipe(
      Effect.provide(TestEndpoint.layer()),
      Effect.scoped,
      Effect.provideService(Probe.Probe, { report: (event) => void events.push(event) })
    ) as Effect.Effect<void, unknown>
  })

const named = (name: string, ...hooks: ReadonlyArray<EndpointHooks.EndpointHooks>) =>
  Endpoint.make({ alpns: [echo], hooks: hooks.reduce((chain, next) => chain.use(next), HookChain.make(name)) })

const subjectsOf = (events: ReadonlyArray<Probe.Event>, composite: string) =>
  events.filter((event) => event.composite === composite && event.phase === "flow").map(({ subject }) => subject)

it.effect("endpoint: a dial and its connection are one flow, with all hooks in it and the peer as its subject", () =>
  collecting((events) =>
    Effect.gen(function* () {
      const ada = yield* named("ada", EndpointHooks.make("plain", {}), journal("noted", []))
      const bob = yield* peer()
      const here = yield* ada.connect(bob.addr, echo)
      yield* Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(bytes("x"))))
      const there = yield* bob.accept
      yield* there.close(code(7), "enough")
      yield* here.closed
      yield* ada.close
      const own = events.filter(({ composite }) => composite === "ada")
      assert.strictEqual(new Set(own.map(({ flow }) => flow)).size, 1)
      assert.deepStrictEqual(own.map(line), [
        "ada start",
        ...["beforeConnect", "afterHandshake", "onStreamOpen", "onClose"].flatMap((phase) => [
          `noted 1 ${phase} start`,
          `noted 1 ${phase} end`
        ]),
        "ada end success"
      ])
      const known = {
        "fairlead.endpoint.side": "dialer",
        "fairlead.endpoint.remote_id": bob.id,
        "tls.next_protocol": "echo/1"
      }
      assert.deepStrictEqual(subjectsOf(events, "ada"), [
        known,
        { ...known, "fairlead.endpoint.close_reason": "ApplicationClosed", "fairlead.endpoint.close_code": "7" }
      ])
    })
  )
)

it.effect("endpoint: an accepted connection is a flow, whose subject is known when the handshake is done", () =>
  collecting((events) =>
    Effect.gen(function* () {
      const bob = yield* named("bob", journal("noted", []))
      const ada = yield* peer()
      yield* Effect.scoped(ada.connect(bob.addr, echo))
      yield* Effect.yieldNow
      const own = events.filter(({ composite }) => composite === "bob")
      assert.deepStrictEqual(own.map(line), [
        "bob start",
        ...["beforeAccept", "afterHandshake", "onClose"].flatMap((phase) => [
          `noted 0 ${phase} start`,
          `noted 0 ${phase} end`
        ]),
        "bob end success"
      ])
      const [first, last] = subjectsOf(events, "bob")
      assert.deepStrictEqual(first, { "fairlead.endpoint.side": "acceptor" })
      assert.deepInclude(last, { "fairlead.endpoint.remote_id": ada.id, "tls.next_protocol": "echo/1" })
    })
  )
)

it.effect("endpoint: a refused peer, and a rejected dial, end their flows with these outcomes", () =>
  collecting((events) =>
    Effect.gen(function* () {
      const door = EndpointHooks.make("door", { beforeAccept: () => "refuse" as const })
      const wall = EndpointHooks.make("wall", { beforeConnect: () => Effect.fail(new EndpointHooks.Reject({})) })
      const [ada, bob, eve] = [yield* peer(), yield* named("bob", door), yield* named("eve", wall)]
      yield* reasonOf(ada.connect(bob.addr, echo))
      yield* reasonOf(eve.connect(bob.addr, echo))
      const ends = events.filter(
        ({ composite, type }) => (composite === "bob" || composite === "eve") && type === "end"
      )
      assert.deepStrictEqual(
        ends.map(({ composite, errorType, outcome, phase }) => [composite, phase, outcome, errorType]),
        [
          ["bob", "beforeAccept", "halt", undefined],
          ["bob", "flow", "halt", undefined],
          ["eve", "beforeConnect", "failure", "Reject"],
          ["eve", "flow", "failure", "ConnectError"]
        ]
      )
    })
  )
)

it.effect("endpoint: an interrupted flow ends once, after the running hook", () =>
  collecting((events) =>
    Effect.gen(function* () {
      const hanging = EndpointHooks.make("hanging", { beforeConnect: () => Effect.never })
      const [ada, bob] = [yield* named("ada", hanging), yield* peer()]
      const dialling = yield* Effect.forkScoped(Effect.scoped(ada.connect(bob.addr, echo)))
      yield* eventually(() => events.length === 2)
      yield* Fiber.interrupt(dialling)
      assert.deepStrictEqual(
        events.map(({ interceptor, outcome, phase }) => [interceptor, phase, outcome]),
        [
          ["ada", "flow", undefined],
          ["hanging", "beforeConnect", undefined],
          ["hanging", "beforeConnect", "interrupt"],
          ["ada", "flow", "interrupt"]
        ]
      )
    })
  )
)

it.effect(
  "endpoint: flows inside of a dial's hooks and of a router's handlers have the connection's flow as parent",
  () =>
    collecting((events) =>
      Effect.gen(function* () {
        const flows: Array<number | undefined> = []
        const router = ProtocolRouter.make("router").route(echo, () =>
          Effect.map(CurrentFlow, (flow) => void flows.push(flow))
        )
        const built = yield* Layer.build(ProtocolRouter.layer(router))
        const bob = Context.get(built, Endpoint.Endpoint)
        const inner = EndpointHooks.make("inner", {
          beforeConnect: ({ addr, alpn }) =>
            flows.length > 0
              ? Effect.void
              : Effect.flatMap(EndpointHooks.Dial, (dial) =>
                  Effect.suspend(() => {
                    flows.push(undefined)
                    return Effect.asVoid(dial(addr, alpn))
                  })
                ).pipe(Effect.orDie)
        })
        const ada = yield* Endpoint.make({ alpns: [], hooks: chainOf([inner]) })
        yield* ada.connect(bob.addr, echo)
        yield* eventually(() => flows.length === 3)
        const starts = (composite: string) =>
          events.filter((event) => event.composite === composite && event.phase === "flow" && event.type === "start")
        const [outer, nested] = starts("test")
        assert.strictEqual(nested?.parent, outer?.flow)
        assert.isUndefined(outer?.parent)
        assert.deepStrictEqual(
          flows.slice(1),
          starts("router").map(({ flow }) => flow)
        )
      })
    )
)

it.effect("endpoint: an endpoint that was made without a Probe reports the dials of a caller that has one", () =>
  Effect.gen(function* () {
    const events: Array<Probe.Event> = []
    const [ada, bob] = [yield* named("ada"), yield* Endpoint.make({ alpns: [echo] })]
    yield* Effect.forkScoped(Stream.runDrain(bob.incoming))
    const report = (event: Probe.Event): void => void events.push(event)
    yield* Effect.provideService(Effect.scoped(ada.connect(bob.addr, echo)), Probe.Probe, { report })
    yield* Effect.scoped(ada.connect(bob.addr, echo))
    assert.deepStrictEqual(events.map(line), ["ada start", "ada end success"])
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)
