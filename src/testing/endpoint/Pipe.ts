/**
 * One direction of a stream: bytes within a window, then an end or a break. Internal to the memory network.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"

import type { CloseCode } from "../../endpoint/CloseCode.ts"
import type { CloseReason } from "../../endpoint/EndpointConnection.ts"
import { StreamError } from "../../endpoint/EndpointError.ts"
import { RecvState, SendState, Source } from "../../endpoint/EndpointTransport.ts"
import type { TransportRecv, TransportSend } from "../../endpoint/EndpointTransport.ts"
import type { Link } from "./Link.ts"

/** One side of a connection, as its pipes use it. */
export interface Side {
  readonly out: Link
  readonly ended: CloseReason | undefined
  bytesSent: number
  bytesReceived: number
}

const fail = (reason: StreamError["reason"]) => Exit.fail(new StreamError({ reason }))

/** Carries the bytes of one direction of a stream. */
export class Pipe {
  private readonly sender: Side
  private readonly receiver: Side
  /** Runs when the first sign of the stream arrives. */
  private readonly announce: () => void
  /** Runs once, when neither side has anything left to do. */
  private readonly done: () => void
  private readonly chunks: Array<Uint8Array> = []
  private credit: number
  private isDone = false
  private readonly sending = new SendState(() => this.over())
  private readonly receiving = new RecvState(() => this.over())
  private readonly room: Source<void, StreamError> = new Source({
    poll: () => this.unwritable ?? (this.credit > 0 ? Exit.void : undefined),
    isReady: () => this.credit > 0 || this.sending.hasFailed
  })
  private readonly bytes: Source<Option.Option<Uint8Array>, StreamError> = new Source({
    poll: () => this.poll(65_536),
    isReady: () => this.isReadable
  })
  private readonly stopping: Source<Option.Option<CloseCode>, StreamError> = new Source({
    poll: () => this.stopped,
    isReady: () => this.sending.stopCode !== undefined || this.sending.isOver
  })

  constructor(sender: Side, receiver: Side, window: number, announce: () => void, done: () => void) {
    this.sender = sender
    this.receiver = receiver
    this.credit = window
    this.announce = announce
    this.done = done
  }

  /** The connection of a side has ended, before this pipe was done. */
  end(side: Side, reason: CloseReason): void {
    if (side === this.sender) this.sending.endConnection(reason)
    else this.receiving.endConnection(reason)
    this.notify()
  }

  readonly send: TransportSend = {
    write: (bytes) => {
      const from = (start: number): Effect.Effect<void, StreamError> => {
        if (start === bytes.length) {
          // Bytes that the peer took before it stopped count as sent.
          return start > 0 ? Effect.void : Effect.suspend(() => this.unwritable ?? Exit.void)
        }
        return Effect.flatMap(this.room.next, () => from(this.piece(bytes, start)))
      }
      return from(0)
    },
    finish: Effect.suspend(() => this.unwritable ?? (this.finish(), Exit.void)),
    reset: (code) => Effect.sync(() => this.reset(code)),
    stopped: this.stopping.next,
    setPriority: () => Effect.void,
    end: (code) => {
      if (code === undefined) this.finish()
      else if (!this.sending.isEnded) this.reset(code)
    }
  }

  readonly recv: TransportRecv = {
    read: (limit = 65_536) => this.bytes.nextBy(() => this.poll(Math.max(1, limit))),
    stop: (code) => Effect.sync(() => this.stop(code)),
    end: (code) => this.stop(code)
  }

  private get unwritable(): Exit.Exit<never, StreamError> | undefined {
    const { failure } = this.sending
    return failure && fail(failure)
  }

  private get stopped(): Exit.Exit<Option.Option<CloseCode>, StreamError> | undefined {
    const { isOver, stopCode } = this.sending
    if (stopCode !== undefined) return Exit.succeed(Option.some(stopCode))
    if (!isOver) return undefined
    const { failure } = this.sending
    return failure?._tag === "ConnectionEnded" ? fail(failure) : Exit.succeed(Option.none())
  }

  /** Sends what the window takes; returns where the rest starts. */
  private piece(bytes: Uint8Array, start: number): number {
    const size = Math.min(this.credit, bytes.length - start)
    // The writer may use its buffer again.
    const piece = bytes.slice(start, start + size)
    this.credit -= size
    this.sender.bytesSent += size
    this.deliver(() => {
      this.receiver.bytesReceived += size
      if (this.receiving.wantsBytes && !this.receiving.isOver) this.chunks.push(piece)
    })
    return start + size
  }

  private finish(): void {
    if (!this.sending.finish()) return
    this.deliver(() => {
      this.receiving.finish()
      this.acknowledge()
    })
  }

  private reset(code: CloseCode): void {
    if (this.sending.reset()) this.sendReset(code)
  }

  private sendReset(code: CloseCode): void {
    this.notify()
    this.deliver(() => {
      this.chunks.length = 0
      this.receiving.reset(code)
      this.acknowledge()
    })
  }

  private acknowledge(): void {
    this.receiver.out.send(() => {
      this.sending.acknowledge()
      this.stopping.notify()
    })
  }

  private stop(code: CloseCode): void {
    const tell = this.receiving.stop()
    if (this.receiving.isEnded) this.chunks.length = 0
    this.bytes.notify()
    if (!tell) return
    this.receiver.out.send(() => {
      if (this.sending.stop(code)) this.sendReset(code)
      this.notify()
    })
  }

  private deliver(event: () => void): void {
    this.sender.out.send(() => {
      if (this.receiver.ended !== undefined) return
      event()
      this.announce()
      this.bytes.notify()
    })
  }

  private get isReadable(): boolean {
    const { hasEnd, hasFailed, isLost } = this.receiving
    return this.chunks.length > 0 || hasFailed || isLost || hasEnd
  }

  private poll(limit: number): Exit.Exit<Option.Option<Uint8Array>, StreamError> | undefined {
    const { failure } = this.receiving
    if (failure !== undefined) return fail(failure)
    const [first] = this.chunks
    if (first !== undefined) return Exit.succeed(Option.some(this.take(first, limit)))
    if (this.receiving.readEnd()) return Exit.succeed(Option.none())
    const { lost } = this.receiving
    return lost && fail(lost)
  }

  private take(first: Uint8Array, limit: number): Uint8Array {
    const isWhole = first.length <= limit
    // A view of a small array moves its bytes out of the heap, at ten times its cost.
    const bytes = isWhole ? first : first.subarray(0, limit)
    if (isWhole) this.chunks.shift()
    else this.chunks[0] = first.subarray(limit)
    this.receiver.out.send(() => {
      this.credit += bytes.length
      this.room.notify()
    })
    return bytes
  }

  private notify(): void {
    this.room.notify()
    this.bytes.notify()
    this.stopping.notify()
  }

  private over(): void {
    if (this.isDone || !this.sending.isOver || !this.receiving.isOver) return
    this.isDone = true
    this.done()
  }
}
