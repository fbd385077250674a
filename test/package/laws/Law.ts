/** What a law is, and what laws are made of. */
import { Effect } from "effect"
import type { Context, Scope } from "effect"
import { Interceptor, Probe } from "fairlead"

import { passes } from "./Adapter.ts"
import type { Adapter, AnyLayer } from "./Adapter.ts"

/** A law. */
export interface Law {
  readonly name: string
  /** The parts that it says nothing about. */
  readonly except?: ReadonlyArray<Interceptor.Part>
  readonly holds: (part: Adapter) => Effect.Effect<void, unknown, Scope.Scope>
}

/** The interceptors of a composite, as data. */
export const infosOf = (composite: any): ReadonlyArray<Interceptor.InterceptorInfo> =>
  Interceptor.describe<Interceptor.Description>(composite).interceptors

/** What a function throws. */
export const faultOf = (make: () => unknown): unknown => {
  try {
    make()
  } catch (error) {
    return error
  }
  return "nothing was thrown"
}

/** Runs a composite of one interceptor once, and returns the journal that its run wrote. */
export const journalOf = (part: Adapter, interceptor: unknown, layer?: AnyLayer, ofCall?: Context.Context<any>) =>
  Effect.gen(function* () {
    const composed = part.composite({ name: "c", interceptors: [interceptor], ...(ofCall && { ofCall }) })
    return yield* passes(yield* part.build(composed, layer))
  })

/** Collects the events of the Probe and the log lines while an Effect runs. */
export const watching = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const events: Array<Probe.Event> = []
    const result = yield* Effect.exit(
      Effect.provideService(effect, Probe.Probe, { report: (event) => void events.push(event) })
    )
    return { events, result }
  })

let classes = 0

/** A new class-tagged interceptor. */
export const serviceOf = (part: Adapter, options?: object) =>
  part.service(`laws/${part.part}/Service${++classes}`, options)
