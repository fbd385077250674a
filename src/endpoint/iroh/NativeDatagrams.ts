/**
 * The datagrams of a native connection. Internal to the iroh transport.
 *
 * @since 0.1.0
 */
import type * as Iroh from "@number0/iroh"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { DatagramError, DatagramTooLarge } from "../Datagrams.ts"
import type { Channel } from "../Datagrams.ts"
import { ConnectionEnded } from "../Errors.ts"
import type { CloseReason } from "../Errors.ts"
import type { Carrier } from "./NativeStream.ts"
import { Outstanding } from "./Outstanding.ts"

const failed = (reason: DatagramError["reason"]) => Exit.fail(new DatagramError({ reason }))

/** Its datagrams; `over` is how the connection has ended. */
export const datagrams = (native: Iroh.Connection, carrier: Carrier, over: Promise<CloseReason>): Channel => ({
  get maxSize() {
    return native.maxDatagramSize() ?? 0
  },
  send(bytes) {
    return Effect.suspend(() => {
      if (carrier.ended !== undefined) return failed(new ConnectionEnded({ how: carrier.ended }))
      const size = bytes.length
      if (size > this.maxSize) return failed(new DatagramTooLarge({ size, maxSize: this.maxSize }))
      try {
        native.sendDatagram(Array.from(bytes))
      } catch {
        // The size was right: the connection has ended, and will say how.
        return Effect.flatMap(
          Effect.promise(() => over),
          (how) => failed(new ConnectionEnded({ how }))
        )
      }
      carrier.bytesSent += size
      return Effect.void
    })
  },
  receive: new Outstanding<Uint8Array, DatagramError>(
    () =>
      native.readDatagram().then(
        (bytes) => {
          carrier.bytesReceived += bytes.length
          return Exit.succeed(Uint8Array.from(bytes))
        },
        async () => failed(new ConnectionEnded({ how: await over }))
      ),
    "one"
  ).take
})
