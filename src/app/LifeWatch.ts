/**
 * Reports an application to the `Probe`. Internal to the app part.
 *
 * 1. The life is one flow, from the ignition to the end of the shutdown: its ignite, liftoff and shutdown hooks are the interceptors in it.
 * 2. Each request is a separate flow, so that its spans stay in the trace of its client: its request and response hooks are the interceptors in it. It ends with the
 *    request's scope.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as HttpServerRequest from "effect/http/HttpServerRequest"

import type { CauseOrigin } from "../core/CauseOrigin.ts"
import type * as Probe from "../core/Probe.ts"
import { Watch } from "../core/Watch.ts"
import { pathOf } from "../server/RequestPath.ts"
import type { Active } from "./FairingRecipe.ts"
import type { Kind } from "./FairingTypes.ts"

/** Where an application is in its life. */
type LifePhase = "ignite" | "liftoff" | "serve" | "shutdown"

/** Reports the life of one application. */
export class LifeWatch {
  /** The watch of a life that begins, opened; nothing when no probe listens. */
  static open(fiber: Fiber.Fiber<any, any>, app: string): LifeWatch | undefined {
    const life: LifeWatch = new LifeWatch()
    const watch = Watch.of(fiber, "app", app, () => ({ "fairlead.app.phase": life.phase }))
    if (watch === undefined) return undefined
    life.watch = watch
    watch.open()
    return life
  }

  /** Where the life is. */
  phase: LifePhase = "ignite"
  watch: Watch | undefined = undefined

  close(exit: Exit.Exit<unknown, unknown>): void {
    this.watch?.close(exit)
  }
}

/** The watch of a request's flow. */
export const RequestWatch = Context.Reference<Watch | undefined>("fairlead/app/RequestWatch", {
  defaultValue: () => undefined
})

/** The watch of a request; nothing when no probe listens. */
export const watchRequest = (fiber: Fiber.Fiber<any, any>, app: string): Watch | undefined =>
  Watch.of(fiber, "app", app, (): Probe.Subject => {
    const request = Context.getOrUndefined(fiber.context, HttpServerRequest.HttpServerRequest)
    if (request === undefined) return {}
    return { "http.request.method": request.method, "url.path": pathOf(request) }
  })

/** Where a defect of a fairing's hook comes from. */
export const originOf = (app: string, fairing: string, phase: LifePhase): CauseOrigin["Service"] => ({
  part: "app",
  composite: app,
  interceptor: fairing,
  annotations: { "fairlead.app": app, "fairlead.fairing": fairing, "fairlead.app.phase": phase }
})

/** Calls a hook, between two reports when somebody listens. */
export const callHook = (
  watch: Watch | undefined,
  { index, name }: Pick<Active, "name" | "index">,
  kind: Kind,
  call: () => unknown
): unknown =>
  watch === undefined ? call() : watch.around(name, kind, call, undefined, index === undefined ? {} : { index })
