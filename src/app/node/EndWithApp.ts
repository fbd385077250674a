/**
 * Ends `Layer.launch(NodeApp.launch(app))` when the application has stopped. Internal to the app part.
 *
 * `Layer.launch` waits for ever after the build, and a layer cannot end it. So the fiber that built the layer is interrupted, unless it uses the service
 * `Launched`: such a program decides for itself when it ends.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

import type { Launched } from "../Launched.ts"

/** The service of a launched application, whose end ends the fiber, unless somebody uses the service. Internal to the app part. */
export const endWithApp = (launched: Launched["Service"]): Effect.Effect<Launched["Service"], never, Scope.Scope> =>
  Effect.withFiber((fiber) => {
    let used = false
    const end = Effect.andThen(
      launched.stopped,
      Effect.sync(() => {
        if (!used) fiber.interruptUnsafe()
      })
    )
    const noting = new Proxy(launched, {
      get(target, property, receiver) {
        used = true
        return Reflect.get(target, property, receiver) as unknown
      }
    })
    return Effect.as(Effect.forkScoped(end), noting)
  })
