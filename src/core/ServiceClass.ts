/**
 * Class-tagged interceptors of all parts: a class names one and says what it provides, raises and needs; a Layer implements it. Internal to Fairlead: each part adds
 * the types.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

import { infoOf } from "./Description.ts"
import type { InterceptorInfo } from "./Description.ts"
import * as Interceptor from "./Interceptor.ts"
import type { InterceptorKind } from "./InterceptorKind.ts"
import { refusedBy } from "./InterceptorKind.ts"
import { LayerServices } from "./LayerServices.ts"
import type { ServiceOptions } from "./ServiceOptions.ts"
import type { ErrorClass } from "./Types.ts"

/** The service of a class-tagged interceptor: its implementation, and the services of its Layer. */
export interface Implementation<V> {
  readonly interceptor: V
  readonly built: Context.Context<never>
  readonly services: LayerServices
}

const Mark: unique symbol = Symbol("fairlead/core/ServiceClass")

/** A class-tagged interceptor with its types erased. */
export interface ServiceKey<V> extends Context.Key<unknown, Implementation<V>> {
  readonly [Mark]: true
  readonly [Interceptor.TypeId]: InterceptorInfo
}

/** Whether an interceptor is a class, which is looked up, rather than a value. */
export const isServiceKey = <V>(interceptor: object): interceptor is ServiceKey<V> => Mark in interceptor

/**
 * Makes the class: a service key, an interceptor of its kind, and a maker of Layers. `X.layer(interceptor)` implements it; `X.layerEffect(effect)` implements it by
 * the interceptor that an Effect makes, once. The services that either needs are taken when the Layer is built. `members` are further properties that the part's interceptors have.
 */
export const make = (id: string, options: ServiceOptions = {}, kind: InterceptorKind, members: object = {}): any => {
  const Base: any = Context.Service<any, any>()(id)
  const [provides, requires] = [keysOf(options.provides), keysOf(options.requires)]
  const info = infoOf({
    name: id,
    service: id,
    kind: kind.kind,
    provides,
    requires,
    error: listOf(options.error).map(nameOfClass)
  })
  const ofCall = [...provides, ...requires]
  const implement = (interceptor: unknown) => {
    if (!kind.is(interceptor) || isServiceKey(interceptor)) throw refusedBy(id, "layer", kind, interceptor)
    return Effect.contextWith((built: Context.Context<never>) =>
      Effect.succeed({
        interceptor,
        built,
        services: new LayerServices(built, ofCall)
      } satisfies Implementation<unknown>)
    )
  }
  return Object.assign(Base, members, {
    [Mark]: true,
    [kind.typeId]: kind.typeId,
    [Interceptor.TypeId]: info,
    layer: (interceptor: unknown) => Layer.effect(Base, implement(interceptor)),
    layerEffect: (effect: Effect.Effect<unknown>) => Layer.effect(Base, Effect.flatMap(effect, implement))
  })
}

const listOf = <A>(given: A | ReadonlyArray<A> | undefined): ReadonlyArray<A> =>
  given === undefined ? [] : Array.isArray(given) ? given : [given as A]

const keysOf = (keys: ServiceOptions["provides"]): ReadonlyArray<string> => listOf(keys).map(({ key }) => key)

// A Schema.TaggedError says its tag; any other class has its name.
const nameOfClass = (error: ErrorClass): string => {
  const { fields, name } = error as {
    readonly fields?: { readonly _tag?: { readonly schema?: { readonly literal?: string } } }
    readonly name?: string
  }
  return fields?._tag?.schema?.literal ?? name ?? "error"
}
