/**
 * The messages that wait for a slow reader, within bounds. Internal to the channel part.
 *
 * 1. While the peer takes what it is sent, messages go straight to the transport.
 * 2. Else they wait here. Beyond `maxMessages` or `maxBytes` the policy decides: the oldest or the newest push or broadcast is dropped, or the socket is closed.
 * 3. Replies and the protocol's own messages are never dropped: where only they are left, the socket is closed.
 * 4. A member that follows positions gets a discontinuity in the place of dropped messages.
 *
 * @since 0.1.0
 */
import type { Position } from "../broadcaster/Position.ts"
import type { Prepared, Transport } from "../Transport.ts"
import type { Follower } from "./Peer.ts"
import type { SlowReader } from "./Settings.ts"

interface Frame {
  readonly _tag: "Frame"
  readonly prepared: Prepared
  readonly droppable: boolean
  /** Whose message it is and where in its topic, where that matters. */
  readonly follower: Follower | undefined
  readonly position: Position | undefined
}

interface Gap {
  readonly _tag: "Gap"
  readonly follower: Follower
  readonly from: Position
  to: Position
}

/** The socket as its outbox uses it. */
interface Owner {
  /** Closes the socket. */
  readonly overflow: () => void
  /** More or fewer bytes wait. */
  readonly holds: (bytes: number) => void
  /** The message about a gap. */
  readonly gap: (follower: Follower, from: Position, to: Position) => Prepared | undefined
}

/** Roughly the bytes in a transport without room. */
const inTransport = 64 * 1024

/** The messages that wait for one client. */
export class Outbox {
  private readonly transport: Transport
  private readonly limits: SlowReader
  private readonly owner: Owner
  private waiting: Array<Frame | Gap> | undefined = undefined
  private frames = 0
  private bytes = 0

  constructor(transport: Transport, limits: SlowReader, owner: Owner) {
    this.transport = transport
    this.limits = limits
    this.owner = owner
  }

  /** How many bytes wait, those in the transport too. */
  get held(): number {
    return this.waiting === undefined ? 0 : this.bytes + inTransport
  }

  send(prepared: Prepared, droppable: boolean, follower: Follower | undefined, position: Position | undefined): void {
    if (this.waiting === undefined && this.transport.ready()) this.transport.write(prepared)
    else this.hold({ _tag: "Frame", prepared, droppable, follower, position })
  }

  /** Drops all that waits. */
  clear(): void {
    const { held } = this
    this.waiting = undefined
    this.frames = 0
    this.bytes = 0
    if (held > 0) this.owner.holds(-held)
  }

  private hold(frame: Frame): void {
    const before = this.held
    if (this.waiting === undefined) {
      this.waiting = []
      this.transport.onDrain(() => this.flush())
    }
    this.waiting.push(frame)
    this.frames++
    this.bytes += frame.prepared.length
    const { count, maxBytes, maxMessages, onOverflow } = this.limits
    let dropped = 0
    while (this.frames > maxMessages || this.bytes > maxBytes) {
      const victim = onOverflow === "close" ? -1 : this.victim(onOverflow === "drop-oldest")
      if (victim === -1) {
        count(dropped + this.frames, true)
        this.owner.holds(this.held - before)
        return this.owner.overflow()
      }
      this.drop(victim)
      dropped++
    }
    if (dropped > 0) count(dropped, false)
    this.owner.holds(this.held - before)
  }

  private victim(oldest: boolean): number {
    const droppable = (waits: Frame | Gap) => waits._tag === "Frame" && waits.droppable
    return oldest ? this.waiting!.findIndex(droppable) : this.waiting!.findLastIndex(droppable)
  }

  private drop(at: number): void {
    const waiting = this.waiting!
    const { follower, position, prepared } = waiting[at] as Frame
    this.frames--
    this.bytes -= prepared.length
    if (follower === undefined || position === undefined) {
      waiting.splice(at, 1)
      return
    }
    const before = waiting[at - 1]
    if (before?._tag === "Gap" && before.follower === follower && before.to.offset === position.offset - 1) {
      before.to = position
      waiting.splice(at, 1)
    } else {
      waiting[at] = { _tag: "Gap", follower, from: { ...position, offset: position.offset - 1 }, to: position }
    }
  }

  private flush(): void {
    const { waiting } = this
    if (waiting === undefined) return
    const before = this.held
    let sent = 0
    while (sent < waiting.length && this.transport.ready()) {
      const next = waiting[sent++]!
      if (next._tag === "Frame") {
        this.frames--
        this.bytes -= next.prepared.length
        this.transport.write(next.prepared)
      } else {
        const prepared = this.owner.gap(next.follower, next.from, next.to)
        if (prepared !== undefined) this.transport.write(prepared)
      }
    }
    if (sent === waiting.length) return this.clear()
    waiting.splice(0, sent)
    this.owner.holds(this.held - before)
    this.transport.onDrain(() => this.flush())
  }
}
