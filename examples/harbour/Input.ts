/**
 * Reads what a route takes from the request: its body, its path and its query, each decoded by a schema.
 *
 * Every fault becomes one `InvalidRequest` that lists all faults, each with its place as a JSON Pointer (RFC 6901).
 */
import { Effect, Schema, SchemaIssue } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import type { HttpServerError } from "effect/http"

import { InvalidRequest } from "./Domain.ts"

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

// The pipeline responds to a too large body: it set the limit.
const unreadable = (error: HttpServerError.HttpServerError): HttpServerError.HttpServerError | InvalidRequest => {
  const { reason } = error
  return reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge" ? error : noJson(reason.cause)
}

const noJson = (cause: unknown): InvalidRequest => {
  const message =
    cause instanceof SyntaxError
      ? `Expected JSON: ${cause.message}`
      : cause instanceof TypeError
        ? "Expected JSON in UTF-8"
        : "Expected JSON"
  return new InvalidRequest({ in: "body", errors: [{ path: "", message }] })
}

/** The request's JSON body. Bytes outside UTF-8 are rejected: decoding would store other words than were sent. */
export const body = <A, I>(schema: Schema.Codec<A, I>) =>
  Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const bytes = yield* Effect.mapError(request.arrayBuffer, unreadable)
    const json = yield* Effect.try({ try: () => parse(bytes), catch: noJson })
    return yield* Effect.mapError(Schema.decodeUnknownEffect(schema, { errors: "all" })(json), invalid("body"))
  })

const utf8 = new TextDecoder("utf-8", { fatal: true })

const parse = (bytes: ArrayBuffer): unknown => JSON.parse(utf8.decode(bytes))

/** The parameters in the request's path. */
export const path = <A, I extends Readonly<Record<string, string | undefined>>>(schema: Schema.Codec<A, I>) =>
  HttpRouter.schemaPathParams(schema, { errors: "all" }).pipe(Effect.mapError(invalid("path")))

/** The parameters in the request's query. */
export const query = <A, I extends Readonly<Record<string, string | ReadonlyArray<string> | undefined>>>(
  schema: Schema.Codec<A, I>
) => HttpServerRequest.schemaSearchParams(schema, { errors: "all" }).pipe(Effect.mapError(invalid("query")))
