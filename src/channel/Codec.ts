/**
 * Payloads between the wire and the program. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"

import { isExit } from "../core/Effects.ts"
import type { Payload } from "./Payload.ts"

/**
 * A payload that travels as bytes. The bytes a handler gets are a view of the received frame.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Binary: Schema.Codec<Uint8Array> = Schema.declare(
  (input): input is Uint8Array => input instanceof Uint8Array,
  {
    expected: "a binary payload"
  }
)

/**
 * Any payload as it came: JSON or bytes.
 *
 * @category schemas
 * @since 0.1.0
 */
export const AnyPayload: Schema.Codec<Payload> = Schema.declare((_input): _input is Payload => true)

/** Makes values of payloads, and payloads of values. */
export interface PayloadCodec {
  readonly decode: (payload: Payload) => Effect.Effect<unknown, SchemaIssue.Issue, any>
  readonly encode: (value: any) => Effect.Effect<Payload, SchemaIssue.Issue, any>
}

const empty: Payload = {}

/** The codec without a schema: any payload is accepted and ignored, and `{}` is sent. */
const nothing: PayloadCodec = { decode: () => Effect.void, encode: () => Effect.succeed(empty) }

const asIs: PayloadCodec = { decode: Effect.succeed, encode: Effect.succeed }

const allFaults: SchemaAST.ParseOptions = { errors: "all" }

/** How many parts a payload may have for all its faults to be found: each costs a hundred times what its bytes cost to parse. */
const maxParts = 256

/** Subtracts the parts of a value from `left`, and stops counting at 0. */
const partsLeft = (value: Schema.Json, left: number): number => {
  if (typeof value !== "object" || value === null) return left - 1
  for (const part of Array.isArray(value) ? value : Object.values(value)) {
    if (left <= 0) break
    left = partsLeft(part, left)
  }
  return left - 1
}

/** The codec of a schema: that of its JSON form, except for `Binary` and `AnyPayload`. */
export const of = (schema: Schema.Constraint | undefined): PayloadCodec => {
  if (schema === undefined) return nothing
  if (schema === AnyPayload) return asIs
  if (schema === Binary) return { decode: SchemaParser.decodeUnknownEffect(Binary), encode: Effect.succeed }
  const json = Schema.toCodecJson(schema)
  const decode = SchemaParser.decodeUnknownEffect(json)
  return {
    decode(payload) {
      if (payload instanceof Uint8Array) return Effect.fail(unexpectedBytes(payload))
      const decoded = decode(payload)
      const isWrong = isExit(decoded) && Exit.isFailure(decoded)
      // Most payloads are right: only a wrong one is read again, to report all of its faults.
      return isWrong && partsLeft(payload, maxParts) > 0 ? decode(payload, allFaults) : decoded
    },
    encode: SchemaParser.encodeUnknownEffect(json) as PayloadCodec["encode"]
  }
}

const unexpectedBytes = (bytes: Uint8Array) =>
  new SchemaIssue.InvalidValue({ expected: "JSON, not a binary payload" }, Option.some(bytes))
