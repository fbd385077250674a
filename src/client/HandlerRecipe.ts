/**
 * Client handlers with their types erased. Internal to the client part.
 *
 * @since 0.1.0
 */
import type * as Option from "effect/Option"

import type { BuildSite } from "../core/BuildSite.ts"
import type { Recipe } from "../core/Composite.ts"
import { interceptorOf, kindOf } from "../core/InterceptorKind.ts"
import type { Exchange, Outcome } from "./Exchange.ts"
import { TypeId } from "./HandlerTypeId.ts"

/** Client handlers at run time. */
export const handlerKind = kindOf({
  part: "client",
  typeId: TypeId,
  kind: "handler",
  maker: "ClientHandler.make"
})

/** The methods of a handler. */
export interface HandlerMethods {
  readonly once?: ((exchange: Exchange) => unknown) | undefined
  readonly run?: ((exchange: Exchange) => unknown) | undefined
  readonly afterResponse?:
    | ((outcome: Outcome, exchange: Exchange, state: Option.Option<unknown>) => unknown)
    | undefined
}

/** Catches failures on the way back. */
export interface Recovery {
  readonly matches: (error: unknown) => boolean
  readonly recover: (error: unknown, exchange: Exchange) => unknown
}

/** A handler, or a recovery, in a chain. */
export interface HandlerRecipe extends Recipe, HandlerMethods {
  readonly build?: (site: BuildSite) => unknown
  readonly recovery?: Recovery | undefined
}

/** A handler with its types erased; `storeKey` and its name are the key of its state in a shared store. Internal to the client part. */
export const recipeOf = (
  name: string,
  methods: HandlerMethods | ((site: BuildSite) => HandlerMethods),
  storeKey: string | undefined
): HandlerRecipe => {
  const stored = storeKey === undefined ? {} : { storeKey }
  if (typeof methods !== "function") {
    const { afterResponse, once, run } = methods
    return interceptorOf(handlerKind, { name, once, run, afterResponse, ...stored })
  }
  const build = (site: BuildSite) => recipeOf(name, methods(site), undefined)
  return interceptorOf(handlerKind, { name, build, ...stored })
}
