/**
 * An outer that also changes every response, or observes its end: one middleware for work that begins before the handler and ends with the response. Internal to the
 * server part.
 *
 * @since 0.1.0
 */
import { cast } from "../core/Composite.ts"
import type { Recipe } from "../core/Composite.ts"
import { interceptorOf } from "../core/InterceptorKind.ts"
import type { Outer } from "./MiddlewareTypes.ts"
import { kinds } from "./MiddlewareValue.ts"
import type { OuterValue } from "./MiddlewareValue.ts"

/** The outer of these parts. `sending` has the place of the outer among the sending stages, and `ended` likewise. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller names the needs
export const outerWith = <R = never>(name: string, parts: Omit<OuterValue, keyof Recipe>): Outer<never, never, R> => {
  const value: OuterValue = interceptorOf(kinds.outer, { name, ...parts })
  return cast(value)
}
