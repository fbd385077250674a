/**
 * The further listeners of an application, with their routes. Internal to the app part.
 *
 * @since 0.1.0
 */
import type * as Layer from "effect/Layer"

import type { Handler } from "./Host.ts"
import type { Route } from "./RouteList.ts"

/** A further listener of an ignited application. Internal to the app part. */
export interface Listener {
  readonly name: string
  /** Where it listens: the options of the host, or an Effect of them. */
  readonly options: unknown
  readonly handler: Handler
  readonly routes: ReadonlyArray<Route>
}

/** Routes, and where they are mounted. Internal to the app part. */
export interface Mounted {
  readonly routes: Layer.Layer<never, unknown>
  readonly listener: string | undefined
  readonly duringLiftoff: boolean
}
