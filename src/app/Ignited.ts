/**
 * An application that has ignited.
 *
 * @since 0.1.0
 */
import type { FairingInfo } from "./FairingTypes.ts"
import type { Route } from "./RouteList.ts"

/** The property that ignited applications have. Internal to the app part. */
export const TypeId = "~fairlead/app/Ignited"

/**
 * An application that has ignited: its services are built, its fairings known, nothing is bound yet.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ignited {
  readonly [TypeId]: typeof TypeId
  readonly name: string
  /** The fairings in use, in order. */
  readonly fairings: ReadonlyArray<FairingInfo>
  /** The mounted routes, in order. */
  readonly routes: ReadonlyArray<Route>
}

/** Whether it has ignited. Internal to the app part. */
export const isIgnited = (app: object): app is Ignited => TypeId in app
