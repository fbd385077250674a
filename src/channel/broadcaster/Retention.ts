/**
 * How topics keep their events for members that come back.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"

import { checkOptions } from "../../core/Options.ts"

/**
 * How a topic keeps its events.
 *
 * @category models
 * @since 0.1.0
 */
export interface Retention {
  /** `recoverable` replays the events that a member missed, `cache` sends it the last event only. */
  readonly mode: "recoverable" | "cache"
  /** How many events are kept. */
  readonly maxMessages: number
  /** How long an event is kept, in milliseconds. */
  readonly timeToLiveMillis: number
  /** Whether events with a JSON object also carry their position as `recovery_id`. */
  readonly recoveryId: boolean
}

/**
 * Options of `recoverable`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RecoverableOptions {
  /** How many events of a topic are kept. Default: 100. */
  readonly maxMessages?: number
  /** How long an event is kept. Default: 2 minutes. */
  readonly timeToLive?: Duration.Input
  /** Adds the position as `recovery_id` to events with a JSON object, for clients that cannot read the sixth element of a message. Default: false. */
  readonly recoveryId?: boolean
}

/**
 * Options of `cache`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CacheOptions extends Omit<RecoverableOptions, "maxMessages"> {}

const make = (
  name: string,
  mode: Retention["mode"],
  { maxMessages, recoveryId = false, timeToLive = "2 minutes" }: RecoverableOptions
): Retention => {
  const check = checkOptions(name)
  return {
    mode,
    recoveryId,
    maxMessages: check.integer("maxMessages", maxMessages ?? 100),
    timeToLiveMillis: Duration.toMillis(check.duration("timeToLive", timeToLive))
  }
}

/**
 * Events in one total order for all members. A member that comes back gets the events that it missed, or a discontinuity.
 *
 * **Example** (A room whose last 500 messages survive a lost connection)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { ChannelApi } from "fairlead/channel"
 *
 * class Room extends ChannelApi.make("room:{id}", {
 *   outgoing: { said: Schema.Struct({ text: Schema.String }) },
 *   retention: ChannelApi.recoverable({ maxMessages: 500, timeToLive: "10 minutes" })
 * }) {}
 * ```
 *
 * @category retention
 * @since 0.1.0
 */
export const recoverable = (options: RecoverableOptions = {}): Retention => make("recoverable", "recoverable", options)

/**
 * The last event only, such as a price or a status: a member that joins with a position gets it when it has not seen it.
 *
 * @category retention
 * @since 0.1.0
 */
export const cache = (options: CacheOptions = {}): Retention => make("cache", "cache", { ...options, maxMessages: 1 })

/**
 * Events that nothing is kept of: each member gets each at most once. This is the default.
 *
 * @category retention
 * @since 0.1.0
 */
export const ephemeral: undefined = undefined
