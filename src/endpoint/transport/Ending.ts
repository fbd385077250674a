/**
 * The end of a connection, for its listeners: `onEnd` of every transport. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import type { CloseReason } from "../EndpointConnection.ts"

/** The end of a connection; the first one counts. */
export class Ending {
  private readonly listeners = new Set<(reason: CloseReason) => void>()
  reason: CloseReason | undefined

  /** Returns whether this was the end. `endStreams` runs before the listeners, so that no listener finds a stream that can still be used. */
  end(reason: CloseReason, endStreams?: () => void): boolean {
    if (this.reason !== undefined) return false
    this.reason = reason
    endStreams?.()
    for (const listener of this.listeners) listener(reason)
    this.listeners.clear()
    return true
  }

  readonly onEnd = (listener: (reason: CloseReason) => void): (() => void) => {
    if (this.reason === undefined) this.listeners.add(listener)
    else listener(this.reason)
    return () => {
      this.listeners.delete(listener)
    }
  }
}
