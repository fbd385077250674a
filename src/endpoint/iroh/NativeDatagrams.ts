/**
 * The datagrams of a native connection. Internal to the iroh transport.
 *
 * @since 0.1.0
 */
import type * as Iroh from "@number0/iroh"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { DatagramError, DatagramTooLarge } from "../Datagrams.ts"
import type { DatagramChannel } from "../Datagrams.ts"
import type { CloseReason } from "../EndpointConnection.ts"
import { ConnectionEnded } from "../EndpointError.ts"
import type { Carrier } from "./NativeStream.ts"
import { outstanding } from "./Outstanding.ts"

const failed = (reason: DatagramError["reason"]) => Exit.fail(new DatagramError({ reason }))

/** Its datagrams; `over` is how the connection has ended. */
export const datagrams = (
  native: Iroh.Connection,
  carrier: Carrier,
  over: () => Promise<CloseReason>
): DatagramChannel => ({
  get maxSize() {
    return native.maxDatagramSize() ?? 0
  },
  send(bytes) {
    return Effect.suspend(() => {
      if (carrier.ended !== undefined) return failed(new ConnectionEnded({ closeReason: carrier.ended }))
      const size = bytes.length
      if (size > this.maxSize) return failed(new DatagramTooLarge({ size, maxSize: this.maxSize }))
      try {
        native.sendDatagram(Array.from(bytes))
      } catch {
        // The size was right: the connection has ended, and will say how.
        return Effect.flatMap(Effect.promise(over), (closeReason) => failed(new ConnectionEnded({ closeReason })))
      }
      carrier.bytesSent += size
      return Effect.void
    })
  },
  receive: outstanding<Uint8Array, DatagramError>((done) => {
    native.readDatagram().then(
      (bytes) => {
        carrier.bytesReceived += bytes.length
        done(Exit.succeed(Uint8Array.from(bytes)))
      },
      () => void over().then((closeReason) => done(failed(new ConnectionEnded({ closeReason }))))
    )
  }, "one").next
})
