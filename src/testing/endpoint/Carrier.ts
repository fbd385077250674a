/**
 * One side of a connection over the memory network.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import type { BiStream, Info, RecvStream, SendStream, Stats } from "../../endpoint/Connection.ts"
import { DatagramError, DatagramTooLarge } from "../../endpoint/Datagrams.ts"
import type { Channel } from "../../endpoint/Datagrams.ts"
import { Signal } from "../../endpoint/engine/Signal.ts"
import { CloseReason, ConnectionEnded, StreamError } from "../../endpoint/Errors.ts"
import type { Alpn, CloseCode, EndpointId } from "../../endpoint/Identity.ts"
import type { Carried } from "../../endpoint/Transport.ts"
import type { Link } from "./Link.ts"
import { Pipe } from "./Pipe.ts"
import type { Side } from "./Pipe.ts"

/** How much a connection may hold. */
export interface Bounds {
  /** Bytes of a stream that were sent and not yet read. */
  readonly window: number
  /** Streams of a kind that a side may have open. */
  readonly maxStreams: number
}

type Kind = "bi" | "uni"

/** The most bytes of a datagram: what fits into a packet everywhere. */
const maxSize = 1200

/** The most datagrams that nobody has waited for yet. */
const maxWaiting = 256

/** A connection as one of its sides has it. */
export class Carrier implements Carried, Side {
  readonly remoteId: EndpointId
  readonly alpn: Alpn
  readonly side: Info["side"]
  readonly remoteAddress: string
  readonly out: Link
  readonly closed: Effect.Effect<CloseReason>
  ended: CloseReason | undefined
  /** Runs when this side has ended. */
  onEnd: () => void = () => {}
  bytesSent = 0
  bytesReceived = 0
  private peer: Carrier = this
  private readonly bounds: Bounds
  private readonly changed = new Signal()
  private readonly pipes = new Set<Pipe>()
  private readonly open: Record<Kind, number> = { bi: 0, uni: 0 }
  private readonly waitingBi: Array<BiStream> = []
  private readonly waitingUni: Array<RecvStream> = []
  private readonly datagramsHere: Array<Uint8Array> = []
  private readonly over = Deferred.makeUnsafe<CloseReason>()

  constructor(info: Info, out: Link, bounds: Bounds) {
    this.remoteId = info.remoteId
    this.alpn = info.alpn
    this.side = info.side
    this.remoteAddress = info.remoteAddress
    this.out = out
    this.bounds = bounds
    this.closed = Deferred.await(this.over)
  }

  /** Makes the two sides of a connection. */
  static pair(dialer: Carrier, acceptor: Carrier): void {
    dialer.peer = acceptor
    acceptor.peer = dialer
  }

  get openBi(): Effect.Effect<BiStream, StreamError> {
    return this.opened("bi", () => {
      let left = 2
      const done = (pipe: Pipe): void => {
        this.drop(pipe)
        if (--left === 0) this.again("bi")
      }
      const there: Pipe = this.pipe(
        this,
        this.peer,
        () => announce(),
        () => done(there)
      )
      const back: Pipe = this.pipe(
        this.peer,
        this,
        () => {},
        () => done(back)
      )
      const announce = this.announcing(() => this.peer.waitingBi.push({ send: back.send, recv: there.recv }))
      return { send: there.send, recv: back.recv }
    })
  }

  get openUni(): Effect.Effect<SendStream, StreamError> {
    return this.opened("uni", () => {
      const announce = this.announcing(() => this.peer.waitingUni.push(there.recv))
      const there: Pipe = this.pipe(this, this.peer, announce, () => {
        this.drop(there)
        this.again("uni")
      })
      return there.send
    })
  }

  get acceptBi(): Effect.Effect<BiStream, StreamError> {
    return this.accepted(this.waitingBi)
  }

  get acceptUni(): Effect.Effect<RecvStream, StreamError> {
    return this.accepted(this.waitingUni)
  }

  get datagrams(): Channel {
    const fail = (reason: DatagramError["reason"]) => Exit.fail(new DatagramError({ reason }))
    return {
      maxSize,
      send: (bytes) =>
        Effect.suspend(() => {
          if (this.ended !== undefined) return fail(new ConnectionEnded({ how: this.ended }))
          const size = bytes.length
          if (size > maxSize) return fail(new DatagramTooLarge({ size, maxSize }))
          // The sender may use its buffer again.
          const datagram = bytes.slice()
          this.bytesSent += size
          this.out.sendLossy(() => this.peer.receive(datagram))
          return Effect.void
        }),
      receive: this.changed.until(() => {
        const next = this.datagramsHere.shift()
        if (next !== undefined) return Exit.succeed(next)
        return this.ended === undefined ? undefined : fail(new ConnectionEnded({ how: this.ended }))
      })
    }
  }

  close(code: CloseCode, reason: string): Effect.Effect<void> {
    return Effect.sync(() => {
      if (this.ended !== undefined) return
      this.end(CloseReason.make({ _tag: "Local" }))
      this.out.send(() => this.peer.end(CloseReason.make({ _tag: "Application", code, reason })))
    })
  }

  get stats(): Effect.Effect<Stats> {
    return Effect.sync(() => ({ bytesSent: this.bytesSent, bytesReceived: this.bytesReceived }))
  }

  /** The network carries nothing between the two any more: both sides find out. */
  lose(): void {
    this.out.cut()
    this.peer.out.cut()
    this.end(CloseReason.make({ _tag: "TimedOut" }))
    this.peer.end(CloseReason.make({ _tag: "TimedOut" }))
  }

  /** Ends this side; the first end wins. */
  end(how: CloseReason): void {
    if (this.ended !== undefined) return
    this.ended = how
    this.onEnd()
    this.changed.notify()
    for (const pipe of this.pipes) pipe.notify()
    Deferred.doneUnsafe(this.over, Exit.succeed(how))
  }

  private receive(datagram: Uint8Array): void {
    if (this.ended !== undefined) return
    this.bytesReceived += datagram.length
    this.datagramsHere.push(datagram)
    if (this.datagramsHere.length > maxWaiting) this.datagramsHere.shift()
    this.changed.notify()
  }

  private pipe(from: Carrier, to: Carrier, announce: () => void, done: () => void): Pipe {
    const pipe = new Pipe(from, to, this.bounds.window, announce, done)
    this.pipes.add(pipe)
    this.peer.pipes.add(pipe)
    return pipe
  }

  private drop(pipe: Pipe): void {
    this.pipes.delete(pipe)
    this.peer.pipes.delete(pipe)
  }

  /** The peer sees a stream by its first sign, once. */
  private announcing(push: () => unknown): () => void {
    let announced = false
    return () => {
      if (announced) return
      announced = true
      push()
      this.peer.changed.notify()
    }
  }

  private failed(how: CloseReason): Exit.Exit<never, StreamError> {
    return Exit.fail(new StreamError({ reason: new ConnectionEnded({ how }) }))
  }

  private opened<A>(kind: Kind, make: () => A): Effect.Effect<A, StreamError> {
    return this.changed.until(() => {
      if (this.ended !== undefined) return this.failed(this.ended)
      if (this.open[kind] >= this.bounds.maxStreams) return undefined
      this.open[kind]++
      return Exit.succeed(make())
    })
  }

  /** A stream is over: there is room for another. */
  private again(kind: Kind): void {
    this.open[kind]--
    this.changed.notify()
  }

  private accepted<A>(waiting: Array<A>): Effect.Effect<A, StreamError> {
    return this.changed.until(() => {
      // What the peer sent before it closed is still there to be read.
      const next = this.ended?._tag === "Local" ? undefined : waiting.shift()
      if (next !== undefined) return Exit.succeed(next)
      return this.ended === undefined ? undefined : this.failed(this.ended)
    })
  }
}
