/**
 * Fairings with their types erased. Internal to the app part.
 *
 * @since 0.1.0
 */
import type { BuildSite } from "../core/BuildSite.ts"
import { cast } from "../core/Composite.ts"
import type { Recipe } from "../core/Composite.ts"
import { interceptorOf, kindOf } from "../core/InterceptorKind.ts"
import { TypeId } from "./FairingTypes.ts"
import type { FairingInfo, Hooks, Kind } from "./FairingTypes.ts"
import type { Handler } from "./Host.ts"

/** The kind of fairings, known at run time. Internal to the app part. */
export const kind = kindOf({ part: "app", typeId: TypeId, kind: "fairing", maker: "Fairing.make" })

/** The hooks of a fairing with their types erased. Internal to the app part. */
export interface AnyHooks extends Hooks<unknown, unknown, unknown, unknown, unknown> {
  /** Puts server middleware around what answers requests. */
  readonly middleware?: (handler: Handler) => Handler
}

/** A fairing with its types erased. Internal to the app part. */
export interface FairingRecipe extends Recipe {
  readonly [TypeId]: unknown
  readonly hooks: AnyHooks
}

/** A fairing of an application that ignites. Internal to the app part. */
export interface Active {
  /** Its name in logs and keys: a class-tagged fairing has the id of its class. */
  readonly name: string
  readonly info: FairingInfo
  readonly hooks: AnyHooks
  /** Its place in the description; nothing when a fairing has attached it. */
  readonly index?: number
}

/** A fairing of these hooks; one with a `build` makes its hooks once for each ignition. Internal to the app part. */
export const fairingOf = (name: string, hooks: AnyHooks, build?: (site: BuildSite) => unknown): FairingRecipe => {
  const kinds = kindsOf(hooks)
  const { singleton } = hooks
  const info = { kind: ["fairing", ...kinds].join(" "), kinds, ...(singleton === undefined ? {} : { singleton }) }
  return cast(interceptorOf(kind, { name, hooks, ...(build && { build }) }, info))
}

const kindsOf = (hooks: AnyHooks): ReadonlyArray<Kind> => {
  const kinds: ReadonlyArray<readonly [Kind, unknown]> = [
    ["ignite", hooks.onIgnite],
    ["liftoff", hooks.onLiftoff],
    ["request", hooks.onRequest],
    ["middleware", hooks.middleware],
    ["response", hooks.onResponse],
    ["shutdown", hooks.onShutdown]
  ]
  return kinds.filter(([, hook]) => hook !== undefined).map(([kind]) => kind)
}
