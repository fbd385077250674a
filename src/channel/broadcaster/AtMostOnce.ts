/**
 * Publishing whose outcome nobody waits for. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import type { BroadcasterUnavailable } from "./Contract.ts"
import type { Position } from "./Position.ts"

/** Publishes; a failure is logged, and the publisher does not see it. */
export const atMostOnce = <R>(
  published: Effect.Effect<Position | undefined, BroadcasterUnavailable, R>
): Effect.Effect<void, never, R> =>
  Exit.isExit(published) && Exit.isSuccess(published)
    ? Effect.void
    : Effect.catch(Effect.asVoid(published), (unavailable) => Effect.logWarning(unavailable.message, unavailable))
