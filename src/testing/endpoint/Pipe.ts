/**
 * One direction of a stream: bytes within a window, then an end or a break. Internal to the memory network.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"

import type { RecvStream, SendStream } from "../../endpoint/Connection.ts"
import { Signal } from "../../endpoint/engine/Signal.ts"
import type { CloseReason } from "../../endpoint/Errors.ts"
import { ConnectionEnded, StreamError, StreamFinished, StreamReset, StreamStopped } from "../../endpoint/Errors.ts"
import type { CloseCode } from "../../endpoint/Identity.ts"
import type { Link } from "./Link.ts"

/** What a pipe needs of a side of its connection. */
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
  private readonly sending = new Signal()
  private readonly receiving = new Signal()
  private readonly chunks: Array<Uint8Array> = []
  private credit: number
  private sent: "open" | "finished" | "reset" = "open"
  private stopped: CloseCode | undefined
  private arrived: "open" | "finished" | { readonly reset: CloseCode } = "open"
  private received: "open" | "read" | "stopped" = "open"
  private closed = false

  constructor(sender: Side, receiver: Side, window: number, announce: () => void, done: () => void) {
    this.sender = sender
    this.receiver = receiver
    this.credit = window
    this.announce = announce
    this.done = done
  }

  /** A side's connection has ended. */
  notify(): void {
    this.sending.notify()
    this.receiving.notify()
  }

  readonly send: SendStream = {
    write: (bytes) => {
      const from = (start: number): Effect.Effect<void, StreamError> =>
        Effect.flatMap(
          this.sending.until(() => this.writable() ?? this.piece(bytes, start)),
          (end) => (end < bytes.length ? from(end) : Effect.void)
        )
      return from(0)
    },
    finish: Effect.suspend(() => {
      const broken = this.writable()
      if (broken !== undefined) return broken
      this.sent = "finished"
      this.deliver(() => {
        this.arrived = "finished"
      })
      return Effect.void
    }),
    reset: (code) =>
      Effect.sync(() => {
        if (this.sent === "reset" || this.sender.ended !== undefined) return
        this.sent = "reset"
        this.sending.notify()
        this.deliver(() => {
          this.chunks.length = 0
          this.arrived = { reset: code }
        })
        this.settle()
      })
  }

  readonly recv: RecvStream = {
    read: (limit = 65_536) =>
      this.receiving.until(() => {
        if (this.received === "stopped") return fail(new StreamFinished({}))
        if (typeof this.arrived === "object") return fail(new StreamReset({ code: this.arrived.reset }))
        const bytes = this.take(limit)
        if (bytes !== undefined) return Exit.succeed(Option.some(bytes))
        if (this.arrived === "finished") {
          this.received = "read"
          this.settle()
          return Exit.succeed(Option.none())
        }
        return this.receiver.ended === undefined ? undefined : fail(new ConnectionEnded({ how: this.receiver.ended }))
      }),
    stop: (code) =>
      Effect.sync(() => {
        if (this.received !== "open" || this.receiver.ended !== undefined) return
        this.received = "stopped"
        this.chunks.length = 0
        this.receiving.notify()
        this.receiver.out.send(() => {
          this.stopped = code
          this.sending.notify()
          this.settle()
        })
      })
  }

  private writable(): Exit.Exit<never, StreamError> | undefined {
    if (this.sent !== "open") return fail(new StreamFinished({}))
    if (this.stopped !== undefined) return fail(new StreamStopped({ code: this.stopped }))
    return this.sender.ended === undefined ? undefined : fail(new ConnectionEnded({ how: this.sender.ended }))
  }

  /** Sends what the window takes; gives where the rest starts, or nothing when it takes nothing. */
  private piece(bytes: Uint8Array, start: number): Exit.Exit<number> | undefined {
    if (start === bytes.length) return Exit.succeed(start)
    const size = Math.min(this.credit, bytes.length - start)
    if (size === 0) return undefined
    // The writer may use its buffer again.
    const piece = bytes.slice(start, start + size)
    this.credit -= size
    this.sender.bytesSent += size
    this.deliver(() => {
      this.receiver.bytesReceived += size
      if (this.received === "open") this.chunks.push(piece)
    })
    return Exit.succeed(start + size)
  }

  private deliver(event: () => void): void {
    this.sender.out.send(() => {
      if (this.receiver.ended !== undefined) return
      event()
      this.announce()
      this.receiving.notify()
      this.settle()
    })
  }

  private take(limit: number): Uint8Array | undefined {
    const [first] = this.chunks
    if (first === undefined) return undefined
    const bytes = first.subarray(0, limit)
    if (bytes.length === first.length) this.chunks.shift()
    else this.chunks[0] = first.subarray(limit)
    this.receiver.out.send(() => {
      this.credit += bytes.length
      this.sending.notify()
    })
    return bytes
  }

  private settle(): void {
    const sent = this.sent !== "open" || this.stopped !== undefined
    const received = this.received !== "open" || typeof this.arrived === "object"
    if (this.closed || !sent || !received) return
    this.closed = true
    this.done()
  }
}
