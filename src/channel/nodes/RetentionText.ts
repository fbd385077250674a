/**
 * A retention as brokers keep it with a log: `MODE:MESSAGES:MILLIS:RECOVERY`. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type { Retention } from "../broadcaster/Retention.ts"

/** The text of a retention. */
export const textOf = ({ maxMessages, mode, recoveryId, timeToLiveMillis }: Retention): string =>
  `${mode}:${maxMessages}:${timeToLiveMillis}:${recoveryId ? 1 : 0}`

/** The retention of a text. */
export const retentionOf = (text: string): Retention => {
  const [mode, maxMessages, timeToLive, recovery] = text.split(":")
  return {
    mode: mode === "cache" ? "cache" : "recoverable",
    maxMessages: Number(maxMessages ?? 0),
    timeToLiveMillis: Number(timeToLive ?? 0),
    recoveryId: recovery === "1"
  }
}
