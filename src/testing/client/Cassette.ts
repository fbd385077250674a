/**
 * The file of recorded interactions: JSON that people read, and whose changes show as a diff of lines.
 *
 * A JSON body is stored as JSON if its bytes can be restored from it, other text as lines, everything else as lines of Base64.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

import { jsonOf, textOf } from "./Difference.ts"
import { joined } from "./SentRequest.ts"

const Lines = Schema.Union([Schema.String, Schema.Array(Schema.String)])

const Body = Schema.Struct({
  json: Schema.optionalKey(Schema.Unknown),
  text: Schema.optionalKey(Lines),
  base64: Schema.optionalKey(Lines),
  /** The sizes of the chunks in which it came, where there were several. */
  chunks: Schema.optionalKey(Schema.Array(Schema.Int)),
  /** Why the body broke off after these bytes. */
  broken: Schema.optionalKey(Schema.String)
})

const HeaderLines = Schema.Record(Schema.String, Lines)

const RequestEntry = Schema.Struct({
  method: Schema.String,
  url: Schema.String,
  headers: HeaderLines,
  body: Schema.optionalKey(Body)
})

const ResponseEntry = Schema.Struct({
  status: Schema.Int.check(Schema.isBetween({ minimum: 200, maximum: 599 })),
  /** Where it came from, when the transport followed redirects. */
  url: Schema.optionalKey(Schema.String),
  headers: HeaderLines,
  body: Schema.optionalKey(Body)
})

const FailureEntry = Schema.Struct({
  description: Schema.optionalKey(Schema.String),
  /** The message of the underlying error; its code, such as `ECONNRESET`, is in `code`. */
  cause: Schema.optionalKey(Schema.String),
  code: Schema.optionalKey(Schema.String)
})

const Interaction = Schema.Struct({
  request: RequestEntry,
  response: Schema.optionalKey(ResponseEntry),
  failure: Schema.optionalKey(FailureEntry)
})

const Cassette = Schema.Struct({
  cassette: Schema.Literal(1),
  interactions: Schema.Array(Interaction)
})

const CassetteText = Schema.fromJsonString(Cassette)

/** A request, and the response or the failure of the network. */
export type Interaction = typeof Interaction.Type

/** A body as it is written down. */
export type BodyEntry = typeof Body.Type

const Reason = Schema.Union([
  Schema.TaggedStruct("CassetteMissing", {}),
  Schema.TaggedStruct("CassetteUnreadable", {}),
  Schema.TaggedStruct("StorageError", {}),
  Schema.TaggedStruct("UnmatchedRequest", {}),
  Schema.TaggedStruct("UnusedInteractions", {})
])

/** Why a cassette failed. */
export type CassetteReason = (typeof Reason.Type)["_tag"]

/**
 * A cassette cannot be used: no cassette has this name (`CassetteMissing`), its text is no cassette (`CassetteUnreadable`), its store failed (`StorageError`), it does not
 * have the request (`UnmatchedRequest`), or interactions of it were not asked for (`UnusedInteractions`).
 *
 * @category errors
 * @since 0.1.0
 */
export class CassetteError extends Schema.TaggedError<CassetteError>()("CassetteError", {
  reason: Reason,
  cassette: Schema.String,
  description: Schema.String
}) {
  override get message(): string {
    return `Cassette ${JSON.stringify(this.cassette)}: ${this.description}`
  }
}

/** The error of a cassette. */
export const cassetteError = (reason: CassetteReason, cassette: string, description: string): CassetteError =>
  new CassetteError({ reason: { _tag: reason }, cassette, description })

/** The cassette as text. */
export const print = (interactions: ReadonlyArray<Interaction>): string =>
  `${JSON.stringify({ cassette: 1, interactions }, undefined, 2)}\n`

/** The interactions of a cassette's text. */
export const parse = (cassette: string, text: string): Effect.Effect<ReadonlyArray<Interaction>, CassetteError> => {
  const unreadable = (why: unknown) => {
    const description = `not a cassette of version 1: ${why instanceof Error ? why.message : String(why)}`
    return cassetteError("CassetteUnreadable", cassette, description)
  }
  return Schema.decodeEffect(CassetteText)(text).pipe(
    Effect.mapError(unreadable),
    Effect.map(({ interactions }) => interactions),
    Effect.tap((interactions) => Effect.try({ try: () => interactions.forEach(readable), catch: unreadable }))
  )
}

const readable = ({ failure, request, response }: Interaction): void => {
  if ((response === undefined) === (failure === undefined)) {
    throw new Error(`${request.method} ${request.url} needs a response or a failure`)
  }
  bytesOf(request.body)
  bytesOf(response?.body)
}

/** Header lines by name, in the order of their names; a list where a name comes more than once. */
export const headerEntries = (
  pairs: ReadonlyArray<readonly [string, string]>
): Readonly<Record<string, string | ReadonlyArray<string>>> => {
  const lines = new Map<string, Array<string>>()
  for (const [name, value] of pairs) lines.set(name, [...(lines.get(name) ?? []), value])
  const sorted = [...lines].toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(sorted.map(([name, values]) => [name, values.length === 1 ? values[0]! : values]))
}

/** The pairs of header lines. */
export const headerPairs = (
  headers: Readonly<Record<string, string | ReadonlyArray<string>>>
): ReadonlyArray<readonly [string, string]> =>
  Object.entries(headers).flatMap(([name, values]) => listOf(values).map((value) => [name, value] as const))

/** The chunks of a body as they are written down; nothing where the body is empty and whole. */
export const bodyEntry = (chunks: ReadonlyArray<Uint8Array>, broken?: string): BodyEntry | undefined => {
  const bytes = joined(chunks)
  if (bytes.length === 0 && broken === undefined) return undefined
  return {
    ...contentEntry(bytes),
    ...(chunks.length > 1 ? { chunks: chunks.map(({ length }) => length) } : {}),
    ...(broken === undefined ? {} : { broken })
  }
}

const contentEntry = (bytes: Uint8Array): BodyEntry => {
  const text = textOf(bytes)
  if (text === undefined) return { base64: asLines(Base64.encode(bytes), /.{1,76}/g) }
  const json = jsonOf(text)
  if (json !== undefined && JSON.stringify(json.value) === text) return { json: json.value }
  return { text: asLines(text, /[^\n]*\n|[^\n]+/g) }
}

const asLines = (text: string, line: RegExp): string | ReadonlyArray<string> => {
  const lines = text.match(line) ?? []
  return lines.length > 1 ? lines : text
}

const listOf = (value: string | ReadonlyArray<string>): ReadonlyArray<string> =>
  typeof value === "string" ? [value] : value

/** The bytes of a body that was written down. */
export const bytesOf = (body: BodyEntry | undefined): Uint8Array => {
  if (body === undefined) return new Uint8Array()
  if (body.base64 !== undefined) {
    return Result.getOrThrow(Base64.decode(listOf(body.base64).join("")))
  }
  const text = "json" in body ? JSON.stringify(body.json) : listOf(body.text ?? "").join("")
  return new TextEncoder().encode(text)
}

/** The chunks of a body that was written down: those in which it came, as long as their sizes fit its bytes. */
export const chunksOf = (body: BodyEntry | undefined): ReadonlyArray<Uint8Array> => {
  const bytes = bytesOf(body)
  const sizes = body?.chunks ?? []
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (sizes.length === 0 || total !== bytes.length) return bytes.length === 0 ? [] : [bytes]
  let at = 0
  return sizes.map((size) => bytes.slice(at, (at += size)))
}
