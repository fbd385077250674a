/** Effects in fibers that run at once, to where they wait. */
import { Effect } from "effect"

export const start = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.forkChild(effect, { startImmediately: true })
