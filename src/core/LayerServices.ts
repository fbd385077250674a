/**
 * Whose service wins where a class-tagged interceptor runs. Internal to Fairlead.
 *
 * 1. Where the implementation's Layer and the call both have a service, the Layer's wins: nothing in a call can shadow a verifier or a store.
 * 2. The call's win where they are ambient (logger, tracer, span, clock, scope …), where the interceptor declares them as `requires` or `provides`, and where its part adds them for each call.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

// Effect's References of a fiber, the scope, and the services of a request. A context knows its keys as texts only.
const ambient =
  /^(?:effect\/(?:Clock|Console|ErrorReporter|ExecutionPlan|Layer\/CurrentMemoMap|Logger|Metric|Random|References|Schedule|Scheduler|Scope|Tracer)(?:\/|$)|effect\/http\/(?:HttpServerRequest|HttpRouter\/RouteContext|ParsedSearchParams)$|fairlead\/(?:core\/)?(?:Probe|Shutdown)(?:\/|$))/

/** Whether a key is the call's, whoever built what. */
export const isAmbient = (key: string): boolean => ambient.test(key)

/** The services that a Layer was built with. */
export class LayerServices {
  private readonly own: ReadonlyArray<readonly [key: string, service: unknown]>

  /** `ofCall` are further keys of the call, in addition to the ambient ones. */
  constructor(built: Context.Context<never>, ofCall: ReadonlyArray<string>) {
    this.own = Array.from(built.mapUnsafe).filter(([key]) => !isAmbient(key) && !ofCall.includes(key))
  }

  /** The call's context, with the services of the Layer on top. */
  over(call: Context.Context<never>): Context.Context<never> {
    const { mapUnsafe } = call
    let changed: Map<string, unknown> | undefined
    for (const [key, service] of this.own) {
      if (mapUnsafe.get(key) !== service) (changed ??= new Map(mapUnsafe)).set(key, service)
    }
    return changed === undefined ? call : Context.makeUnsafe(changed)
  }

  /** Runs an effect of the implementation. */
  provide<A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return this.own.length === 0
      ? effect
      : Effect.updateContext(effect, (call: Context.Context<never>) => this.over(call))
  }

  /**
   * Restores the call's services for an inner effect of one that `provide` runs, such as the app that an around wraps. Additions of the implementation,
   * such as a span, stay.
   */
  restore<A, E>(call: Context.Context<never>, inside: Effect.Effect<A, E>): Effect.Effect<A, E> {
    if (this.own.length === 0) return inside
    return Effect.updateContext(inside, (now: Context.Context<never>) => {
      const restored = new Map(now.mapUnsafe)
      for (const [key, service] of this.own) {
        if (restored.get(key) !== service) continue
        if (call.mapUnsafe.has(key)) restored.set(key, call.mapUnsafe.get(key))
        else restored.delete(key)
      }
      return Context.makeUnsafe(restored)
    })
  }
}
