/**
 * Interceptors and composites as data.
 *
 * @since 0.1.0
 */

import type * as Context from "effect/Context"

/**
 * The property that holds the description.
 *
 * @category type IDs
 * @since 0.1.0
 */
export const TypeId = "~fairlead/Interceptor"

/**
 * The five interception points of Fairlead.
 *
 * @category models
 * @since 0.1.0
 */
export type Part = "server" | "app" | "client" | "channel" | "endpoint"

/**
 * One interceptor of a composite, as data, for drawings and inspectors.
 *
 * @category models
 * @since 0.1.0
 */
export interface InterceptorInfo {
  /** Its name. A class-tagged interceptor has the id of its class, until its implementation is known. */
  readonly name: string
  /** The id of its class, for a class-tagged interceptor. */
  readonly service?: string
  /** Which of its part's kinds it is, such as `before` or `outer`. */
  readonly kind: string
  /** The services it provides to later interceptors, by key. */
  readonly provides: ReadonlyArray<string>
  /** The errors that it declares to raise, by tag or class name. */
  readonly error: ReadonlyArray<string>
  /** The services that it declares to need of each call, by key. */
  readonly requires: ReadonlyArray<string>
  /** The error tags it recovers; `*` means all. */
  readonly recovers: ReadonlyArray<string>
  /** The interceptors inside it, when it is itself a composite. */
  readonly inner: ReadonlyArray<InterceptorInfo>
}

/**
 * A composite, as data: its interceptors in the order in which they run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Description {
  readonly part: Part
  readonly name: string
  readonly interceptors: ReadonlyArray<InterceptorInfo>
}

/** The description of an interceptor; omitted lists are empty. Internal to Fairlead. */
export const infoOf = (info: Pick<InterceptorInfo, "name" | "kind"> & Partial<InterceptorInfo>): InterceptorInfo => ({
  provides: [],
  error: [],
  requires: [],
  recovers: [],
  inner: [],
  ...info
})

/** The description of a class-tagged interceptor whose implementation is known: all that the implementation shows, with the declarations of the class. Internal to Fairlead. */
export const implementedBy = <D extends InterceptorInfo>(declared: InterceptorInfo, implementation: D): D => {
  const { error, provides, requires, service } = declared
  return { ...implementation, ...(service !== undefined && { service }), provides, error, requires }
}

/** A description that shows the implementations in a context, at any depth. Internal to Fairlead. */
export const withImplementations = <D extends InterceptorInfo | Description>(
  described: D,
  services: Context.Context<never>
): D =>
  "interceptors" in described
    ? { ...described, interceptors: described.interceptors.map((info) => implemented(info, services)) }
    : { ...described, ...implemented(described, services) }

const implemented = (info: InterceptorInfo, services: Context.Context<never>): InterceptorInfo => {
  const found = info.service === undefined ? undefined : services.mapUnsafe.get(info.service)
  const shown = isImplementation(found) ? implementedBy(info, found.interceptor[TypeId]) : info
  return { ...shown, inner: shown.inner.map((inner) => implemented(inner, services)) }
}

const isImplementation = (u: unknown): u is { readonly interceptor: { readonly [TypeId]: InterceptorInfo } } =>
  typeof u === "object" &&
  u !== null &&
  "interceptor" in u &&
  typeof u.interceptor === "object" &&
  u.interceptor !== null &&
  TypeId in u.interceptor
