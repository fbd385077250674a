/**
 * What is behind the types of middleware: the run-time values that the constructors make and the builder reads. Internal to the server part.
 *
 * @since 0.1.0
 */
import type { App } from "./Model.ts"
import type { Stage } from "./Stage.ts"

/** A before: one stage, or several for a group. */
export interface BeforeValue {
  readonly stages: ReadonlyArray<Stage>
}

/** An after. */
export interface AfterValue {
  readonly stage: Stage
}

/** A pair: it makes its two stages when it is linked, for the slot that holds what its before gives. */
export interface PairValue {
  readonly link: (slot: number) => { readonly before: Stage; readonly after: Stage }
}

/** An outer. */
export interface OuterValue {
  readonly name: string
  readonly wrap: (app: App) => App
  readonly key: string | undefined
}

const AroundName: unique symbol = Symbol.for("fairlead/server/Middleware/around")

/** Names an around. */
export const nameAround = <F extends (app: never) => unknown>(name: string, wrap: F): F =>
  Object.assign(wrap, { [AroundName]: name })

/** The name of an around: its own, else that of the function. */
export const aroundName = (wrap: Function): string =>
  (wrap as { readonly [AroundName]?: string })[AroundName] ?? (wrap.name === "" ? "around" : wrap.name)
