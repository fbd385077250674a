/**
 * When the logical request has to be done. Internal to the client part: `timeouts` sets it, and whoever would wait asks it.
 *
 * @since 0.1.0
 */
import { cell } from "../Exchange.ts"

/** The deadline in milliseconds of the clock; none is Infinity. */
export const deadline = cell<number>("deadline", () => Number.POSITIVE_INFINITY)
