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

import { join, on, rest, Room, User } from "./Definitions.ts"

class TooSlow extends Schema.TaggedError<TooSlow>()("TooSlow", {}) {}
class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Store extends Context.Service<Store, string>()("app/Store") {}

type Fails<A> = Effect.Effect<A, TooSlow | Down, Store>
const isSlow = (error: TooSlow | Down): error is TooSlow => error._tag === "TooSlow"

declare const nothing: Fails<void>
declare const count: Fails<{ readonly count: number }>
declare const id: Fails<{ readonly id: number }>
declare const entered: Fails<{ readonly name: string } | undefined>
declare const accepted: Fails<ChannelHandler.Accept<never>>
declare const dropped: Fails<ChannelHandler.Drop>
declare const name: Fails<string>
declare const allowed: Fails<boolean>
const toVoid = () => Effect.void
const toCount = () => Effect.succeed({ count: 1 })
const toId = () => Effect.succeed({ id: 1 })
const toEntered = () => Effect.succeed({ name: "" })
const toAccepted = () => Effect.succeed(ChannelHandler.accept())
const toDropped = () => Effect.succeed(ChannelHandler.drop)
const toName = () => Effect.succeed("")
const toAllowed = () => Effect.succeed(true)
const { later } = ChannelApi
const { make } = ChannelHandler

test("the join of an implementation", () => {
  // @ts-expect-error Down is left
  Room.layer({ on, join: () => Effect.catchTag(count, "TooSlow", toCount) })
  // @ts-expect-error Down is left
  Room.layer({ on, join: () => Effect.catchTags(count, { TooSlow: toCount }) })
  // @ts-expect-error Down is left
  Room.layer({ on, join: () => Effect.catchIf(count, isSlow, toCount) })
  // @ts-expect-error Down is left
  Room.layer({ on, join: () => count.pipe(Effect.catchTag("TooSlow", toCount)) })
  // @ts-expect-error Down is left
  Room.layer({ on, join: () => count.pipe(Effect.catchTags({ TooSlow: toCount })) })
  // @ts-expect-error Down is left
  Room.layer({ on, join: () => count.pipe(Effect.catchIf(isSlow, toCount)) })
})

test("its afterJoin", () => {
  // @ts-expect-error Down is left
  Room.layer({ join, on, afterJoin: () => Effect.catchTag(nothing, "TooSlow", toVoid) })
  // @ts-expect-error Down is left
  Room.layer({ join, on, afterJoin: () => Effect.catchTags(nothing, { TooSlow: toVoid }) })
  // @ts-expect-error Down is left
  Room.layer({ join, on, afterJoin: () => Effect.catchIf(nothing, isSlow, toVoid) })
  // @ts-expect-error Down is left
  Room.layer({ join, on, afterJoin: () => nothing.pipe(Effect.catchTag("TooSlow", toVoid)) })
  // @ts-expect-error Down is left
  Room.layer({ join, on, afterJoin: () => nothing.pipe(Effect.catchTags({ TooSlow: toVoid })) })
  // @ts-expect-error Down is left
  Room.layer({ join, on, afterJoin: () => nothing.pipe(Effect.catchIf(isSlow, toVoid)) })
})

test("the handler of an event", () => {
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => Effect.catchTag(id, "TooSlow", toId) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => Effect.catchTags(id, { TooSlow: toId }) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => Effect.catchIf(id, isSlow, toId) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => id.pipe(Effect.catchTag("TooSlow", toId)) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => id.pipe(Effect.catchTags({ TooSlow: toId })) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => id.pipe(Effect.catchIf(isSlow, toId)) } })
})

test("a later reply", () => {
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => Effect.succeed(later(Effect.catchTag(id, "TooSlow", toId))) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => Effect.succeed(later(Effect.catchTags(id, { TooSlow: toId }))) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => Effect.succeed(later(Effect.catchIf(id, isSlow, toId))) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => Effect.succeed(later(id.pipe(Effect.catchTag("TooSlow", toId)))) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => Effect.succeed(later(id.pipe(Effect.catchTags({ TooSlow: toId })))) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on: { ...rest, say: () => Effect.succeed(later(id.pipe(Effect.catchIf(isSlow, toId)))) } })
})

test("an intercept", () => {
  // @ts-expect-error Down is left
  Room.layer({ join, on, intercept: { entered: () => Effect.catchTag(entered, "TooSlow", toEntered) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on, intercept: { entered: () => Effect.catchTags(entered, { TooSlow: toEntered }) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on, intercept: { entered: () => Effect.catchIf(entered, isSlow, toEntered) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on, intercept: { entered: () => entered.pipe(Effect.catchTag("TooSlow", toEntered)) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on, intercept: { entered: () => entered.pipe(Effect.catchTags({ TooSlow: toEntered })) } })
  // @ts-expect-error Down is left
  Room.layer({ join, on, intercept: { entered: () => entered.pipe(Effect.catchIf(isSlow, toEntered)) } })
})

test("its leave", () => {
  // @ts-expect-error Down is left
  Room.layer({ join, on, leave: () => Effect.catchTag(nothing, "TooSlow", toVoid) })
  // @ts-expect-error Down is left
  Room.layer({ join, on, leave: () => Effect.catchTags(nothing, { TooSlow: toVoid }) })
  // @ts-expect-error Down is left
  Room.layer({ join, on, leave: () => Effect.catchIf(nothing, isSlow, toVoid) })
  // @ts-expect-error Down is left
  Room.layer({ join, on, leave: () => nothing.pipe(Effect.catchTag("TooSlow", toVoid)) })
  // @ts-expect-error Down is left
  Room.layer({ join, on, leave: () => nothing.pipe(Effect.catchTags({ TooSlow: toVoid })) })
  // @ts-expect-error Down is left
  Room.layer({ join, on, leave: () => nothing.pipe(Effect.catchIf(isSlow, toVoid)) })
})

test("the connect of a handler", () => {
  // @ts-expect-error Down is left
  make("x", { connect: () => Effect.catchTag(accepted, "TooSlow", toAccepted) })
  // @ts-expect-error Down is left
  make("x", { connect: () => Effect.catchTags(accepted, { TooSlow: toAccepted }) })
  // @ts-expect-error Down is left
  make("x", { connect: () => Effect.catchIf(accepted, isSlow, toAccepted) })
  // @ts-expect-error Down is left
  make("x", { connect: () => accepted.pipe(Effect.catchTag("TooSlow", toAccepted)) })
  // @ts-expect-error Down is left
  make("x", { connect: () => accepted.pipe(Effect.catchTags({ TooSlow: toAccepted })) })
  // @ts-expect-error Down is left
  make("x", { connect: () => accepted.pipe(Effect.catchIf(isSlow, toAccepted)) })
})

test("its join", () => {
  // @ts-expect-error Down is left
  make("x", { join: () => Effect.catchTag(nothing, "TooSlow", toVoid) })
  // @ts-expect-error Down is left
  make("x", { join: () => Effect.catchTags(nothing, { TooSlow: toVoid }) })
  // @ts-expect-error Down is left
  make("x", { join: () => Effect.catchIf(nothing, isSlow, toVoid) })
  // @ts-expect-error Down is left
  make("x", { join: () => nothing.pipe(Effect.catchTag("TooSlow", toVoid)) })
  // @ts-expect-error Down is left
  make("x", { join: () => nothing.pipe(Effect.catchTags({ TooSlow: toVoid })) })
  // @ts-expect-error Down is left
  make("x", { join: () => nothing.pipe(Effect.catchIf(isSlow, toVoid)) })
})

test("its incoming", () => {
  // @ts-expect-error Down is left
  make("x", { incoming: () => Effect.catchTag(dropped, "TooSlow", toDropped) })
  // @ts-expect-error Down is left
  make("x", { incoming: () => Effect.catchTags(dropped, { TooSlow: toDropped }) })
  // @ts-expect-error Down is left
  make("x", { incoming: () => Effect.catchIf(dropped, isSlow, toDropped) })
  // @ts-expect-error Down is left
  make("x", { incoming: () => dropped.pipe(Effect.catchTag("TooSlow", toDropped)) })
  // @ts-expect-error Down is left
  make("x", { incoming: () => dropped.pipe(Effect.catchTags({ TooSlow: toDropped })) })
  // @ts-expect-error Down is left
  make("x", { incoming: () => dropped.pipe(Effect.catchIf(isSlow, toDropped)) })
})

test("the leave of a handler", () => {
  // @ts-expect-error Down is left
  make("x", { leave: () => Effect.catchTag(nothing, "TooSlow", toVoid) })
  // @ts-expect-error Down is left
  make("x", { leave: () => Effect.catchTags(nothing, { TooSlow: toVoid }) })
  // @ts-expect-error Down is left
  make("x", { leave: () => Effect.catchIf(nothing, isSlow, toVoid) })
  // @ts-expect-error Down is left
  make("x", { leave: () => nothing.pipe(Effect.catchTag("TooSlow", toVoid)) })
  // @ts-expect-error Down is left
  make("x", { leave: () => nothing.pipe(Effect.catchTags({ TooSlow: toVoid })) })
  // @ts-expect-error Down is left
  make("x", { leave: () => nothing.pipe(Effect.catchIf(isSlow, toVoid)) })
})

test("its disconnect", () => {
  // @ts-expect-error Down is left
  make("x", { disconnect: () => Effect.catchTag(nothing, "TooSlow", toVoid) })
  // @ts-expect-error Down is left
  make("x", { disconnect: () => Effect.catchTags(nothing, { TooSlow: toVoid }) })
  // @ts-expect-error Down is left
  make("x", { disconnect: () => Effect.catchIf(nothing, isSlow, toVoid) })
  // @ts-expect-error Down is left
  make("x", { disconnect: () => nothing.pipe(Effect.catchTag("TooSlow", toVoid)) })
  // @ts-expect-error Down is left
  make("x", { disconnect: () => nothing.pipe(Effect.catchTags({ TooSlow: toVoid })) })
  // @ts-expect-error Down is left
  make("x", { disconnect: () => nothing.pipe(Effect.catchIf(isSlow, toVoid)) })
})

test("the verify of authentication", () => {
  // @ts-expect-error Down is left
  authentication(User, { verify: () => Effect.catchTag(name, "TooSlow", toName) })
  // @ts-expect-error Down is left
  authentication(User, { verify: () => Effect.catchTags(name, { TooSlow: toName }) })
  // @ts-expect-error Down is left
  authentication(User, { verify: () => Effect.catchIf(name, isSlow, toName) })
  // @ts-expect-error Down is left
  authentication(User, { verify: () => name.pipe(Effect.catchTag("TooSlow", toName)) })
  // @ts-expect-error Down is left
  authentication(User, { verify: () => name.pipe(Effect.catchTags({ TooSlow: toName })) })
  // @ts-expect-error Down is left
  authentication(User, { verify: () => name.pipe(Effect.catchIf(isSlow, toName)) })
})

test("the rule of a join guard", () => {
  // @ts-expect-error Down is left
  joinRule("a", () => Effect.catchTag(allowed, "TooSlow", toAllowed))
  // @ts-expect-error Down is left
  joinRule("a", () => Effect.catchTags(allowed, { TooSlow: toAllowed }))
  // @ts-expect-error Down is left
  joinRule("a", () => Effect.catchIf(allowed, isSlow, toAllowed))
  // @ts-expect-error Down is left
  joinRule("a", () => allowed.pipe(Effect.catchTag("TooSlow", toAllowed)))
  // @ts-expect-error Down is left
  joinRule("a", () => allowed.pipe(Effect.catchTags({ TooSlow: toAllowed })))
  // @ts-expect-error Down is left
  joinRule("a", () => allowed.pipe(Effect.catchIf(isSlow, toAllowed)))
})

test("what is caught wholly is gone, and its needs stay", () => {
  const all = Effect.catch(nothing, toVoid)
  const layer = Room.layer({ join, on, leave: () => all })
  expectTypeOf<typeof layer extends Layer.Layer<Room, never, infer R> ? R : "none">().toEqualTypeOf<Store>()
  expectTypeOf(make("x", { join: () => all })).toEqualTypeOf<ChannelHandler.ChannelHandler<never, Store>>()
})
