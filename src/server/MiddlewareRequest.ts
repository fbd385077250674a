/**
 * Befores that change the request and set references with it, in one stage. Internal to the server part.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

import { cast } from "../core/Composite.ts"
import { interceptorOf } from "../core/InterceptorKind.ts"
import type { Request } from "./HttpTypes.ts"
import * as Middleware from "./Middleware.ts"
import type { Before } from "./MiddlewareTypes.ts"
import { kinds } from "./MiddlewareValue.ts"
import type { BeforeValue } from "./MiddlewareValue.ts"
import * as Stage from "./Stage.ts"

/** A before that returns a Context: the changed request, and references that later stages read. */
export const changing = <E = never, R = never>(
  name: string,
  run: (request: Request) => Context.Context<never> | Effect.Effect<Context.Context<never>, E, R>
): Before<never, E, R> => {
  const stage = Stage.make("before", name, run, { key: Stage.ManyKeys, info: { kind: "request", provides: [] } })
  return cast(interceptorOf(kinds.before, { name, stage }, stage.info) satisfies BeforeValue)
}

/** Middleware with state in a shared store, whose keys begin with `storeKey`: two with one name and one such key in a pipeline are refused. */
export const stored = <M extends Middleware.AnyMiddleware>(
  storeKey: string,
  make: (site: Middleware.BuildSite) => M
): M => Object.assign(Middleware.stateful(make), { storeKey })
