/**
 * How an error answers for itself: what `respond()` does with it, and how errors and defects are logged.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"

import { originOf } from "../core/Interceptor.ts"
import type { App, Request, Response } from "./Model.ts"
import { Pass } from "./Stage.ts"

/**
 * A class of errors that is a schema: `Schema.TaggedError` or `Schema.ErrorClass`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SchemaErrorClass extends Schema.Constraint {
  new (...args: any): unknown
}

const statusOf = SchemaAST.resolveAt<number>("httpApiStatus")

/** Throws when a class cannot respond: a mistake in the program, found when the pipeline is built. */
export const checkResponds = (pipeline: string, classes: ReadonlyArray<SchemaErrorClass>): void => {
  for (const error of classes) {
    if (statusOf(error.ast) === undefined) {
      throw new TypeError(
        `Pipeline "${pipeline}": ${error.name} has no status to respond with. Annotate it: Schema.TaggedError<${error.name}>()("${error.name}", fields, { httpApiStatus: 404 })`
      )
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
  const schema: unknown = error.constructor
  if (!Schema.isSchema(schema)) return undefined
  const status = statusOf(schema.ast)
  if (status === undefined) return undefined
  return Schema.encodeUnknownEffect(schema as Schema.Codec<unknown, unknown>)(error).pipe(
    Effect.flatMap((body) => HttpServerResponse.json(body, { status })),
    Effect.orDie
  )
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
  return Effect.annotateLogs(log, { "http.method": request.method, "http.status": response.status })
}

/** Logs a defect once, at level Error, with the name of the interceptor that it came from. */
export const logDefect = (request: Request, cause: Cause.Cause<unknown>): Effect.Effect<void> => {
  const origin = originOf(cause)
  const place = origin === undefined ? "A stage" : `Stage "${origin.interceptor}" of pipeline "${origin.composite}"`
  const log = Effect.logError(`${place} died on ${describe(request)}`, cause)
  return origin === undefined
    ? log
    : Effect.annotateLogs(log, {
        ...origin.annotations,
        "fairlead.pipeline": origin.composite,
        "fairlead.stage": origin.interceptor
      })
}

const nameOf = (error: unknown): string => {
  const { _tag: tag, message } = error as { readonly _tag?: unknown; readonly message?: unknown }
  return [tag, message].filter((part) => typeof part === "string" && part !== "").join(": ")
}

// Without the query: it may hold secrets.
const describe = (request: Request): string => `${request.method} ${request.url.replace(/[?#].*$/s, "")}`
