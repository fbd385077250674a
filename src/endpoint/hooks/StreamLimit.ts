/**
 * Bounds the streams of each connection.
 *
 * **Example** (Ten at a time)
 *
 * ```ts
 * import { HookChain } from "fairlead/endpoint"
 * import { streamLimit } from "fairlead/endpoint/hooks"
 *
 * const chain = HookChain.make("peers").use(streamLimit({ maxStreams: 10 }))
 * ```
 *
 * Rules:
 *
 * 1. A stream counts from its opening, or from when it arrives, until its scope ends. One too many is rejected with 429: the connection lives on.
 *
 * Order: after the lists, before hooks that cost more.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import * as Held from "../../core/Held.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import type { ConnectionInfo } from "../EndpointConnection.ts"
import * as EndpointHooks from "../EndpointHooks.ts"

/**
 * Options of `streamLimit`.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamLimitOptions {
  /** Its name. Default: `streamLimit`. */
  readonly name?: string
  /** The most open streams of a connection, of both kinds and directions. Default: 100. */
  readonly maxStreams?: number
}

/**
 * Bounds the streams of each connection.
 *
 * @category hooks
 * @since 0.1.0
 */
export const streamLimit = (options: StreamLimitOptions = {}): EndpointHooks.EndpointHooks => {
  const { maxStreams = 100 } = options
  const name = nameOr("streamLimit", options.name)
  checkOptions(name).maximum("maxStreams", maxStreams, 0)
  return EndpointHooks.make(name, () => {
    const counts = new Map<ConnectionInfo, number>()
    return {
      onStreamOpen: (_: EndpointHooks.StreamInfo, connection: ConnectionInfo) =>
        Effect.asVoid(
          Held.scoped(
            () => {
              const count = counts.get(connection) ?? 0
              if (count >= maxStreams) return Exit.fail(new Reject({ reason: "too many streams", status: 429 }))
              counts.set(connection, count + 1)
              return Exit.void
            },
            () => {
              const count = counts.get(connection)! - 1
              if (count === 0) counts.delete(connection)
              else counts.set(connection, count)
            }
          )
        )
    }
  })
}
