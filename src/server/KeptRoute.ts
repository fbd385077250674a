/**
 * The route that Effect's router took, kept where the app around it runs with other services or in another fiber. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

import type { Response } from "./HttpTypes.ts"
import { Route } from "./RequestState.ts"

/** Changes an app, such as its services or its fiber, and keeps the route that the router left in the fiber's context for the stages around it. */
export const keepingRoute = <E, R, E2, R2>(
  app: Effect.Effect<Response, E, R>,
  change: (app: Effect.Effect<Response, E, R>) => Effect.Effect<Response, E2, R2>
): Effect.Effect<Response, E2, R2> =>
  Effect.withFiber((fiber) => {
    let route: unknown
    const noted = Effect.withFiber((inner) =>
      Effect.onExitPrimitive(app, () => {
        route = Context.getOrUndefined(inner.context, Route)
        return undefined
      })
    )
    return Effect.onExitPrimitive(change(noted), () => {
      if (route !== undefined) fiber.setContext(Context.addUnsafe(fiber.context, Route.key, route))
      return undefined
    })
  })
