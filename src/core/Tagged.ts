/**
 * Class-tagged interceptors: a class that names one, whose implementation is a Layer. Internal to Fairlead: each part gives them their types.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

/** What the layer of a class-tagged interceptor provides: the interceptor, and what it needs. */
export interface Implementation<A> {
  readonly interceptor: A
  readonly built: Context.Context<never>
}

const Mark: unique symbol = Symbol("fairlead/core/Tagged")

/** The class side: a service key, and a maker of layers. What the interceptor needs is taken when its layer is built. */
export const make = (id: string): any => {
  const Base: any = Context.Service<any, any>()(id)
  return Object.assign(Base, {
    [Mark]: id,
    layer: (interceptor: unknown) =>
      Layer.effect(
        Base,
        Effect.contextWith((built: Context.Context<never>) =>
          Effect.succeed({ interceptor, built } satisfies Implementation<unknown>)
        )
      )
  })
}

/** The name of a class-tagged interceptor; nothing for one that is a value. */
export const nameOf = (interceptor: object): string | undefined => (interceptor as { readonly [Mark]?: string })[Mark]
