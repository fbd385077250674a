/**
 * The log lines of a program's start. Internal to the app part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { ServeError } from "effect/http/HttpServerError"
import type * as NetAddress from "effect/net/NetAddress"

import { isEveryAddress, urlOf } from "../Address.ts"
import type { Launched } from "../Launched.ts"

/** Logs why an application failed to start, by the loggers of the fiber. Internal to the app part. */
export const report =
  (app: string) =>
  (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
    Cause.hasInterruptsOnly(cause) ? Effect.void : Effect.logError(whyNot(app, cause))

// A typed failure says itself what to do: its stack says nothing more.
const whyNot = (app: string, cause: Cause.Cause<unknown>): unknown => {
  const error = cause.reasons.find(Cause.isFailReason)?.error
  if (error instanceof ServeError && error.cause instanceof Error) {
    return `The app "${app}" cannot listen: ${error.cause.message}. Choose another port or host, or stop the program that listens there`
  }
  return error instanceof Error && error.message !== "" ? error.message : cause
}

/** Logs where an application listens. Internal to the app part. */
export const listens = ({ address, app, listeners }: Launched["Service"]): Effect.Effect<void> =>
  address === undefined
    ? Effect.void
    : Effect.logInfo(
        [
          `The app "${app}" listens on ${placeOf(address)}`,
          ...Object.entries(listeners).map(([name, address]) => `"${name}" on ${placeOf(address)}`)
        ].join(", ")
      )

const placeOf = (address: NetAddress.SocketAddress): string =>
  `${urlOf(address)}${isEveryAddress(address) ? " (every address)" : ""}`
