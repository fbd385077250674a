/**
 * The code that a peer gets at an end. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"

import { Reject } from "../../core/Reject.ts"
import type { CloseCode } from "../CloseCode.ts"
import { make } from "../CloseCode.ts"
import { Rejected } from "../EndpointError.ts"

/** The code of an end without a reason. */
export const zero: CloseCode = make(0)

/** The code of a `Reject`: its own, or its HTTP status. */
export const codeOfReject = ({ closeCode, status }: Reject): CloseCode => make(closeCode ?? status)

/** The `Reject` that a cause holds. */
const rejectOf = (cause: Cause.Cause<unknown>): Reject | undefined => {
  const error = cause.reasons.find(Cause.isFailReason)?.error
  if (error instanceof Reject) return error
  return error instanceof Rejected ? error.reject : undefined
}

/** The code with which something ends that failed. */
export const codeOf = (cause: Cause.Cause<unknown>): CloseCode => {
  const reject = rejectOf(cause)
  return reject === undefined ? zero : codeOfReject(reject)
}
