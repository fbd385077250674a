// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * No error is lost: what a data-first catch leaves is refused as what a piped one leaves. TypeScript drops errors silently where a fixed type is expected of a
 * data-first catch.
 */
import { Context, Effect, Schema } from "effect"
import { EndpointHooks, ProtocolRouter } from "fairlead/endpoint"
import { preAuthAcceptor } from "fairlead/endpoint/hooks"
import { expectTypeOf, test } from "vitest"

import { echo } from "../endpoint/Peers.ts"
import { hole } from "./Hole.ts"

class TooSlow extends Schema.TaggedError<TooSlow>()("TooSlow", {}) {}
class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Store extends Context.Service<Store, string>()("app/Store") {}

declare const nothing: Effect.Effect<void, TooSlow | Down, Store>
declare const admission: Effect.Effect<"refuse", TooSlow | Down, Store>
declare const yes: Effect.Effect<boolean, TooSlow | Down, Store>
const toVoid = () => Effect.void
const toRefuse = () => Effect.succeed("refuse" as const)

test("the table has every point", () => {
  type Points = Exclude<keyof EndpointHooks.Hooks<void, void, void, void, void>, "timeout">
  expectTypeOf<Points>().toEqualTypeOf<
    "beforeConnect" | "beforeAccept" | "afterHandshake" | "onStreamOpen" | "onClose"
  >()
})

test("an error left over is refused", () => {
  // @ts-expect-error Down is left
  EndpointHooks.make("x", { beforeConnect: () => hole(nothing) })
  // @ts-expect-error Down is left
  EndpointHooks.make("x", { beforeAccept: () => hole(admission) })
  // @ts-expect-error Down is left
  EndpointHooks.make("x", { afterHandshake: () => hole(nothing) })
  // @ts-expect-error Down is left
  EndpointHooks.make("x", { onStreamOpen: () => hole(nothing) })
  // @ts-expect-error Down is left
  EndpointHooks.make("x", { onClose: () => hole(nothing) })
  // @ts-expect-error Down is left
  ProtocolRouter.make("x").route(echo, () => hole(nothing))
  // @ts-expect-error Down is left
  preAuthAcceptor({ verify: () => hole(yes) })
})

test("a handler without errors is taken, with all of its needs", () => {
  const both = { TooSlow: toVoid, Down: toVoid }
  const hooks = [
    EndpointHooks.make("x", { beforeConnect: () => Effect.catchTags(nothing, both) }),
    EndpointHooks.make("x", { beforeAccept: () => Effect.catchTags(admission, { TooSlow: toRefuse, Down: toRefuse }) }),
    EndpointHooks.make("x", { afterHandshake: () => nothing.pipe(Effect.catchTags(both)) }),
    EndpointHooks.make("x", { onStreamOpen: () => Effect.catchTags(nothing, both) }),
    EndpointHooks.make("x", { onClose: () => Effect.catchTags(nothing, both) })
  ] as const
  type Needs = EndpointHooks.EndpointHooks<Store>
  expectTypeOf(hooks).toEqualTypeOf<readonly [Needs, Needs, Needs, Needs, Needs]>()
  const router = ProtocolRouter.make("x").route(echo, () => Effect.catchTags(nothing, both))
  expectTypeOf(router).toEqualTypeOf<ProtocolRouter.ProtocolRouter<Store>>()
})
