/**
 * What waits for a slow reader, within bounds. Internal to the channel part.
 *
 * 1. While the peer takes what it is sent, messages go straight to the transport.
 * 2. Else they wait here. Beyond `maxMessages` or `maxBytes` the policy decides: the oldest or the newest push or broadcast is dropped, or the socket is closed.
 * 3. Replies and the protocol's own messages are never dropped: where only they are left, the socket is closed.
 *
 * @since 0.1.0
 */
import type { Prepared, Transport } from "./Transport.ts"

/** What happens to a slow reader. */
export interface SlowReader {
  /** How many messages wait. */
  readonly maxMessages: number
  /** How many bytes wait; of a text its length. */
  readonly maxBytes: number
  readonly policy: "close" | "drop-oldest" | "drop-newest"
  /** Told of every message that is dropped, and of a close. */
  readonly onOverflow: (dropped: number, closes: boolean) => void
}

interface Waiting {
  readonly prepared: Prepared
  readonly droppable: boolean
}

interface Owner {
  /** Closes the socket. */
  readonly overflow: () => void
}

/** What waits for one client. */
export class Outbox {
  private readonly transport: Transport
  private readonly limits: SlowReader
  private readonly owner: Owner
  private waiting: Array<Waiting> | undefined = undefined
  private bytes = 0

  constructor(transport: Transport, limits: SlowReader, owner: Owner) {
    this.transport = transport
    this.limits = limits
    this.owner = owner
  }

  send(prepared: Prepared, droppable: boolean): void {
    if (this.waiting === undefined && this.transport.ready()) this.transport.write(prepared)
    else this.hold({ prepared, droppable })
  }

  /** Lets go of all that waits. */
  clear(): void {
    this.waiting = undefined
    this.bytes = 0
  }

  private hold(message: Waiting): void {
    if (this.waiting === undefined) {
      this.waiting = []
      this.transport.onDrain(() => this.flush())
    }
    this.waiting.push(message)
    this.bytes += message.prepared.length
    const { maxBytes, maxMessages, onOverflow, policy } = this.limits
    let dropped = 0
    while (this.waiting.length > maxMessages || this.bytes > maxBytes) {
      const at =
        policy === "close"
          ? -1
          : policy === "drop-oldest"
            ? this.waiting.findIndex(({ droppable }) => droppable)
            : this.waiting.findLastIndex(({ droppable }) => droppable)
      const [victim] = at === -1 ? [] : this.waiting.splice(at, 1)
      if (victim === undefined) {
        onOverflow(dropped + this.waiting.length, true)
        this.clear()
        return this.owner.overflow()
      }
      dropped++
      this.bytes -= victim.prepared.length
    }
    if (dropped > 0) onOverflow(dropped, false)
  }

  private flush(): void {
    const waiting = this.waiting
    if (waiting === undefined) return
    let sent = 0
    while (sent < waiting.length && this.transport.ready()) {
      const { prepared } = waiting[sent++]!
      this.bytes -= prepared.length
      this.transport.write(prepared)
    }
    if (sent === waiting.length) this.clear()
    else {
      waiting.splice(0, sent)
      this.transport.onDrain(() => this.flush())
    }
  }
}
