/** What the laws know of a part: how its interceptors, composites and builds are made. */
import { Context, Effect, Layer, Schema } from "effect"
import type { Scope } from "effect"
import type { Interceptor } from "fairlead"

import type { BuildSite } from "../../../src/core/BuildSite.ts"

export type { BuildSite } from "../../../src/core/BuildSite.ts"

/** A service that a Layer and a call may both have. */
export class Store extends Context.Service<Store, string>()("laws/Store") {}

/** A service that belongs to a call. */
export class User extends Context.Service<User, string>()("laws/User") {}

export class Down extends Schema.TaggedError<Down>()("LawsDown", {}) {}

/** A Layer with its types erased. */
export type AnyLayer = Layer.Layer<any, any, any>

export const noLayer = Layer.empty as unknown as AnyLayer

export const noServices = Context.empty() as unknown as Context.Context<any>

/** What an interceptor of the laws does at a call: a plain value, an Effect, or it throws. */
export type Run = () => unknown

/** One call of a built composite: a request, an exchange, a connect, a dial. It fails, or ends, in whatever way the part has. */
export type Call = Effect.Effect<unknown, unknown>

/** How a composite of the laws is made: the services of its calls, and the interceptors. */
interface Composed {
  readonly name: string
  readonly interceptors: ReadonlyArray<unknown>
  /** Added to the opened composite, whose result is thrown away. */
  readonly discarded?: ReadonlyArray<unknown>
  /** What each call has: from outside, from an earlier interceptor, or from the application, as the part does it. */
  readonly ofCall?: Context.Context<any>
}

/** One part. */
export interface Adapter {
  readonly part: Interceptor.Part
  /** An interceptor without state. */
  readonly make: (name: string, run: Run) => unknown
  /** An interceptor whose state is made once a build. */
  readonly stateful: (name: string, make: (site: BuildSite) => Run) => unknown
  readonly service: (id: string, options?: object) => any
  readonly composite: (composed: Composed) => any
  /** Appends one composite to another, in the parts that can. */
  readonly append?: (first: any, second: any) => any
  /** Builds a composite, with a Layer for its class-tagged interceptors. */
  readonly build: (composite: any, layer?: AnyLayer) => Effect.Effect<Call, unknown, Scope.Scope>
  /** Whether something is an interceptor of the part. */
  readonly isInterceptor: (u: unknown) => boolean
  /** Each place that takes an interceptor or a composite, by the option that a refusal of it names. The composite is called "c". */
  readonly takers: Readonly<Record<string, (given: any) => unknown>>
  /** Who hears of a defect: the part logs it where it answers for the call, or the caller gets it. */
  readonly defects: "log" | "caller"
  /** The kind that the description has. */
  readonly kind: string
  /** The ready-made interceptors by export name, with options that are valid. */
  readonly readyMade: Readonly<Record<string, (options?: any) => unknown>>
  /** Calls of factories with invalid options. */
  readonly invalid: ReadonlyArray<readonly [what: string, make: () => unknown]>
  /** A rate limit on one key for all calls; what it needs is in the Layer. */
  readonly rateLimit?: (options: { readonly limit: number; readonly window: string; readonly name?: string }) => unknown
  readonly rateLimiter?: Layer.Layer<any>
  /** Builds a composite of rate limits, when they bound something else than the call of `build`. */
  readonly buildLimited?: (composite: any, limiter: AnyLayer) => Effect.Effect<Call, unknown, Scope.Scope>
}

/** Options that no limit may have. */
export const badLimits: ReadonlyArray<number> = [Number.NaN, 0, -1, Number.POSITIVE_INFINITY]

/** Whether a call went through. */
export const passes = (call: Call): Effect.Effect<boolean> =>
  Effect.map(Effect.exit(call), ({ _tag }) => _tag === "Success")
