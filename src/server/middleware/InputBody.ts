/**
 * Reads the body of a request as the value that a schema decodes: JSON, a form or a multipart form, by its content type. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import { MaxBodySize } from "effect/http/HttpIncomingMessage"
import type * as HttpServerError from "effect/http/HttpServerError"

import { readJson } from "../../core/heads/BoundedJson.ts"
import type { JsonFault } from "../../core/heads/BoundedJson.ts"
import { digits, trimBlanks } from "../../core/heads/FieldValues.ts"
import type { Request } from "../HttpTypes.ts"
import { bodyTooLarge } from "../ViewedRequest.ts"
import { readMultipart } from "./MultipartBody.ts"
import type { MultipartLimits } from "./MultipartBody.ts"
import { RequestInputError } from "./RequestInputError.ts"

/** A kind of body. */
export type BodyType = "json" | "form" | "multipart"

/** The supported kinds of bodies, and their limits. */
export interface BodyOptions extends MultipartLimits {
  readonly types: ReadonlyArray<BodyType>
  readonly maxDepth: number
}

const mediaTypes = {
  json: "application/json",
  form: "application/x-www-form-urlencoded",
  multipart: "multipart/form-data"
} as const

// RFC 9110 §8.3.1. One parameter is enough: a second one, or a malformed one, is not supported.
const contentType =
  /^([\w!#$&^.+-]+\/[\w!#$&^.+-]+)[ \t]*(?:;[ \t]*charset=(?:"(utf-?8|us-ascii)"|(utf-?8|us-ascii)))?[ \t]*;?$/i

const typeOf = (field: string): BodyType | undefined => {
  // A longer field is no type that is supported here.
  if (field.length > 256) return undefined
  // The reader of the form judges its parameters.
  if (/^[ \t]*multipart\/form-data[ \t]*(?:;|$)/i.test(field)) return "multipart"
  const type = contentType.exec(trimBlanks(field))?.[1]?.toLowerCase()
  if (type === undefined) return undefined
  if (type === mediaTypes.form) return "form"
  return type === mediaTypes.json || (type.startsWith("application/") && type.endsWith("+json")) ? "json" : undefined
}

const malformed = (detail: string) => new RequestInputError({ reason: { _tag: "MalformedBody", detail } })

/** Says where the fault is, without a quote from the body: it may be a secret. */
const jsonDetail = (fault: JsonFault, maxDepth: number): string => {
  if ("deeperAt" in fault) return `The body is nested more than ${maxDepth} deep at character ${fault.deeperAt}`
  const place = /at position (\d+)/.exec(fault.message)?.[1]
  return `The body is not JSON${place === undefined ? "" : `: see character ${place}`}`
}

/** Values by name; a name that comes more than once has a list. */
export const recordOf = <V>(pairs: Iterable<readonly [string, V]>): Record<string, V | ReadonlyArray<V>> => {
  const lists = new Map<string, Array<V>>()
  for (const [name, value] of pairs) {
    const list = lists.get(name)
    if (list === undefined) lists.set(name, [value])
    else list.push(value)
  }
  return Object.fromEntries(Array.from(lists, ([name, list]) => [name, list.length === 1 ? list[0]! : list]))
}

const formOf = (text: string) => recordOf(new URLSearchParams(text.replace(/^\?/, "%3F")))

// Without a limit outside, a body may have 1 MiB.
const bytesOf = (request: Request): Effect.Effect<ArrayBuffer, HttpServerError.HttpServerError> =>
  Effect.flatMap(MaxBodySize, (outer) =>
    outer === undefined
      ? Effect.provideService(request.arrayBuffer, MaxBodySize, ByteSize.bytes(1024 * 1024))
      : request.arrayBuffer
  )

/** A body as a value, and the bytes that a schema walks through: those of files are left out. */
export interface BodyValue {
  readonly value: unknown
  readonly bytes: number
}

/** The value of the body; an empty body without a content type is `undefined`. */
export const bodyValue = (
  request: Request,
  { maxDepth, types, ...limits }: BodyOptions
): Effect.Effect<BodyValue, RequestInputError | HttpServerError.HttpServerError> => {
  const { headers } = request
  const unsupported = (of: "type" | "coding", detail: string) => {
    const supported = of === "type" ? types.map((type) => mediaTypes[type]) : ["identity"]
    return Effect.fail(new RequestInputError({ reason: { _tag: "UnsupportedContent", of, detail, supported } }))
  }
  const field = headers["content-type"]
  const type = field === undefined ? undefined : typeOf(field)
  const supported = types.map((type) => mediaTypes[type]).join(" or ")
  if (field !== undefined && (type === undefined || !types.includes(type))) {
    return unsupported("type", `The content type is not supported: send ${supported}`)
  }
  if (type === undefined && (digits(headers["content-length"] ?? "") ?? 0) > 0) {
    return unsupported("type", `The body has no content type: send ${supported}`)
  }
  // `HttpMiddleware.decompression` takes the header away.
  if (!/^(?:identity)?$/i.test(trimBlanks(headers["content-encoding"] ?? ""))) {
    return unsupported("coding", "The content coding is not supported: send the body as it is")
  }
  type Read = Effect.Effect<BodyValue, RequestInputError | HttpServerError.HttpServerError>
  const formValue = (buffer: ArrayBuffer, contentType: string): Read => {
    const form = readMultipart(new Uint8Array(buffer), contentType, limits)
    if ("pairs" in form) {
      return Effect.succeed({ value: recordOf(form.pairs), bytes: buffer.byteLength - form.fileBytes })
    }
    const { detail, kind } = form
    if (kind === "malformed") return Effect.fail(malformed(detail))
    if (kind === "tooLarge") return Effect.fail(bodyTooLarge(request, detail))
    return unsupported(kind === "charset" ? "type" : "coding", detail)
  }
  return Effect.flatMap(bytesOf(request), (buffer): Read => {
    const bytes = buffer.byteLength
    if (type === undefined) {
      return bytes === 0
        ? Effect.succeed({ value: undefined, bytes })
        : unsupported("type", `The body has no content type: send ${supported}`)
    }
    if (type === "multipart") return formValue(buffer, field!)
    let text: string
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(buffer)
    } catch {
      return Effect.fail(malformed("The body is not UTF-8"))
    }
    if (type === "form") return Effect.succeed({ value: formOf(text), bytes })
    if (text === "") return Effect.fail(malformed("The body is empty: send JSON"))
    const read = readJson(text, maxDepth)
    return "value" in read
      ? Effect.succeed({ value: read.value, bytes })
      : Effect.fail(malformed(jsonDetail(read.fault, maxDepth)))
  })
}
