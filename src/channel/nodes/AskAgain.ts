/**
 * Asking a broker again, where what a node knows is incomplete until it answers. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"

/** Between the attempts: 100 ms, doubled each time. A broker that restarts, or whose servers elect a leader, answers again soon. */
const pauses = Schedule.exponential("100 millis")

/** Asks up to five times, within 1.5 seconds and the time that the answers take, for as long as it is of use. */
export const askAgain = <A, E>(ask: Effect.Effect<A, E>, isOfUse: () => boolean = () => true): Effect.Effect<A, E> =>
  Effect.retry(ask, { times: 4, schedule: pauses, while: isOfUse })
