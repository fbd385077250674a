/**
 * Ready-made middleware, one a file.
 *
 * @since 0.1.0
 */
export { bearer, Unauthorized } from "./Bearer.ts"
export type { Options as BearerOptions } from "./Bearer.ts"
export { problem, problemDetails } from "./ProblemDetails.ts"
export type { Details as ProblemMembers } from "./ProblemDetails.ts"
export { RequestId, requestId } from "./RequestId.ts"
export type { Options as RequestIdOptions } from "./RequestId.ts"
