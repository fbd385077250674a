// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * No error is lost in the implementation of a service class or in the options of ready-made middleware: see hole-middleware for the table.
 */
import { Effect } from "effect"
import type { Layer } from "effect"
import type { HttpServerRequest } from "effect/http"
import { Middleware } from "fairlead/server"
import type { Unauthorized as Refused } from "fairlead/server/middleware"
import { bearer, requestId } from "fairlead/server/middleware"
import { expectTypeOf, test } from "vitest"

import { CurrentUser, Database, DatabaseDown, TooSlow } from "./middleware.test-d.ts"
import type { User } from "./middleware.test-d.ts"

type Request = HttpServerRequest.HttpServerRequest
type Six<A> = readonly [A, A, A, A, A, A]
type Fails<A> = Effect.Effect<A, TooSlow | DatabaseDown, Database>
const isSlow = (error: TooSlow | DatabaseDown): error is TooSlow => error._tag === "TooSlow"

class Slow extends Middleware.Service<Slow>()("types/hole/Slow", {
  provides: CurrentUser,
  error: TooSlow,
  requires: [Database]
}) {}
class Both extends Middleware.Service<Both>()("types/hole/Both", {
  provides: CurrentUser,
  error: [TooSlow, DatabaseDown]
}) {}

declare const user: Fails<User>
declare const text: Effect.Effect<string, TooSlow | DatabaseDown>
declare const making: Fails<User>
const toUser = (): Effect.Effect<User> => Effect.succeed({ name: "" })
const toText = () => Effect.succeed("")
const toMade = (): Effect.Effect<User> => Effect.succeed({ name: "" })

test("the layer of a service class: an Effect", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Slow.layer(Effect.catchTag(user, "TooSlow", toUser))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Slow.layer(Effect.catchTags(user, { TooSlow: toUser }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Slow.layer(Effect.catchIf(user, isSlow, toUser))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Slow.layer(user.pipe(Effect.catchTag("TooSlow", toUser)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Slow.layer(user.pipe(Effect.catchTags({ TooSlow: toUser })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Slow.layer(user.pipe(Effect.catchIf(isSlow, toUser)))
})

test("the layer of a service class: a function", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Slow.layer(() => Effect.catchTag(user, "TooSlow", toUser))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Slow.layer(() => Effect.catchTags(user, { TooSlow: toUser }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Slow.layer(() => Effect.catchIf(user, isSlow, toUser))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Slow.layer(() => user.pipe(Effect.catchTag("TooSlow", toUser)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Slow.layer(() => user.pipe(Effect.catchTags({ TooSlow: toUser })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Slow.layer(() => user.pipe(Effect.catchIf(isSlow, toUser)))
})

test("the layerEffect of a service class: its run function", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  Slow.layerEffect(Effect.void, () => Effect.catchTag(user, "TooSlow", toUser))
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  Slow.layerEffect(Effect.void, () => Effect.catchTags(user, { TooSlow: toUser }))
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  Slow.layerEffect(Effect.void, () => Effect.catchIf(user, isSlow, toUser))
  // @ts-expect-error DatabaseDown is left: piped catchTag
  Slow.layerEffect(Effect.void, () => user.pipe(Effect.catchTag("TooSlow", toUser)))
  // @ts-expect-error DatabaseDown is left: piped catchTags
  Slow.layerEffect(Effect.void, () => user.pipe(Effect.catchTags({ TooSlow: toUser })))
  // @ts-expect-error DatabaseDown is left: piped catchIf
  Slow.layerEffect(Effect.void, () => user.pipe(Effect.catchIf(isSlow, toUser)))
})

test("the layerEffect of a service class: the Effect that makes something", () => {
  const six = [
    Both.layerEffect(Effect.catchTag(making, "TooSlow", toMade), (made) => made),
    Both.layerEffect(Effect.catchTags(making, { TooSlow: toMade }), (made) => made),
    Both.layerEffect(Effect.catchIf(making, isSlow, toMade), (made) => made),
    Both.layerEffect(making.pipe(Effect.catchTag("TooSlow", toMade)), (made) => made),
    Both.layerEffect(making.pipe(Effect.catchTags({ TooSlow: toMade })), (made) => made),
    Both.layerEffect(making.pipe(Effect.catchIf(isSlow, toMade)), (made) => made)
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<Layer.Layer<Both, DatabaseDown, Database>>>()
})

test("bearer: verify", () => {
  const six = [
    bearer({ verify: () => Effect.catchTag(user, "TooSlow", toUser) }),
    bearer({ verify: () => Effect.catchTags(user, { TooSlow: toUser }) }),
    bearer({ verify: () => Effect.catchIf(user, isSlow, toUser) }),
    bearer({ verify: () => user.pipe(Effect.catchTag("TooSlow", toUser)) }),
    bearer({ verify: () => user.pipe(Effect.catchTags({ TooSlow: toUser })) }),
    bearer({ verify: () => user.pipe(Effect.catchIf(isSlow, toUser)) })
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<(request: Request) => Effect.Effect<User, Refused | DatabaseDown, Database>>>()
})

test("requestId: generate, which may not fail", () => {
  // @ts-expect-error DatabaseDown is left: data-first catchTag
  requestId({ generate: Effect.catchTag(text, "TooSlow", toText) })
  // @ts-expect-error DatabaseDown is left: data-first catchTags
  requestId({ generate: Effect.catchTags(text, { TooSlow: toText }) })
  // @ts-expect-error DatabaseDown is left: data-first catchIf
  requestId({ generate: Effect.catchIf(text, isSlow, toText) })
  // @ts-expect-error DatabaseDown is left: piped catchTag
  requestId({ generate: text.pipe(Effect.catchTag("TooSlow", toText)) })
  // @ts-expect-error DatabaseDown is left: piped catchTags
  requestId({ generate: text.pipe(Effect.catchTags({ TooSlow: toText })) })
  // @ts-expect-error DatabaseDown is left: piped catchIf
  requestId({ generate: text.pipe(Effect.catchIf(isSlow, toText)) })
})
