/**
 * Encodes a broadcast once for each version, kind of transport, and whether it shows its position. Internal to the channel part.
 *
 * A broadcaster hands one delivery to all members in one go, so that it is enough to remember the last.
 *
 * @since 0.1.0
 */
import type { Delivery } from "../broadcaster/Contract.ts"
import { formatPosition } from "../broadcaster/Position.ts"
import type { Prepared, Transport } from "../Transport.ts"
import type { Wire } from "../wire/Message.ts"

interface Encoded {
  readonly wire: Wire
  readonly prepare: Transport["prepare"]
  readonly positioned: boolean
  readonly prepared: Prepared | undefined
}

/** The frames of the last broadcast. */
export class Fanout {
  private last: Delivery | undefined = undefined
  private encoded: Array<Encoded> = []

  /** The message ready for a transport, or nothing where the version cannot carry it. */
  prepare(delivery: Delivery, wire: Wire, transport: Transport, positioned: boolean): Prepared | undefined {
    if (delivery !== this.last) {
      this.last = delivery
      this.encoded = []
    }
    for (const present of this.encoded) {
      if (present.wire === wire && present.prepare === transport.prepare && present.positioned === positioned) {
        return present.prepared
      }
    }
    const { event, payload, position, topic } = delivery
    const shown = positioned && position !== undefined ? formatPosition(position) : undefined
    const frame = wire.broadcast(topic, event, payload, shown)
    const prepared = frame === undefined ? undefined : transport.prepare(frame)
    this.encoded.push({ wire, prepare: transport.prepare, positioned, prepared })
    return prepared
  }
}
