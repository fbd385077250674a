/**
 * Which failures may pass by themselves, judged alike by `retry`, `hedge` and `circuitBreaker`.
 *
 * @since 0.1.0
 */
import * as HttpClientError from "effect/http/HttpClientError"

import { isCausedBy, isOfCertificate } from "./Causes.ts"
import type { ErrorDetails } from "./Causes.ts"
import { HttpTimeout } from "./HttpTimeout.ts"

// Decisions of this side do not change by waiting: those of the guard and the bounds of `fairlead/client/node`, of a chain below a follow-up, and of TLS about a certificate.
const decisions = new Set<unknown>(["SsrfError", "FollowUpError", "HeadersTooLarge", "ProxyError"])

const isDecision = (error: ErrorDetails): boolean => decisions.has(error._tag) || isOfCertificate(error)

/** Whether an error says that the same request may succeed at another time. */
export const isTransient = (error: unknown): boolean =>
  HttpClientError.isHttpClientError(error)
    ? error.reason._tag === "TransportError" && !isCausedBy(error.reason.cause, isDecision)
    : error instanceof HttpTimeout && error.phase !== "total"

/** The statuses of a server that fails. */
export const failingStatuses: ReadonlySet<number> = new Set([500, 502, 503, 504])
