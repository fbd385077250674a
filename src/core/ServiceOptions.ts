/**
 * The declarations of class-tagged interceptors, in all parts.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"

import type { ErrorClass, InstanceOf, KeyId } from "./Types.ts"

type AnyKey = Context.Key<any, any>

/**
 * The declarations of a class-tagged interceptor.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServiceOptions {
  /** The service, or services, that it provides to later interceptors. Default: none. */
  readonly provides?: AnyKey | ReadonlyArray<AnyKey>
  /** The error class, or classes, that it raises. Default: none. */
  readonly error?: ErrorClass | ReadonlyArray<ErrorClass>
  /** The service, or services, that it needs of each call, where its Layer cannot have them. Default: none. */
  readonly requires?: AnyKey | ReadonlyArray<AnyKey>
}

type OptionOf<O, K extends string> = K extends keyof O ? O[K] : never
type KeysOf<K> = K extends ReadonlyArray<infer X> ? X : K

/**
 * The identifiers of the services that a class with the options `O` provides.
 *
 * @category models
 * @since 0.1.0
 */
export type ProvidesOf<O> = KeyId<KeysOf<OptionOf<O, "provides">>>

/**
 * The errors that a class with the options `O` raises.
 *
 * @category models
 * @since 0.1.0
 */
export type RaisesOf<O> = InstanceOf<OptionOf<O, "error">>

/**
 * The identifiers of the services that a class with the options `O` needs of each call.
 *
 * @category models
 * @since 0.1.0
 */
export type RequiresOf<O> = KeyId<KeysOf<OptionOf<O, "requires">>>
