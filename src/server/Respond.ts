/**
 * How `respond()` turns errors into responses, and how errors and defects are logged.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as ErrorReporter from "effect/ErrorReporter"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

import { annotationsOf, causeOrigin } from "../core/CauseOrigin.ts"
import { inOneLine } from "../core/heads/OneLine.ts"
import { checkOptions } from "../core/Options.ts"
import type { App, Request, Response, SchemaErrorClass } from "./HttpTypes.ts"
import { pathOf } from "./RequestPath.ts"
import { Pass } from "./Stage.ts"

const statusOf = SchemaAST.resolveAt<number>("httpApiStatus")

/** Throws when a class cannot respond: a mistake in the program, found when the pipeline is built. */
export const checkResponds = (pipeline: string, classes: ReadonlyArray<SchemaErrorClass>): void => {
  for (const error of classes) {
    if (statusOf(error.ast) === undefined) {
      const annotated = `Schema.TaggedError<${error.name}>()("${error.name}", fields, { httpApiStatus: 404 })`
      throw checkOptions(pipeline).invalid("respond", `${error.name} has no status: annotate it, as ${annotated}`)
    }
  }
}

/** The response of an error that answers for itself, logged once; `Pass` for any other error. */
export const respondTo = (error: unknown, request: Request, cause: Cause.Cause<unknown>): App | typeof Pass => {
  const response = responseOf(error)
  return response === undefined
    ? Pass
    : Effect.tap(response, (response) => logResponded(request, response, error, cause))
}

const responseOf = (error: unknown): App | undefined => {
  if (HttpServerRespondable.isRespondable(error)) return HttpServerRespondable.toResponse(error)
  if (typeof error !== "object" || error === null) return undefined
  // A subclass made by `extend` has no status itself: the nearest class that has one decides.
  const classes = classesOf(error)
  const status = classes.map(({ ast }) => statusOf(ast)).find((status) => status !== undefined)
  if (status === undefined) return undefined
  return Schema.encodeUnknownEffect(classes[0] as unknown as Schema.Codec<unknown, unknown>)(error).pipe(
    Effect.flatMap((body) => HttpServerResponse.json(body, { status })),
    Effect.orDie
  )
}

/** The schema classes of an instance, the nearest first. */
const classesOf = (error: object): ReadonlyArray<Schema.Constraint> => {
  const classes: Array<Schema.Constraint> = []
  for (let at: object | null = Object.getPrototypeOf(error); at !== null; at = Object.getPrototypeOf(at)) {
    if (Schema.isSchema(at.constructor)) classes.push(at.constructor)
  }
  return classes
}

// The client's own mistake is one line; a failure of ours comes with its whole cause.
const logResponded = (
  request: Request,
  response: Response,
  error: unknown,
  cause: Cause.Cause<unknown>
): Effect.Effect<void> => {
  const line = `Responded ${response.status} to ${describe(request)}: ${nameOf(error)}`
  const log = response.status >= 500 ? Effect.logError(line, cause) : Effect.logInfo(line)
  return Effect.annotateLogs(log, {
    ...requestAnnotations(request),
    "http.response.status_code": response.status,
    "error.type": errorType(error)
  })
}

/** Logs a defect once, at level Error, with the name of the interceptor that it came from. */
export const logDefect = (request: Request, cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const origin = causeOrigin(cause)
  const place = origin === undefined ? "A stage" : `Stage "${origin.interceptor}" of pipeline "${origin.composite}"`
  const log = Effect.annotateLogs(
    Effect.logError(`${place} died on ${describe(request)}`, cause),
    requestAnnotations(request)
  )
  return origin === undefined ? log : Effect.annotateLogs(log, annotationsOf(origin))
}

/**
 * Logs the cause that a server turned into `response`, unless it is an interruption or marked as not worth a report, such as `RouteNotFound`.
 *
 * A defect that answers below 500, such as the schema error of an HttpApi, is the client's mistake: one line, without its stack.
 */
export const logCause = (request: Request, response: Response, cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const reason = cause.reasons.find((reason) => reason._tag !== "Interrupt")
  if (reason === undefined || !isWorthALine(cause)) return Effect.void
  if (reason._tag === "Die" && response.status >= 500) return logDefect(request, cause)
  return logResponded(request, response, reason._tag === "Die" ? reason.defect : reason.error, cause)
}

/** Whether a cause is logged: not an interruption alone, nor what is marked as not worth a report. */
export const isWorthALine = (cause: Cause.Cause<unknown>): boolean => !cause.reasons.every(isIgnored)

const isIgnored = (reason: Cause.Reason<unknown>): boolean => {
  if (reason._tag === "Interrupt") return true
  const error = reason._tag === "Die" ? reason.defect : reason.error
  return HttpServerResponse.isHttpServerResponse(error) || isMarkedIgnored(error)
}

const isMarkedIgnored = (error: unknown): boolean =>
  typeof error === "object" && error !== null && ErrorReporter.ignore in error && error[ErrorReporter.ignore] === true

const requestAnnotations = (request: Request) => ({
  "http.request.method": request.method,
  "url.path": inOneLine(pathOf(request))
})

const errorType = (error: unknown): string => {
  const { _tag: tag, name } = (error ?? {}) as { readonly _tag?: unknown; readonly name?: unknown }
  return inOneLine(typeof tag === "string" ? tag : typeof name === "string" ? name : typeof error)
}

const nameOf = (error: unknown): string => {
  const { _tag: tag, message } = (error ?? {}) as { readonly _tag?: unknown; readonly message?: unknown }
  return inOneLine([tag, message].filter((part) => typeof part === "string" && part !== "").join(": "))
}

const describe = (request: Request): string => inOneLine(`${request.method} ${pathOf(request)}`)
