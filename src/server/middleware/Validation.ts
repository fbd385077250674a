/**
 * Decodes the input of a request by schemas, and provides it with its types: body, query, headers, cookies and parameters of the path.
 *
 * **Example** (A room with a name)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { RequestInput, validation } from "fairlead/server/middleware"
 *
 * class CreateRoom extends RequestInput<CreateRoom>()("app/CreateRoom", {
 *   query: Schema.Struct({ notify: Schema.optionalKey(Schema.Literals(["yes", "no"])) }),
 *   body: Schema.Struct({ name: Schema.NonEmptyString, seats: Schema.Int })
 * }) {}
 *
 * const app = Pipeline.make("rooms")
 *   .before(validation(CreateRoom))
 *   .handle(Effect.map(CreateRoom, ({ body }) => HttpServerResponse.text(`${body.name} has ${body.seats} seats`)))
 *   .respond()
 * ```
 *
 * **Rules**
 *
 * 1. 415: the content type, its charset or its coding is not supported (RFC 9110 §15.5.16). The response says in `Accept` or `Accept-Encoding` what is.
 * 2. 400: the body is not UTF-8, not JSON, nested deeper than `maxDepth`, or no multipart form: without a boundary, cut off, or with a malformed head of a part.
 * 3. 422: a value is not as its schema demands (RFC 9110 §15.5.21). All faults of all parts are listed, each with its part, its path and the message of its schema. No value is quoted.
 * 4. Too large a body fails with the error of `bodyLimit`, 413, and never as bad JSON. A multipart form beyond `maxParts`, `maxFiles` or `maxPartBytes` does the same.
 * 5. `RequestInputError` responds as problem details (RFC 9457), with the faults in `errors`.
 *
 * A name that comes twice in the query or in a form is a list: use `Schema.ArrayEnsure` where one value is a list too. Names of headers are in lower case. Of two cookies with
 * one name the first counts. An empty body without a content type is `undefined` to its schema.
 *
 * A file of a multipart form is a `File` to the schema: `Schema.File`. Its name has no folders, and its type is the claim of the client. An input without a file has no value.
 *
 * **Order**
 *
 * A before, after `bodyLimit` and after authentication: a stranger learns nothing about the schemas. `params` needs a route of Effect's router.
 *
 * **Limits**
 *
 * Without `bodyLimit` a body may have 1 MiB. Of a body beyond 64 KiB, its files not counted, the first fault alone is listed. A multipart form is read into memory:
 * `HttpServerRequest.schemaBodyMultipart` writes larger files to disk.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpRouter from "effect/http/HttpRouter"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

import { checkOptions, nameOr } from "../../core/Options.ts"
import type { Ambient, Request } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"
import { paramsIn, queryOf } from "../RequestValues.ts"
import { bodyValue, recordOf } from "./InputBody.ts"
import type { BodyType, BodyValue } from "./InputBody.ts"
import { RequestInputError } from "./RequestInputError.ts"
import type { InputFault } from "./RequestInputError.ts"

type Texts = Readonly<Record<string, string | undefined>>
type Decoder<Encoded> = Schema.ConstraintCodec<unknown, Encoded, unknown, unknown>

/**
 * The schemas of the parts of a request.
 *
 * @category models
 * @since 0.1.0
 */
export interface InputSchemas {
  /** The parameters of the path, as the route names them. */
  readonly params?: Decoder<Texts>
  /** The query: a text for each name, or a list where the name comes more than once. */
  readonly query?: Decoder<Readonly<Record<string, string | ReadonlyArray<string> | undefined>>>
  /** The headers, by lower-case name. */
  readonly headers?: Decoder<Texts>
  /** The cookies, by name. */
  readonly cookies?: Decoder<Texts>
  /** The body: JSON, or a form as the query is. A file of a multipart form is a `File`. */
  readonly body?: Decoder<unknown>
}

/**
 * The decoded parts of a request.
 *
 * @category models
 * @since 0.1.0
 */
export type InputValues<O> = {
  readonly [K in keyof O]: O[K] extends Schema.Constraint ? O[K]["Type"] : never
}

/**
 * The class side of an input: a service key, and the schemas of the parts.
 *
 * @category models
 * @since 0.1.0
 */
export type RequestInputClass<Self, Id extends string, O extends InputSchemas> = Context.ServiceClass<
  Self,
  Id,
  InputValues<O>
> & { readonly schemas: O }

/**
 * Declares the input of a request: a service whose value has the decoded parts. `validation` provides it.
 *
 * @category constructors
 * @since 0.1.0
 */
export const RequestInput =
  <Self>() =>
  <const Id extends string, const O extends InputSchemas>(
    id: Id,
    schemas: O & KnownParts<O>
  ): RequestInputClass<Self, Id, O> => {
    const parts = Object.keys(schemas)
    const unknown = parts.find((part) => !partNames.includes(part))
    if (unknown !== undefined || parts.length === 0) {
      const fault = unknown === undefined ? "there is no schema" : `"${unknown}" is no part of a request`
      throw checkOptions("validation").invalid("schemas", `${id}: ${fault}: use ${partNames.join(", ")}`)
    }
    return Object.assign(Context.Service<Self, InputValues<O>>()(id), { schemas })
  }

const partNames: ReadonlyArray<string> = ["params", "query", "headers", "cookies", "body"]

/**
 * `unknown` when `O` has parts of a request only, else the names of the others.
 *
 * @category checks
 * @since 0.1.0
 */
export type KnownParts<O> = [keyof O] extends [keyof InputSchemas]
  ? unknown
  : { readonly [K in Exclude<keyof O, keyof InputSchemas>]: { readonly "no part of a request": K } }

/**
 * Options of `validation`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ValidationOptions {
  /**
   * The supported types of bodies: `json` is `application/json` and every `application/…+json`, `form` is `application/x-www-form-urlencoded`, `multipart` is
   * `multipart/form-data`. Default: `json`.
   */
  readonly bodyTypes?: ReadonlyArray<"json" | "form" | "multipart"> | undefined
  /** Whether keys of the body that no schema names are left out, or are faults. Names of headers, cookies and the query are never faults. Default: `ignore`. */
  readonly onExcessProperty?: "ignore" | "error" | undefined
  /** How deep JSON may be nested. Default: 64. */
  readonly maxDepth?: number | undefined
  /** How many parts a multipart form may have: fields and files. Default: 1,000. */
  readonly maxParts?: number | undefined
  /** How many of them may be files. Default: 10. */
  readonly maxFiles?: number | undefined
  /** The largest field or file of a multipart form, such as `"5 MiB"`. Default: 1 MiB. */
  readonly maxPartBytes?: ByteSize.Input | undefined
  /** How many faults the error lists. Default: 100. */
  readonly maxFaults?: number | undefined
  /** The name of the middleware. Default: `validation`. */
  readonly name?: string | undefined
}

/**
 * The errors of `validation`: a body can also be too large, or break off.
 *
 * @category models
 * @since 0.1.0
 */
export type ValidationErrors<O> = RequestInputError | ("body" extends keyof O ? HttpServerError.HttpServerError : never)

/**
 * The needs of `validation`: those of the schemas, and the route where there are parameters.
 *
 * @category models
 * @since 0.1.0
 */
export type ValidationNeeds<O> =
  | { [K in keyof O]-?: O[K] extends Schema.Constraint ? O[K]["DecodingServices"] : never }[keyof O]
  | ("params" extends keyof O ? HttpRouter.RouteContext : never)

/**
 * Decodes the input of each request, and provides it as the service `input`.
 *
 * @category middleware
 * @since 0.1.0
 */
export const validation = <I, V, O extends InputSchemas>(
  input: Context.Key<I, V> & { readonly schemas: O },
  options: ValidationOptions = {}
): Middleware.Before<Exclude<I, Ambient>, ValidationErrors<O>, Exclude<ValidationNeeds<O>, Ambient>> => {
  const name = nameOr("validation", options.name)
  const check = checkOptions(name)
  const types: ReadonlyArray<BodyType> = options.bodyTypes ?? ["json"]
  if (types.length === 0) throw check.invalid("bodyTypes", `it is empty: use "json", "form" or "multipart"`)
  for (const type of types) check.oneOf("bodyTypes", type, ["json", "form", "multipart"])
  const onExcessProperty = check.oneOf("onExcessProperty", options.onExcessProperty ?? "ignore", ["ignore", "error"])
  const maxFaults = check.integer("maxFaults", options.maxFaults ?? 100)
  const limits = {
    types,
    maxDepth: check.integer("maxDepth", options.maxDepth ?? 64),
    maxParts: check.integer("maxParts", options.maxParts ?? 1000),
    maxFiles: check.integer("maxFiles", options.maxFiles ?? 10, 0),
    maxPartBytes:
      options.maxPartBytes === undefined ? 1024 * 1024 : check.bytes("maxPartBytes", options.maxPartBytes, 0)
  }
  const { body, cookies, headers, params, query } = input.schemas

  const readers: ReadonlyArray<Part> = [
    ...partOf("params", params, () => Effect.map(Effect.context(), (context) => headValue(paramsIn(context)))),
    ...partOf("query", query, ({ url }) => Effect.sync(() => headValue(recordOf(new URLSearchParams(queryOf(url)))))),
    ...partOf("headers", headers, (request) => Effect.succeed(headValue(request.headers))),
    ...partOf("cookies", cookies, (request) => Effect.sync(() => headValue(request.cookies))),
    ...partOf("body", body, (request) => bodyValue(request, limits), onExcessProperty)
  ]

  const run = (request: Request) =>
    Effect.gen(function* () {
      const values: Record<string, unknown> = {}
      const faults: Array<InputFault> = []
      let isCut = false
      for (const { decode, part, read } of readers) {
        const { bytes, value } = yield* read(request)
        const listsAll = bytes <= maxListedBytes
        const decoded = yield* Effect.result(decode(value, listsAll ? "all" : "first"))
        if (decoded._tag === "Success") values[part] = decoded.success
        else {
          faults.push(...faultsOf(part, decoded.failure.issue, maxFaults + 1))
          isCut ||= !listsAll
        }
      }
      const [first, ...others] = faults
      if (first === undefined) return values as V
      return yield* new RequestInputError({
        reason: {
          _tag: "InvalidInput",
          faults: [first, ...others.slice(0, maxFaults - 1)],
          isCut: isCut || faults.length > maxFaults
        }
      })
    })
  return Middleware.before(name, input, run as never) as never
}

// A list of all faults costs a multiple of the decoding: a client must not buy it by megabytes.
const maxListedBytes = 64 * 1024

const headValue = (value: unknown): BodyValue => ({ value, bytes: 0 })

/** A part of the request: its reader and its decoder. */
interface Part {
  readonly part: InputFault["in"]
  readonly read: (request: Request) => Effect.Effect<BodyValue, RequestInputError | HttpServerError.HttpServerError>
  readonly decode: (value: unknown, errors: "first" | "all") => Effect.Effect<unknown, Schema.SchemaError>
}

const partOf = (
  part: Part["part"],
  schema: Schema.Constraint | undefined,
  read: Part["read"],
  onExcessProperty: "ignore" | "error" = "ignore"
): ReadonlyArray<Part> => {
  if (schema === undefined) return []
  const decode = Schema.decodeUnknownEffect(schema as Schema.Codec<unknown, unknown>)
  return [{ part, read, decode: (value, errors) => decode(value, { errors, onExcessProperty }) }]
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const faultsOf = (part: Part["part"], issue: SchemaIssue.Issue, max: number): ReadonlyArray<InputFault> =>
  format(issue)
    .issues.slice(0, max)
    .map(({ message, path = [] }) => ({ in: part, pointer: pointerOf(path), detail: message.slice(0, 500) }))

// Keys of the client can be as long as its body.
const pointerOf = (path: ReadonlyArray<unknown>): string =>
  `#${path.map((key) => `/${encodeURIComponent(stepOf(key)).replaceAll("%24", "$")}`).join("")}`

const stepOf = (key: unknown): string => {
  const step = typeof key === "object" && key !== null && "key" in key ? key.key : key
  return String(step)
    .slice(0, 100)
    .replaceAll(/\p{Surrogate}/gu, "\ufffd")
    .replaceAll("~", "~0")
    .replaceAll("/", "~1")
}
