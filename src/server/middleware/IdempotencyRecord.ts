/**
 * The record of an idempotent request, and the failure of its store. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const Recorded = Schema.Struct({
  status: Schema.Number,
  headers: Schema.Record(Schema.String, Schema.String),
  /** In base64. */
  body: Schema.String
})

/**
 * A recorded response.
 *
 * @category models
 * @since 0.1.0
 */
export type RecordedResponse = typeof Recorded.Type

const Record = Schema.Struct({
  /** Who holds the key, until there is a response. */
  owner: Schema.String,
  /** The digest of the request. */
  fingerprint: Schema.String,
  response: Schema.optionalKey(Recorded)
})

/**
 * The state of a key: an owner at work, or a response.
 *
 * @category models
 * @since 0.1.0
 */
export type IdempotencyRecord = typeof Record.Type

/**
 * The store failed.
 *
 * @category errors
 * @since 0.1.0
 */
export class IdempotencyError extends Schema.TaggedError<IdempotencyError>(
  "fairlead/server/middleware/IdempotencyError"
)("IdempotencyError", { cause: Schema.Defect() }) {
  override get message(): string {
    return "The store of idempotency keys failed: look at its connection"
  }
}

/** A record as the JSON text of a store. */
export const encodeRecord = Schema.encodeSync(Schema.fromJsonString(Record))

/** The record of a JSON text. */
export const decodeRecord = Schema.decodeEffect(Schema.fromJsonString(Record))
