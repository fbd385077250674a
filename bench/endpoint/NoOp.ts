/**
 * Endpoint hooks that do nothing, in each form: at `beforeConnect` and at `afterHandshake`.
 *
 * `freshCopies` loads this module once for each hook, because in an application every hook is a separate function.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

const nothing = (): Promise<void> => Promise.resolve()

export const before = (): void => {}
export const after = (): void => {}
export const beforeExit = (): Exit.Exit<void> => Exit.void
export const afterExit = (): Exit.Exit<void> => Exit.void
export const beforeSync = (): Effect.Effect<void> => Effect.sync(() => {})
export const afterSync = (): Effect.Effect<void> => Effect.sync(() => {})
export const beforeSuspending = (): Effect.Effect<void> => Effect.promise(nothing)
export const afterSuspending = (): Effect.Effect<void> => Effect.promise(nothing)
