// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * No error is lost: at each parameter that is or returns an Effect, data-first and piped catches leave the same error, which is not declared there and so does not
 * compile. TypeScript drops errors silently where a fixed type is expected of a data-first catch.
 */
import { Context, Effect, Schema } from "effect"
import type { Layer } from "effect"
import { ChannelApi, ChannelHandler } from "fairlead/channel"
import { authentication, joinRule } from "fairlead/channel/handlers"
import { expectTypeOf, test } from "vitest"

import { join, on, rest, Room, User } from "../channel/Definitions.ts"
import { hole } from "./Hole.ts"

class TooSlow extends Schema.TaggedError<TooSlow>()("TooSlow", {}) {}
class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Store extends Context.Service<Store, string>()("app/Store") {}

type Fails<A> = Effect.Effect<A, TooSlow | Down, Store>

declare const nothing: Fails<void>
declare const count: Fails<{ readonly count: number }>
declare const id: Fails<{ readonly id: number }>
declare const entered: Fails<{ readonly name: string } | undefined>
declare const accepted: Fails<ChannelHandler.Accept<never>>
declare const dropped: Fails<ChannelHandler.Drop>
declare const name: Fails<string>
declare const allowed: Fails<boolean>
const toVoid = () => Effect.void
const { later } = ChannelApi
const { make } = ChannelHandler

test("the join of an implementation", () => {
  // @ts-expect-error Down is left
  Room.layer({ on, join: () => hole(count) })
})

test("its afterJoin", () => {
  // @ts-expect-error Down is left
  Room.layer({ join, on, afterJoin: () => hole(nothing) })
})

test("the handler of an event", () => {
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => hole(id) } })
})

test("a later reply", () => {
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => Effect.succeed(later(hole(id))) } })
})

test("an intercept", () => {
  // @ts-expect-error Down is left
  Room.layer({ join, on, intercept: { entered: () => hole(entered) } })
})

test("its leave", () => {
  // @ts-expect-error Down is left
  Room.layer({ join, on, leave: () => hole(nothing) })
})

test("the connect of a handler", () => {
  // @ts-expect-error Down is left
  make("x", { connect: () => hole(accepted) })
})

test("its join", () => {
  // @ts-expect-error Down is left
  make("x", { join: () => hole(nothing) })
})

test("its incoming", () => {
  // @ts-expect-error Down is left
  make("x", { incoming: () => hole(dropped) })
})

test("the leave of a handler", () => {
  // @ts-expect-error Down is left
  make("x", { leave: () => hole(nothing) })
})

test("its disconnect", () => {
  // @ts-expect-error Down is left
  make("x", { disconnect: () => hole(nothing) })
})

test("the verify of authentication", () => {
  // @ts-expect-error Down is left
  authentication(User, { verify: () => hole(name) })
})

test("the rule of a join guard", () => {
  // @ts-expect-error Down is left
  joinRule("a", () => hole(allowed))
})

test("a wholly caught error is gone, and its needs stay", () => {
  const all = Effect.catch(nothing, toVoid)
  const layer = Room.layer({ join, on, leave: () => all })
  expectTypeOf<typeof layer extends Layer.Layer<Room, never, infer R> ? R : "none">().toEqualTypeOf<Store>()
  expectTypeOf(make("x", { join: () => all })).toEqualTypeOf<ChannelHandler.ChannelHandler<never, Store>>()
})
