/**
 * Whether something is middleware, and of which kind.
 *
 * @since 0.1.0
 */
import type { After, Before, Ended, Outer, Pair, Sending } from "./MiddlewareTypes.ts"
import { kinds } from "./MiddlewareValue.ts"

/**
 * Whether something is a before.
 *
 * @category guards
 * @since 0.1.0
 */
export const isBefore = (u: unknown): u is Before<unknown, unknown, unknown> => kinds.before.is(u)

/**
 * Whether something is an after.
 *
 * @category guards
 * @since 0.1.0
 */
export const isAfter = (u: unknown): u is After<unknown, unknown> => kinds.after.is(u)

/**
 * Whether something is a pair.
 *
 * @category guards
 * @since 0.1.0
 */
export const isPair = (u: unknown): u is Pair<unknown, unknown, unknown, unknown> => kinds.pair.is(u)

/**
 * Whether something is an outer.
 *
 * @category guards
 * @since 0.1.0
 */
export const isOuter = (u: unknown): u is Outer<unknown, unknown, unknown> => kinds.outer.is(u)

/**
 * Whether something is a sending stage.
 *
 * @category guards
 * @since 0.1.0
 */
export const isSending = (u: unknown): u is Sending<unknown> => kinds.sending.is(u)

/**
 * Whether something is an observer of the end of responses.
 *
 * @category guards
 * @since 0.1.0
 */
export const isEnded = (u: unknown): u is Ended<unknown> => kinds.ended.is(u)
