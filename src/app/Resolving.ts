/**
 * Makes the instance of an attached fairing; of a class-tagged one, that of its implementation. Internal to the app part.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"

import { implementedBy } from "../core/Description.ts"
import { isEffect, isExit } from "../core/Effects.ts"
import * as Interceptor from "../core/Interceptor.ts"
import type { LayerServices } from "../core/LayerServices.ts"
import { isServiceKey } from "../core/ServiceClass.ts"
import type { Active, AnyHooks, FairingRecipe } from "./FairingRecipe.ts"
import type { FairingInfo } from "./FairingTypes.ts"
import type { AttachedFairing } from "./Steps.ts"

/** The fairing with the state of this ignition. Internal to the app part. */
export const resolve = (app: string, given: AttachedFairing, context: Context.Context<never>): Active => {
  if (!isServiceKey<FairingRecipe>(given)) {
    const { hooks, name, [Interceptor.TypeId]: info } = instanceOf(given, app, given.name)
    return { name, hooks, info: info as FairingInfo }
  }
  const { interceptor, services } = Context.getUnsafe(context as Context.Context<unknown>, given)
  const instance = instanceOf(interceptor, app, given.key)
  const implementation = instance[Interceptor.TypeId] as FairingInfo
  const info = { ...implementedBy(given[Interceptor.TypeId], implementation), name: interceptor.name }
  return { name: given.key, hooks: withServices(instance.hooks, services), info }
}

const instanceOf = (recipe: FairingRecipe, composite: string, name: string): FairingRecipe =>
  recipe.build === undefined ? recipe : (recipe.build({ composite, name }) as FairingRecipe)

/** The hooks with the services that their layer was built with. */
const withServices = (hooks: AnyHooks, services: LayerServices): AnyHooks => {
  const over =
    <Args extends ReadonlyArray<any>>(hook: (...args: Args) => unknown) =>
    (...args: Args): unknown => {
      const given = hook(...args)
      return isEffect(given) && !isExit(given) ? services.provide(given as Effect.Effect<unknown>) : given
    }
  const { onIgnite, onLiftoff, onRequest, onResponse, onShutdown, ...rest } = hooks
  return {
    ...rest,
    ...(onIgnite && { onIgnite: over(onIgnite) }),
    ...(onLiftoff && { onLiftoff: over(onLiftoff) }),
    ...(onRequest && { onRequest: over(onRequest) }),
    ...(onResponse && { onResponse: over(onResponse) }),
    ...(onShutdown && { onShutdown: over(onShutdown) })
  }
}
