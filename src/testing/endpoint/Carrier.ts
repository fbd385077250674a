/**
 * One side of a connection over the memory network.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import type { Alpn } from "../../endpoint/Alpn.ts"
import type { CloseCode } from "../../endpoint/CloseCode.ts"
import { DatagramError, DatagramTooLarge } from "../../endpoint/Datagrams.ts"
import type { DatagramChannel } from "../../endpoint/Datagrams.ts"
import { CloseReason } from "../../endpoint/EndpointConnection.ts"
import type { ConnectionInfo, Path, Stats } from "../../endpoint/EndpointConnection.ts"
import { ConnectionEnded } from "../../endpoint/EndpointError.ts"
import type { StreamError } from "../../endpoint/EndpointError.ts"
import type { EndpointId } from "../../endpoint/EndpointId.ts"
import { Ending, Source } from "../../endpoint/EndpointTransport.ts"
import type {
  TransportBi,
  TransportConnection,
  TransportRecv,
  TransportSend
} from "../../endpoint/EndpointTransport.ts"
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

const datagramFailure = (reason: DatagramError["reason"]) => Exit.fail(new DatagramError({ reason }))

/** The most bytes of a datagram: every network carries a packet of this size. */
const maxSize = 1200

/** The most datagrams that nobody has waited for yet. */
const maxWaiting = 256

/** Who a side of a connection is connected with. */
export type CarrierInfo = Pick<ConnectionInfo, "remoteId" | "alpn" | "side" | "remoteAddress">

/** A connection as one of its sides has it. */
export class Carrier implements TransportConnection, Side {
  readonly remoteId: EndpointId
  readonly alpn: Alpn
  readonly side: ConnectionInfo["side"]
  readonly remoteAddress: string
  readonly out: Link
  bytesSent = 0
  bytesReceived = 0
  private peer: Carrier = this
  private readonly bounds: Bounds
  private readonly ending = new Ending()
  private readonly pipes = new Set<Pipe>()
  private readonly open: Record<Kind, number> = { bi: 0, uni: 0 }
  private readonly waitingBi: Array<TransportBi> = []
  private readonly waitingUni: Array<TransportRecv> = []
  private readonly datagramsHere: Array<Uint8Array> = []
  readonly onEnd = this.ending.onEnd
  readonly acceptBi = this.accepted(this.waitingBi)
  readonly acceptUni = this.accepted(this.waitingUni)
  readonly openBi = this.opened("bi", () => this.bi())
  readonly openUni = this.opened("uni", () => this.uni())
  private readonly datagramsArrived: Source<Uint8Array, DatagramError> = new Source({
    poll: () => {
      const next = this.datagramsHere.shift()
      if (next !== undefined) return Exit.succeed(next)
      return this.ended && datagramFailure(new ConnectionEnded({ closeReason: this.ended }))
    },
    isReady: () => this.datagramsHere.length > 0 || this.ended !== undefined
  })

  constructor(info: CarrierInfo, out: Link, bounds: Bounds) {
    this.remoteId = info.remoteId
    this.alpn = info.alpn
    this.side = info.side
    this.remoteAddress = info.remoteAddress
    this.out = out
    this.bounds = bounds
  }

  /** Makes the two sides of a connection. */
  static pair(dialer: Carrier, acceptor: Carrier): void {
    dialer.peer = acceptor
    acceptor.peer = dialer
  }

  get ended(): CloseReason | undefined {
    return this.ending.reason
  }

  get datagrams(): DatagramChannel {
    return {
      maxSize,
      send: (bytes) =>
        Effect.suspend(() => {
          if (this.ended !== undefined) return datagramFailure(new ConnectionEnded({ closeReason: this.ended }))
          const size = bytes.length
          if (size > maxSize) return datagramFailure(new DatagramTooLarge({ size, maxSize }))
          // The sender may use its buffer again.
          const datagram = bytes.slice()
          this.bytesSent += size
          this.out.sendLossy(() => this.peer.receive(datagram))
          return Effect.void
        }),
      receive: this.datagramsArrived.next
    }
  }

  close(code: CloseCode, reason: string): void {
    if (this.ended !== undefined) return
    this.end(CloseReason.make({ _tag: "LocallyClosed" }))
    this.out.send(() => this.peer.end(CloseReason.make({ _tag: "ApplicationClosed", code, reason })))
  }

  stats(): Stats {
    return { bytesSent: this.bytesSent, bytesReceived: this.bytesReceived }
  }

  rtt(): Duration.Duration {
    return Duration.millis(this.out.latency + this.peer.out.latency)
  }

  paths(): ReadonlyArray<Path> {
    return [{ remoteAddress: this.remoteAddress, kind: "direct", isSelected: true }]
  }

  /** The network carries nothing between the two any more: both sides find out. */
  lose(): void {
    this.out.cut()
    this.peer.out.cut()
    this.end(CloseReason.make({ _tag: "TimedOut" }))
    this.peer.end(CloseReason.make({ _tag: "TimedOut" }))
  }

  /** Ends this side; the first end wins. */
  end(reason: CloseReason): void {
    this.ending.end(reason, () => {
      for (const pipe of this.pipes) pipe.end(this, reason)
      for (const source of [this.acceptBi, this.acceptUni, this.openBi, this.openUni, this.datagramsArrived]) {
        source.notify()
      }
    })
  }

  private receive(datagram: Uint8Array): void {
    if (this.ended !== undefined) return
    this.bytesReceived += datagram.length
    this.datagramsHere.push(datagram)
    if (this.datagramsHere.length > maxWaiting) this.datagramsHere.shift()
    this.datagramsArrived.notify()
  }

  private bi(): TransportBi {
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
    const announce = this.announcing(() => {
      this.peer.waitingBi.push({ send: back.send, recv: there.recv })
      this.peer.acceptBi.notify()
    })
    return { send: there.send, recv: back.recv }
  }

  private uni(): TransportSend {
    const announce = this.announcing(() => {
      this.peer.waitingUni.push(there.recv)
      this.peer.acceptUni.notify()
    })
    const there: Pipe = this.pipe(this, this.peer, announce, () => {
      this.drop(there)
      this.again("uni")
    })
    return there.send
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
  private announcing(push: () => void): () => void {
    let announced = false
    return () => {
      if (announced) return
      announced = true
      push()
    }
  }

  private opened<A>(kind: Kind, make: () => A): Source<A, StreamError> {
    return new Source({
      poll: () => {
        if (this.ended !== undefined) return this.ending.failure
        if (this.open[kind] >= this.bounds.maxStreams) return undefined
        this.open[kind]++
        return Exit.succeed(make())
      },
      isReady: () => this.ended !== undefined || this.open[kind] < this.bounds.maxStreams
    })
  }

  /** A stream is over: there is room for another. */
  private again(kind: Kind): void {
    this.open[kind]--
    const source = kind === "bi" ? this.openBi : this.openUni
    source.notify()
  }

  private accepted<A>(waiting: Array<A>): Source<A, StreamError> {
    return new Source({
      poll: () => {
        // Data that the peer sent before it closed can still be read.
        const next = this.ended?._tag === "LocallyClosed" ? undefined : waiting.shift()
        if (next !== undefined) return Exit.succeed(next)
        return this.ending.failure
      },
      isReady: () => waiting.length > 0 || this.ended !== undefined
    })
  }
}
