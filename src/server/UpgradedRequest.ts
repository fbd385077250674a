/**
 * Requests that became sockets. Internal to the server part.
 *
 * @since 0.1.0
 */
import type { Request, Response } from "./HttpTypes.ts"

/** The response of a request that became a socket, where the platform keeps one. */
export const upgradeOf = (request: Request): Response | undefined =>
  (request as { readonly upgradedResponse?: Response | undefined }).upgradedResponse

/** Whether the request has become a socket. */
export const isUpgraded = (request: Request): boolean => upgradeOf(request) !== undefined
