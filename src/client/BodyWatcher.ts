/**
 * Watchers of a response's body.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"

/**
 * How a body ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface BodyEnd {
  /** `complete`; `cancelled` by its reader; or `broken` by a failure. */
  readonly state: "complete" | "cancelled" | "broken"
  /** The bytes that were read. */
  readonly bytes: number
  /** The failure that broke it off. */
  readonly error: HttpClientError.HttpClientError | undefined
}

/**
 * Watches a body as it is read.
 *
 * @category models
 * @since 0.1.0
 */
export interface BodyWatcher {
  /**
   * Called with each piece before the reader gets it; an error that it returns breaks the body off. A reader that wants the whole body at once may make one piece of it,
   * unless `everyPiece` is set.
   */
  readonly piece?: (bytes: Uint8Array) => HttpClientError.HttpClientError | undefined
  /** Whether each piece is wanted as it comes over the network. A body whose declared length is at most 16 KiB still counts as one piece. */
  readonly everyPiece?: boolean
  /** Called once, when the body has ended. A body that nobody reads never ends. */
  readonly end?: (end: BodyEnd) => Effect.Effect<void> | undefined
}
