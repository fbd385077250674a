/**
 * The options of a channel's presence, checked. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"

import { checkOptions } from "../core/Options.ts"
import type { Compiled, Handlers } from "./Definition.ts"
import type { ImplementedPresence } from "./presence/Compiled.ts"

/** The presence of an implementation; nothing where its definition declares none. */
export const implementedPresence = (
  { pattern, presence }: Compiled,
  options: Handlers["presence"]
): ImplementedPresence | undefined => {
  const check = checkOptions(pattern.text)
  if (presence === undefined) {
    if (options === undefined) return undefined
    throw check.invalid("presence", "the definition declares no presence: add `presence` to ChannelApi.make")
  }
  const { diffInterval, fetch, maxChanges, maxKeys, maxMetaBytes, window } = options ?? {}
  return {
    compiled: presence,
    limits: {
      maxKeys: check.integer("presence.maxKeys", maxKeys ?? 10),
      maxMetaBytes: maxMetaBytes === undefined ? 4096 : check.bytes("presence.maxMetaBytes", maxMetaBytes),
      maxChanges: check.integer("presence.maxChanges", maxChanges ?? 20),
      windowMillis: Duration.toMillis(check.duration("presence.window", window ?? "10 seconds"))
    },
    intervalMillis: Duration.toMillis(
      check.duration("presence.diffInterval", diffInterval ?? "100 millis", { zero: true })
    ),
    fetch
  }
}
