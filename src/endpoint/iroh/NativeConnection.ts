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
import { CloseReason } from "../EndpointConnection.ts"
import type { ConnectionInfo, Path, Stats } from "../EndpointConnection.ts"
import { ConnectionEnded, StreamError } from "../EndpointError.ts"
import type { EndpointId } from "../EndpointId.ts"
import { Ending } from "../EndpointTransport.ts"
import type { Source, TransportBi, TransportConnection, TransportRecv, TransportSend } from "../EndpointTransport.ts"
import { datagrams } from "./NativeDatagrams.ts"
import { NativeRecv, NativeSend } from "./NativeStream.ts"
import type { Carrier, Part } from "./NativeStream.ts"
import { closeReason, streamFailure } from "./NativeText.ts"
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

/** The facts of a connection before its first call. */
export interface NativeInfo {
  readonly remoteId: EndpointId
  readonly alpn: Alpn
  readonly side: ConnectionInfo["side"]
  /** Where it was dialled, or knocked from. */
  readonly address: string
}

/** A connection over iroh. */
export class NativeConnection implements TransportConnection, Carrier {
  readonly remoteId: EndpointId
  readonly alpn: Alpn
  readonly side: ConnectionInfo["side"]
  readonly parts = new Set<Part>()
  bytesSent = 0
  bytesReceived = 0
  private readonly native: Iroh.Connection
  private readonly address: string
  private readonly ending = new Ending()
  private readonly open: Set<NativeConnection>
  private over: Promise<CloseReason> | undefined
  private firstAddress: string | undefined
  private datagramChannel: DatagramChannel | undefined
  private sources: Partial<Record<"openBi" | "openUni" | "acceptBi" | "acceptUni", Source<unknown, StreamError>>> = {}

  /** `open` holds it until it has ended. */
  constructor(native: Iroh.Connection, info: NativeInfo, open: Set<NativeConnection>) {
    this.native = native
    this.remoteId = info.remoteId
    this.alpn = info.alpn
    this.side = info.side
    this.address = info.address
    this.open = open
    open.add(this)
  }

  get remoteAddress(): string {
    return (this.firstAddress ??= this.native.paths().find(({ isSelected }) => isSelected)?.remoteAddr ?? this.address)
  }

  get ended(): CloseReason | undefined {
    return this.ending.reason
  }

  readonly onEnd: TransportConnection["onEnd"] = (listener) => {
    void this.watched
    return this.ending.onEnd(listener)
  }

  /** Waits until those who listen know of its end; resolves at once when nobody listens. */
  get heard(): Promise<unknown> {
    return this.over ?? Promise.resolve()
  }

  /** How it ends. */
  get watched(): Promise<CloseReason> {
    return (this.over ??= this.native
      .closed()
      .then(closeReason, (cause): CloseReason => CloseReason.make({ _tag: "TransportError", cause }))
      .then((reason) => {
        this.end(reason)
        return this.ended ?? reason
      }))
  }

  close(code: CloseCode, reason: string): void {
    this.native.close(code, reasonBytes(reason))
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
    return streamFailure(cause) ?? new ConnectionEnded({ closeReason: await this.watched })
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
    return (this.sources[name] ??= outstanding<A, StreamError>(
      () =>
        call().then(
          (stream) => Exit.succeed(wrap(stream)),
          async () => Exit.fail(new StreamError({ reason: new ConnectionEnded({ closeReason: await this.watched }) }))
        ),
      most
    )) as Source<A, StreamError>
  }

  private end(reason: CloseReason): void {
    this.ending.end(reason, () => {
      this.open.delete(this)
      for (const part of this.parts) part.endConnection(reason)
    })
  }
}
