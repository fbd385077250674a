/**
 * The failure of a store of responses.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A store of responses failed. A cache goes on without it, unless its option `onStoreError` is `fail`.
 *
 * @category errors
 * @since 0.1.0
 */
export class CacheStoreError extends Schema.TaggedError<CacheStoreError>()("CacheStoreError", {
  reason: Schema.Union([
    Schema.TaggedStruct("ReadFailed", { cause: Schema.Defect() }),
    Schema.TaggedStruct("WriteFailed", { cause: Schema.Defect() }),
    Schema.TaggedStruct("EntryDamaged", { url: Schema.String })
  ])
}) {
  override get message(): string {
    const { _tag } = this.reason
    if (_tag === "EntryDamaged")
      return "The stored body is damaged: the entry is removed, and the response is fetched again"
    return `The cache store could not be ${_tag === "ReadFailed" ? "read" : "written"}: look at the cause, and at the store's connection`
  }
}

/** The body of an entry is gone, or is not as long as its head says. */
export const damaged = (url: string): CacheStoreError => new CacheStoreError({ reason: { _tag: "EntryDamaged", url } })

/** The store could not be read, or not in time. */
export const readFailed = (cause: unknown): CacheStoreError =>
  new CacheStoreError({ reason: { _tag: "ReadFailed", cause } })

/** The store could not be written, or not in time. */
export const writeFailed = (cause: unknown): CacheStoreError =>
  new CacheStoreError({ reason: { _tag: "WriteFailed", cause } })
