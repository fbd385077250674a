/**
 * Clients that go away before the end of the response. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import { ClientAbort } from "effect/http/HttpServerError"

import type { Request, Response } from "./HttpTypes.ts"

/** The cause of a body that the client did not read to its end. */
export const abort = Cause.annotate(Cause.interrupt(), ClientAbort.annotation)

/** Whether the client has gone away. */
export const isAborted = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some(
    (reason) =>
      Cause.reasonAnnotations(reason).mapUnsafe.has(ClientAbort.key) ||
      (reason._tag !== "Interrupt" && isPrematureClose(reason._tag === "Die" ? reason.defect : reason.error))
  )

// Node's `pipeline` fails with this code when the socket closes first.
const isPrematureClose = (error: unknown): boolean => {
  for (let at = error; typeof at === "object" && at !== null; at = (at as { readonly cause?: unknown }).cause) {
    if ((at as { readonly code?: unknown }).code === "ERR_STREAM_PREMATURE_CLOSE") return true
  }
  return false
}

/** Whether Node's response was destroyed before all of it was written: a body in memory is sent uninterruptible, so no Exit says so. */
export const hungUp = (request: Request, response: Response | undefined): boolean => {
  if (response === undefined || response.status === 101) return false
  const { resolvedResponse: sent } = request as {
    readonly resolvedResponse?: {
      readonly destroyed: boolean
      readonly writableFinished: boolean
      readonly socket?: { readonly destroyed: boolean } | null
    }
  }
  // The callback of `end` comes before the response itself is destroyed.
  return sent !== undefined && !sent.writableFinished && (sent.destroyed || sent.socket?.destroyed === true)
}
