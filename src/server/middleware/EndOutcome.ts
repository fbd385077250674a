/**
 * How a response ended, for logs and metrics: a response that was cut was no success. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"

import { tagOf } from "../../core/Watch.ts"
import type { ResponseEnd } from "../MiddlewareTypes.ts"

/** The outcome of a response. */
export interface EndOutcome {
  /** The status that was sent; 499 when the client cut the response, and 500 when its body failed. */
  readonly status: number
  /** The status as text from 500 on and for 499, or the tag of the error that ended the body. */
  readonly errorType: string | undefined
}

/** The outcome of a response by the `Exit` of its body. */
export const outcomeOf = (exit: Exit.Exit<void, unknown>, { aborted, status }: ResponseEnd): EndOutcome => {
  if (aborted) return { status: 499, errorType: "499" }
  if (Exit.isFailure(exit) && status < 400) {
    const failure = exit.cause.reasons.find(Cause.isFailReason)
    return { status: 500, errorType: (failure && tagOf(failure.error)) ?? "500" }
  }
  return { status, errorType: status >= 500 ? String(status) : undefined }
}
