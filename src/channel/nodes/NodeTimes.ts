/**
 * The times that every engine of several nodes has as options. Internal to the engines.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"

import type { checkOptions } from "../../core/Options.ts"

/** The options of an engine that are times. */
export interface NodeTimesOptions {
  readonly connectTimeout?: Duration.Input | undefined
  readonly commandTimeout?: Duration.Input | undefined
  readonly checkInterval?: Duration.Input | undefined
  readonly keep?: Duration.Input | undefined
  readonly lease?: Duration.Input | undefined
  readonly heartbeat?: Duration.Input | undefined
}

/** Checks the times of an engine, and fills in the defaults. */
export const nodeTimes = (check: ReturnType<typeof checkOptions>, options: NodeTimesOptions) => {
  const millis = (option: keyof NodeTimesOptions, preset: Duration.Input): number =>
    Duration.toMillis(check.duration(option, options[option] ?? preset))
  const heartbeatMillis = millis("heartbeat", "3 seconds")
  const leaseMillis = millis("lease", "10 seconds")
  if (leaseMillis <= heartbeatMillis)
    throw check.invalid("lease", "a lease is longer than the heartbeat that renews it")
  return {
    heartbeatMillis,
    leaseMillis,
    connectTimeout: check.duration("connectTimeout", options.connectTimeout ?? "5 seconds"),
    commandTimeout: check.duration("commandTimeout", options.commandTimeout ?? "2 seconds"),
    checkIntervalMillis: millis("checkInterval", "10 seconds"),
    keepMillis: millis("keep", "1 day")
  }
}

const own = globalThis.crypto.randomUUID().replaceAll("-", "").slice(0, 16)
let count = 0

/** An epoch, incarnation or id that no other has, in this process or another. */
export const unique = (): string => `${own}${(++count).toString(36)}`
