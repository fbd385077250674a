/**
 * Encodes a broadcast once for each version and kind of transport. Internal to the channel part.
 *
 * A broadcaster hands one message to all members in one go, so that it is enough to remember the last.
 *
 * @since 0.1.0
 */
import type { Message } from "../Broadcaster.ts"
import type { Wire } from "../wire/Message.ts"
import type { Prepared, Transport } from "./Transport.ts"

interface Encoded {
  readonly wire: Wire
  readonly prepare: Transport["prepare"]
  readonly prepared: Prepared | undefined
}

let last: Message | undefined
let encoded: Array<Encoded> = []

/** The message ready for a transport, or nothing where the version cannot carry it. */
export const prepare = (message: Message, wire: Wire, transport: Transport): Prepared | undefined => {
  if (message !== last) {
    last = message
    encoded = []
  }
  for (const present of encoded) {
    if (present.wire === wire && present.prepare === transport.prepare) return present.prepared
  }
  const frame = wire.broadcast(message.topic, message.event, message.payload)
  const prepared = frame === undefined ? undefined : transport.prepare(frame)
  encoded.push({ wire, prepare: transport.prepare, prepared })
  return prepared
}
