/**
 * The end of a connection, for its listeners: `onEnd` of every transport. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import * as Exit from "effect/Exit"

import { outsideError } from "../../core/OutsideError.ts"
import type { CloseReason } from "../EndpointConnection.ts"
import { ConnectionEnded, StreamError } from "../EndpointError.ts"

/** The parts were checked when they were made. */
const unchecked = { disableChecks: true } as const

/** The end of a connection; the first one counts. */
export class Ending {
  private readonly listeners = new Set<(reason: CloseReason) => void>()
  reason: CloseReason | undefined
  private failed: Exit.Exit<never, StreamError> | undefined

  /** The failure of those who wait for a stream: made once, when the first of them looks for it. */
  get failure(): Exit.Exit<never, StreamError> | undefined {
    const { reason } = this
    if (reason === undefined) return undefined
    return (this.failed ??= Exit.fail(
      outsideError(() => new StreamError({ reason: new ConnectionEnded({ closeReason: reason }) }, unchecked))
    ))
  }

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
