/**
 * The ids of requests, for middleware that runs outside of `requestId`. Internal to the server part.
 *
 * @since 0.1.0
 */
import type { Request } from "./HttpTypes.ts"

/** By the request of the platform, which all views of a request share. */
const ids = new WeakMap<object, string>()

/** Notes the id of a request. */
export const noteRequestId = ({ source }: Request, id: string): void => void ids.set(source, id)

/** The id that `requestId` found or made. */
export const requestIdOf = ({ source }: Request): string | undefined => ids.get(source)
