// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * No error is lost in the implementation of a service class or in the options of ready-made middleware: see hole-middleware for the table.
 */
import { Effect } from "effect"
import type { Layer, Scope } from "effect"
import type { HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import type { RateLimiter } from "effect/persistence"
import type { Reject } from "fairlead"
import { Middleware } from "fairlead/server"
import type { AuthenticationError, IdempotencyStore } from "fairlead/server/middleware"
import { authentication, idempotencyKey, rateLimit, requestId } from "fairlead/server/middleware"
import { expectTypeOf, test } from "vitest"

import { CurrentUser, Database, DatabaseDown, TooSlow } from "../server/middleware.test-d.ts"
import type { User } from "../server/middleware.test-d.ts"
import { hole } from "./Hole.ts"

type Fails<A> = Effect.Effect<A, TooSlow | DatabaseDown, Database>

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
declare const key: Fails<string>
declare const paid: Effect.Effect<HttpServerResponse.HttpServerResponse>
declare const making: Fails<Middleware.Before<CurrentUser>>
const toUser = (): Effect.Effect<User> => Effect.succeed({ name: "" })

test("the layer of a service class: an Effect", () => {
  // @ts-expect-error DatabaseDown is left
  Slow.layer(Middleware.before("x", CurrentUser, hole(user)))
})

test("the layer of a service class: a function", () => {
  // @ts-expect-error DatabaseDown is left
  Slow.layer(Middleware.before("x", CurrentUser, () => hole(user)))
})

test("the layerEffect of a service class: its run function", () => {
  // @ts-expect-error DatabaseDown is left
  Slow.layerEffect(Effect.succeed(Middleware.before("x", CurrentUser, () => hole(user))))
  Slow.layerEffect(
    // @ts-expect-error DatabaseDown is left: data-first catchTags
    Effect.succeed(Middleware.before("x", CurrentUser, () => Effect.catchTags(user, { TooSlow: toUser })))
  )
  // @ts-expect-error DatabaseDown is left
  Slow.layerEffect(Effect.succeed(Middleware.before("x", CurrentUser, () => hole(user))))
  Slow.layerEffect(
    // @ts-expect-error DatabaseDown is left: piped catchTag
    Effect.succeed(Middleware.before("x", CurrentUser, () => user.pipe(Effect.catchTag("TooSlow", toUser))))
  )
  Slow.layerEffect(
    // @ts-expect-error DatabaseDown is left: piped catchTags
    Effect.succeed(Middleware.before("x", CurrentUser, () => user.pipe(Effect.catchTags({ TooSlow: toUser }))))
  )
  // @ts-expect-error DatabaseDown is left
  Slow.layerEffect(Effect.succeed(Middleware.before("x", CurrentUser, () => hole(user))))
})

test("the layerEffect of a service class: the Effect that makes something", () => {
  expectTypeOf(Both.layerEffect(hole(making))).toEqualTypeOf<Layer.Layer<Both, DatabaseDown, Database>>()
})

test("authentication: verify", () => {
  expectTypeOf(authentication(CurrentUser, { from: "bearer", verify: () => hole(user) })).toEqualTypeOf<
    Middleware.Before<CurrentUser, AuthenticationError | DatabaseDown, Database>
  >()
})

test("rateLimit: key", () => {
  expectTypeOf(rateLimit({ limit: 1, window: "1 second", key: () => hole(key) })).toEqualTypeOf<
    Middleware.Before<never, Reject | DatabaseDown, RateLimiter.RateLimiter | Database>
  >()
})

test("idempotencyKey: user", () => {
  expectTypeOf(idempotencyKey({ user: () => hole(key) })(paid)).toEqualTypeOf<
    Effect.Effect<
      HttpServerResponse.HttpServerResponse,
      Reject | HttpServerError.HttpServerError | DatabaseDown,
      Database | HttpServerRequest.HttpServerRequest | IdempotencyStore | Scope.Scope
    >
  >()
})

test("requestId: generate, which may not fail", () => {
  // @ts-expect-error DatabaseDown is left
  requestId({ generate: hole(text) })
})
