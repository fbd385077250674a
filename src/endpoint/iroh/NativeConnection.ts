/**
 * A native connection as the endpoint part carries it. Internal to the iroh transport.
 *
 * Data is fetched from the binding on demand only: each native call costs as much as a hook chain of ten.
 *
 * @since 0.1.0
 */
import type * as Iroh from "@number0/iroh"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"

import type { Alpn } from "../Alpn.ts"
import type { CloseCode } from "../CloseCode.ts"
import type { DatagramChannel } from "../Datagrams.ts"
import type { CloseReason } from "../EndpointConnection.ts"
import type { ConnectionInfo, Path, Stats } from "../EndpointConnection.ts"
import { ConnectionEnded } from "../EndpointError.ts"
import type { StreamError } from "../EndpointError.ts"
import type { EndpointId } from "../EndpointId.ts"
import { Ending } from "../EndpointTransport.ts"
import type { Source, TransportBi, TransportConnection, TransportRecv, TransportSend } from "../EndpointTransport.ts"
import { datagrams } from "./NativeDatagrams.ts"
import { NativeRecv, NativeSend } from "./NativeStream.ts"
import type { Carrier, Finished, Part } from "./NativeStream.ts"
import { closeReason, locallyClosed, streamFailure } from "./NativeText.ts"
import { outstanding } from "./Outstanding.ts"

/** QUIC sends of a reason what fits into one packet (RFC 9000 §19.19). */
const maxReason = 1024

const noReason: Array<number> = []

/** The text in UTF-8, cut after a whole character. */
const reasonBytes = (text: string): Array<number> => {
  if (text === "") return noReason
  const bytes = new Uint8Array(maxReason)
  const { written } = new TextEncoder().encodeInto(text, bytes)
  return Array.from(bytes.subarray(0, written))
}

/** The facts of a connection. The binding is asked only when somebody wants to know. */
export interface NativeInfo {
  readonly remoteId: () => EndpointId
  readonly alpn: () => Alpn
  readonly side: ConnectionInfo["side"]
  /** Where it was dialled, or knocked from, as far as that is known. */
  readonly address: string | undefined
}

/** The connections whose end somebody waits for, since the last turn of the event loop. */
let due: Array<NativeConnection> = []

const watchDue = (): void => {
  const connections = due
  due = []
  for (const connection of connections) connection.watchUnlessTold()
}

/** How long the binding may not have been asked about the end of a finished stream. */
const confirmMillis = 20

/** After how many finished streams it is asked sooner. */
const maxUnconfirmed = 32

/** A connection over iroh. */
export class NativeConnection implements TransportConnection, Carrier {
  readonly side: ConnectionInfo["side"]
  readonly parts = new Set<Part>()
  bytesSent = 0
  bytesReceived = 0
  private readonly native: Iroh.Connection
  private readonly info: NativeInfo
  private readonly ending = new Ending()
  private readonly open: Set<NativeConnection>
  private id: EndpointId | undefined
  private protocol: Alpn | undefined
  private over: Promise<CloseReason> | undefined
  private isListenedTo = false
  /** The endpoint is being closed here. */
  private isLeaving = false
  /** The calls that fail when it ends. */
  private calls = 0
  private firstAddress: string | undefined
  private datagramChannel: DatagramChannel | undefined
  private sources: Partial<Record<"openBi" | "openUni" | "acceptBi" | "acceptUni", Source<unknown, StreamError>>> = {}
  private unconfirmed: Array<Finished> = []
  private confirmTimer: ReturnType<typeof setTimeout> | undefined

  /** `open` holds it until it has ended. */
  constructor(native: Iroh.Connection, info: NativeInfo, open: Set<NativeConnection>) {
    this.native = native
    this.info = info
    this.side = info.side
    this.open = open
    open.add(this)
  }

  get remoteId(): EndpointId {
    return (this.id ??= this.info.remoteId())
  }

  get alpn(): Alpn {
    return (this.protocol ??= this.info.alpn())
  }

  get remoteAddress(): string {
    if (this.firstAddress === undefined) {
      const paths = this.native.paths()
      const path = paths.find(({ isSelected }) => isSelected)
      this.firstAddress = path?.remoteAddr ?? this.info.address ?? paths[0]?.remoteAddr ?? this.remoteId
    }
    return this.firstAddress
  }

  get ended(): CloseReason | undefined {
    return this.ending.reason
  }

  readonly onEnd: TransportConnection["onEnd"] = (listener) => {
    if (!this.isListenedTo) {
      this.isListenedTo = true
      this.watchSoon()
    }
    return this.ending.onEnd(listener)
  }

  /** Waits until those who listen know of its end; resolves at once when nobody listens. */
  get heard(): Promise<unknown> {
    return this.isListenedTo ? this.watched : Promise.resolve()
  }

  /** How it ends. */
  get watched(): Promise<CloseReason> {
    if (this.ended !== undefined) return Promise.resolve(this.ended)
    return (this.over ??= this.native
      .closed()
      .then(closeReason, (cause): CloseReason => ({ _tag: "TransportError", cause }))
      .then((reason) => {
        this.end(reason)
        return this.ended ?? reason
      }))
  }

  /** Watches for its end, unless it has ended or a call is under way that fails with it. */
  watchUnlessTold(): void {
    if (this.ended === undefined && this.calls === 0) void this.watched
  }

  /** The endpoint is about to be closed. The binding may be gone before it can say how the connection has ended. */
  leave(): void {
    this.isLeaving = true
  }

  close(code: CloseCode, reason: string): void {
    this.native.close(code, reasonBytes(reason))
    this.endIfClosed()
  }

  stats(): Stats {
    return { bytesSent: this.bytesSent, bytesReceived: this.bytesReceived }
  }

  rtt(): Duration.Duration | undefined {
    const millis = this.native.rtt()
    return millis === null ? undefined : Duration.millis(millis)
  }

  paths(): ReadonlyArray<Path> {
    return this.native.paths().map(({ isRelay, isSelected, remoteAddr }) => ({
      remoteAddress: remoteAddr,
      kind: isRelay ? "relay" : "direct",
      isSelected
    }))
  }

  get datagrams(): DatagramChannel {
    return (this.datagramChannel ??= datagrams(this.native, this, () => this.watched))
  }

  get openBi(): Source<TransportBi, StreamError> {
    return this.source("openBi", () => this.native.openBi(), this.both, "each")
  }

  get openUni(): Source<TransportSend, StreamError> {
    return this.source("openUni", () => this.native.openUni(), this.sending, "each")
  }

  // In the order in which the peer opened them.
  get acceptBi(): Source<TransportBi, StreamError> {
    return this.source("acceptBi", () => this.native.acceptBi(), this.both, "one")
  }

  get acceptUni(): Source<TransportRecv, StreamError> {
    return this.source("acceptUni", () => this.native.acceptUni(), this.receiving, "one")
  }

  async failure(cause: unknown): Promise<StreamError["reason"]> {
    return streamFailure(cause) ?? new ConnectionEnded({ closeReason: await this.reason() })
  }

  confirm(stream: Finished): void {
    this.unconfirmed.push(stream)
    if (this.unconfirmed.length >= maxUnconfirmed) this.confirmNow()
    else this.confirmTimer ??= setTimeout(() => this.confirmNow(), confirmMillis)
  }

  confirmNow(): void {
    if (this.confirmTimer !== undefined) clearTimeout(this.confirmTimer)
    this.confirmTimer = undefined
    const streams = this.unconfirmed
    this.unconfirmed = []
    for (const stream of streams) stream.confirm()
  }

  private readonly sending = (stream: Iroh.SendStream): TransportSend => new NativeSend(stream, this)
  private readonly receiving = (stream: Iroh.RecvStream): TransportRecv => new NativeRecv(stream, this)
  private readonly both = ({ recv, send }: Iroh.BiStream): TransportBi => ({
    send: new NativeSend(send, this),
    recv: new NativeRecv(recv, this)
  })

  /** Only the connection's end can fail it. */
  private source<N, A>(
    name: "openBi" | "openUni" | "acceptBi" | "acceptUni",
    call: () => Promise<N>,
    wrap: (stream: N) => A,
    most: "one" | "each"
  ): Source<A, StreamError> {
    return (this.sources[name] ??= outstanding<A, StreamError>((done) => {
      this.calls++
      call().then(
        (stream) => {
          this.calls--
          done(Exit.succeed(wrap(stream)))
          this.watchSoon()
        },
        () => void this.reason().then(() => done(this.ending.failure ?? Exit.interrupt()))
      )
    }, most)) as Source<A, StreamError>
  }

  private watchSoon(): void {
    if (this.calls > 0 || this.over !== undefined || !this.isListenedTo || this.ended !== undefined) return
    if (due.push(this) === 1) setImmediate(watchDue)
  }

  /** The binding knows at once how it has ended. */
  private endIfClosed(): void {
    if (this.ended !== undefined) return
    const text = this.native.closeReason()
    if (text !== null) this.end(closeReason(text))
  }

  /** How it has ended, after a call has failed because of it. */
  private async reason(): Promise<CloseReason> {
    this.endIfClosed()
    return this.ended ?? this.watched
  }

  private end(given: CloseReason): void {
    const reason = this.isLeaving && given._tag === "TransportError" ? locallyClosed : given
    this.ending.end(reason, () => {
      this.open.delete(this)
      this.unconfirmed = []
      if (this.confirmTimer !== undefined) clearTimeout(this.confirmTimer)
      for (const part of this.parts) part.endConnection(reason)
    })
  }
}
