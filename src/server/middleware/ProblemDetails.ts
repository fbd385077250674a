/**
 * Problem details by RFC 9457: errors as `application/problem+json`.
 *
 * 1. `problem` makes such a response, for a `catchTag`.
 * 2. `problemDetails`, an after, gives a problem body to every error response (400 to 599) that has no body: the router's 404, an `Unauthorized`, a
 *    server's bare 500. Its headers stay. It says no more than the status says, so that nothing leaks.
 *
 * Order: the first after behind `respond()`, ahead of compression and security headers.
 *
 * @since 0.1.0
 */
import type * as Headers from "effect/http/Headers"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Problem from "effect/http/ProblemDetails"

import * as Middleware from "../Middleware.ts"
import type { Response } from "../Model.ts"

/**
 * The members of a problem. `type` is `about:blank` and `title` is the status's own phrase by default.
 *
 * @category models
 * @since 0.1.0
 */
export interface Details {
  /** The HTTP status, 400 to 599. */
  readonly status: number
  /** A URI that names the kind of problem. Default: `about:blank`. */
  readonly type?: string
  /** A short summary of the kind of problem. Default: the phrase of the status. */
  readonly title?: string
  /** What went wrong this time, for the client's developer. Default: none. */
  readonly detail?: string
  /** A URI that names this occurrence. Default: none. */
  readonly instance?: string
  /** Members of your own. */
  readonly [extension: string]: unknown
}

/**
 * A response with a problem as its body.
 *
 * **Example** (Recovering into a problem)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Pipeline } from "fairlead/server"
 * import { problem } from "fairlead/server/middleware"
 *
 * class RoomFull extends Schema.TaggedError<RoomFull>()("RoomFull", { limit: Schema.Number }) {}
 *
 * const app = Pipeline.make("rooms")
 *   .handle(Effect.fail(new RoomFull({ limit: 8 })))
 *   .catchTag("RoomFull", ({ limit }) => problem({ status: 409, title: "The room is full", limit }))
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const problem = (details: Details, options: { readonly headers?: Headers.Input } = {}): Response => {
  const { status, title = phrases[status], type = Problem.blankType, ...rest } = details
  const response = Problem.toResponse({ type, status, ...(title === undefined ? {} : { title }), ...rest })
  return options.headers === undefined ? response : HttpServerResponse.setHeaders(response, options.headers)
}

/**
 * Gives a problem body to every error response without a body.
 *
 * @category middleware
 * @since 0.1.0
 */
export const problemDetails = (): Middleware.After =>
  Middleware.after("problem-details", (response) => {
    if (response.status < 400 || response.body._tag !== "Empty") return response
    const { body } = problem({ status: response.status })
    return HttpServerResponse.setBody(response, body)
  })

// The phrases of the IANA registry of status codes, 4xx and 5xx.
const phrases: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  423: "Locked",
  424: "Failed Dependency",
  425: "Too Early",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  506: "Variant Also Negotiates",
  507: "Insufficient Storage",
  508: "Loop Detected",
  511: "Network Authentication Required"
}
