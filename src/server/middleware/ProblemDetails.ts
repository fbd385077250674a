/**
 * Problem details by RFC 9457: every error response without a body becomes `application/problem+json`.
 *
 * **Example** (Every error as a problem)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { problemDetails } from "fairlead/server/middleware"
 *
 * const app = Pipeline.make("app").sending(problemDetails()).handle(HttpServerResponse.empty({ status: 404 }))
 * ```
 *
 * **Rules**
 *
 * 1. A response of status 400 to 599 without a body gets one: the router's 404, an `AuthenticationError`, a server's bare 500, an outer's 503.
 * 2. Its headers stay, and so does an existing body.
 * 3. It says no more than the status says, so that nothing leaks. A problem of your own is made by `ProblemDetails.toResponse` of `effect/http`.
 *
 * **Order**
 *
 * A sending stage, declared after compression and security headers, so that it runs before them.
 *
 * @since 0.1.0
 */
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Problem from "effect/http/ProblemDetails"

import { nameOr } from "../../core/Options.ts"
import * as Middleware from "../Middleware.ts"

/**
 * Options of `problemDetails`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProblemDetailsOptions {
  /** The name of the middleware. Default: `problemDetails`. */
  readonly name?: string
}

/**
 * Adds a problem body to every error response without a body.
 *
 * @category middleware
 * @since 0.1.0
 */
export const problemDetails = (options: ProblemDetailsOptions = {}): Middleware.Sending =>
  Middleware.sending(nameOr("problemDetails", options.name), (response) => {
    const { body, status } = response
    if (status < 400 || body._tag !== "Empty") return response
    const title = phrases[status]
    const problem = Problem.toResponse({ type: Problem.blankType, status, ...(title === undefined ? {} : { title }) })
    return HttpServerResponse.setBody(response, problem.body)
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
