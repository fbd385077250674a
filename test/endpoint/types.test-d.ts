// @effect-diagnostics missingEffectError:off missingEffectContext:off
/** What the types of endpoints let pass, and what they refuse. */
import { Context, Effect, Schema } from "effect"
import type { Layer, Scope } from "effect"
import type { RateLimiter } from "effect/persistence/RateLimiter"
import { Endpoint, EndpointHooks, HookChain, ProtocolRouter } from "fairlead/endpoint"
import type { EndpointConnection, EndpointError, EndpointTransport } from "fairlead/endpoint"
import { preAuthAcceptor, rateLimit } from "fairlead/endpoint/hooks"
import { expectTypeOf, test } from "vitest"

import { chat, echo } from "./Peers.ts"

class AclDown extends Schema.TaggedError<AclDown>()("AclDown", {}) {}
class Acl extends Context.Service<Acl, { readonly has: (id: string) => Effect.Effect<boolean, AclDown> }>()("Acl") {}
class Counter extends Context.Service<Counter, { count: number }>()("Counter") {}
class Guard extends EndpointHooks.Service<Guard>()("app/Guard") {}

const allow = EndpointHooks.make("allow", {
  afterHandshake: ({ remoteId }) =>
    Effect.gen(function* () {
      const { has } = yield* Acl
      const known = yield* Effect.mapError(has(remoteId), (cause) => new EndpointHooks.Reject({ cause }))
      if (!known) yield* new EndpointHooks.Reject({ reason: "not allowed" })
    }),
  beforeAccept: ({ validated }) => (validated ? "accept" : "retry")
})
const count = EndpointHooks.make("count", {
  onClose: () =>
    Effect.map(Counter, (counter) => {
      counter.count++
    })
})

test("hooks have the needs of their Effects, without the Scope and the Dial of the endpoint", () => {
  expectTypeOf(allow).toEqualTypeOf<EndpointHooks.EndpointHooks<Acl>>()
  expectTypeOf(count).toEqualTypeOf<EndpointHooks.EndpointHooks<Counter>>()
  expectTypeOf(EndpointHooks.make("none", {})).toEqualTypeOf<EndpointHooks.EndpointHooks>()
  const held = EndpointHooks.make("held", {
    beforeConnect: () => Effect.asVoid(Effect.addFinalizer(() => Effect.void)),
    afterHandshake: () => Effect.asVoid(EndpointHooks.Dial),
    beforeAccept: () => "ignore"
  })
  expectTypeOf(held).toEqualTypeOf<EndpointHooks.EndpointHooks>()
  expectTypeOf(rateLimit({ limit: 1, window: 1 })).toEqualTypeOf<EndpointHooks.EndpointHooks<RateLimiter>>()
})

test("a chain needs what its hooks need, and the layer provides the endpoint", () => {
  const chain = HookChain.make("peers").use(allow).append(HookChain.make("more").use(count)).use(Guard)
  expectTypeOf(chain).toEqualTypeOf<HookChain.HookChain<Acl | Counter | Guard>>()
  expectTypeOf(Endpoint.layer({ alpns: [echo], hooks: chain })).toEqualTypeOf<
    Layer.Layer<Endpoint.Endpoint, EndpointError.BindError, EndpointTransport.EndpointTransport | Acl | Counter | Guard>
  >()
  expectTypeOf(Endpoint.layer({ alpns: [] })).toEqualTypeOf<
    Layer.Layer<Endpoint.Endpoint, EndpointError.BindError, EndpointTransport.EndpointTransport>
  >()
  expectTypeOf(Endpoint.make({ alpns: [], hooks: chain })).toEqualTypeOf<
    Effect.Effect<
      Endpoint.Endpoint["Service"],
      EndpointError.BindError,
      EndpointTransport.EndpointTransport | Scope.Scope | Acl | Counter | Guard
    >
  >()
  expectTypeOf(Guard.layer(allow)).toEqualTypeOf<Layer.Layer<Guard, never, Acl>>()
})

test("a hook says no with Reject alone, and onClose not at all", () => {
  // @ts-expect-error an undeclared error
  EndpointHooks.make("x", { beforeConnect: () => Effect.fail(new AclDown()) })
  // @ts-expect-error an undeclared error
  EndpointHooks.make("x", { beforeAccept: () => Effect.fail(new AclDown()) })
  // @ts-expect-error an undeclared error
  EndpointHooks.make("x", { afterHandshake: () => Effect.fail(new AclDown()) })
  // @ts-expect-error an undeclared error
  EndpointHooks.make("x", { onStreamOpen: () => Effect.fail(new AclDown()) })
  // @ts-expect-error onClose cannot fail
  EndpointHooks.make("x", { onClose: () => Effect.fail(new EndpointHooks.Reject({})) })
})

test("a hook returns the decision of its point", () => {
  // @ts-expect-error a decision where there is none
  EndpointHooks.make("x", { afterHandshake: () => "accept" })
  // @ts-expect-error no such admission
  EndpointHooks.make("x", { beforeAccept: () => "welcome" })
  // @ts-expect-error no such admission
  EndpointHooks.make("x", { beforeAccept: () => Effect.succeed(true) })
  // @ts-expect-error a promise is no decision
  EndpointHooks.make("x", { beforeConnect: () => Promise.resolve() })
  // @ts-expect-error there is no such point
  EndpointHooks.make("x", { beforeHandshake: () => Effect.void })
})

declare const anything: any
declare const anyError: Effect.Effect<void, any>
declare const anyNeed: Effect.Effect<void, never, any>

test("any is refused, which would hide errors and needs", () => {
  const hooks = HookChain.make("x").use(EndpointHooks.make("x", { beforeConnect: () => anything }))
  // @ts-expect-error the needs are any, so that they may be the endpoint's
  Endpoint.layer({ alpns: [], hooks })
  // @ts-expect-error the error is any
  EndpointHooks.make("x", { afterHandshake: () => anyError })
  // @ts-expect-error the needs are any
  EndpointHooks.make("x", { onStreamOpen: () => anyNeed })
  // @ts-expect-error the error is any
  ProtocolRouter.make("x").route(echo, () => anyError)
})

test("a hook cannot need the endpoint that it decides for", () => {
  const cyclic = EndpointHooks.make("cyclic", { afterHandshake: () => Effect.asVoid(Endpoint.Endpoint) })
  const hooks = HookChain.make("x").use(allow).use(cyclic)
  // @ts-expect-error an endpoint's hook cannot require Endpoint
  Endpoint.layer({ alpns: [], hooks })
  // @ts-expect-error an endpoint's hook cannot require Endpoint
  Endpoint.make({ alpns: [], hooks })
  // @ts-expect-error an endpoint's hook cannot require Endpoint
  ProtocolRouter.layer(ProtocolRouter.make("x"), { hooks })
})

test("a router needs what its handlers need, without their scope and the endpoint", () => {
  const router = ProtocolRouter.make("x")
    .route(echo, ({ openBi }) =>
      Effect.gen(function* () {
        yield* Endpoint.Endpoint
        yield* Counter
        yield* Effect.orDie(openBi)
      })
    )
    .route(chat, () => Effect.asVoid(Acl))
  expectTypeOf(router).toEqualTypeOf<ProtocolRouter.ProtocolRouter<Counter | Acl>>()
  expectTypeOf(ProtocolRouter.layer(router, { hooks: HookChain.make("x").use(Guard) })).toEqualTypeOf<
    Layer.Layer<Endpoint.Endpoint, EndpointError.BindError, EndpointTransport.EndpointTransport | Counter | Acl | Guard>
  >()
  // @ts-expect-error a handler fails with Reject alone
  ProtocolRouter.make("x").route(echo, () => Effect.fail(new AclDown()))
  // @ts-expect-error a stream's failure is the handler's to decide on
  ProtocolRouter.make("x").route(echo, ({ openUni }) => Effect.asVoid(openUni))
})

test("a verifier of tokens may need services, and cannot fail", () => {
  const auth = preAuthAcceptor({ verify: () => Effect.as(Counter, true) })
  expectTypeOf(auth.handler).toEqualTypeOf<
    (connection: EndpointConnection.EndpointConnection) => Effect.Effect<void, EndpointHooks.Reject, Counter>
  >()
  expectTypeOf(preAuthAcceptor({ verify: () => true }).handler).returns.toEqualTypeOf<
    Effect.Effect<void, EndpointHooks.Reject>
  >()
  // @ts-expect-error it cannot fail
  preAuthAcceptor({ verify: () => Effect.fail(new AclDown()) })
  // @ts-expect-error it says yes or no
  preAuthAcceptor({ verify: () => "yes" })
})

test("each reason of a failed connect can be recovered by its tag", () => {
  const dial = Effect.flatMap(Endpoint.Endpoint, ({ addr, connect }) => connect(addr, echo))
  expectTypeOf(dial).toEqualTypeOf<
    Effect.Effect<EndpointConnection.EndpointConnection, EndpointError.ConnectError, Endpoint.Endpoint | Scope.Scope>
  >()
  expectTypeOf<EndpointError.ConnectError["reason"]["_tag"]>().toEqualTypeOf<
    | "Rejected"
    | "ConnectionRefused"
    | "AlpnMismatch"
    | "IdentityMismatch"
    | "NoAddress"
    | "SelfConnect"
    | "TimedOut"
    | "EndpointClosed"
    | "ConnectionEnded"
    | "TransportError"
  >()
  Effect.catchReason(dial, "ConnectError", "ConnectionRefused", () => Effect.never)
  // @ts-expect-error there is no such reason
  Effect.catchReason(dial, "ConnectError", "Denied", () => Effect.never)
})
