/**
 * Reads what a route takes from the request: its body, its path and its query, each decoded by a schema.
 *
 * Every fault becomes one `InvalidRequest` that lists all faults, each with its place as a JSON Pointer (RFC 6901).
 */
import { Effect, SchemaIssue } from "effect"
import type { Schema } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import type { HttpServerError } from "effect/http"

import { BodyTooLarge, InvalidRequest, limits } from "./Domain.ts"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const pointer = (path: ReadonlyArray<unknown>): string =>
  path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")

const invalid = (place: "body" | "path" | "query") => (error: Schema.SchemaError) =>
  new InvalidRequest({
    in: place,
    errors: format(error.issue).issues.map(({ message, path = [] }) => ({
      path: pointer(path.map((key) => (typeof key === "object" ? key.key : key))),
      message
    }))
  })

const unreadable = (error: HttpServerError.HttpServerError): BodyTooLarge | InvalidRequest => {
  const { reason } = error
  if (reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge") {
    return new BodyTooLarge({ limit: limits.body })
  }
  const message = reason.cause instanceof SyntaxError ? `Expected JSON: ${reason.cause.message}` : "Expected JSON"
  return new InvalidRequest({ in: "body", errors: [{ path: "", message }] })
}

/** The request's JSON body. */
export const body = <A, I>(schema: Schema.Codec<A, I>) =>
  HttpServerRequest.schemaBodyJson(schema, { errors: "all" }).pipe(
    Effect.catchTags({
      SchemaError: (error) => Effect.fail(invalid("body")(error)),
      HttpServerError: (error) => Effect.fail(unreadable(error))
    })
  )

/** The parameters in the request's path. */
export const path = <A, I extends Readonly<Record<string, string | undefined>>>(schema: Schema.Codec<A, I>) =>
  HttpRouter.schemaPathParams(schema, { errors: "all" }).pipe(Effect.mapError(invalid("path")))

/** The parameters in the request's query. */
export const query = <A, I extends Readonly<Record<string, string | ReadonlyArray<string> | undefined>>>(
  schema: Schema.Codec<A, I>
) => HttpServerRequest.schemaSearchParams(schema, { errors: "all" }).pipe(Effect.mapError(invalid("query")))
