/**
 * The two directions of a native stream. Internal to the iroh transport.
 *
 * 1. The binding has one lock for each direction: after a write that the peer takes no bytes of, or a read that it sends no bytes for, `reset`, `finish` and `stop`
 *    wait as well. They are handed over and not waited for then; they take effect with the running call.
 * 2. A write hands over at most 64 KiB at a time, so that at most so many bytes follow a reset.
 * 3. After a reset the binding reads a clean end, and so it does after a stop: how a stream ended is remembered here.
 * 4. The binding says that a stream is finished also when the peer has stopped it, and does not reset it by itself, so that its place in the peer's limit of streams is never
 *    returned. So the end of a finished stream is awaited, and a stop is answered with a reset (RFC 9000 §3.5).
 *
 * @since 0.1.0
 */
import type * as Iroh from "@number0/iroh"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"

import { make as closeCode } from "../CloseCode.ts"
import type { CloseCode } from "../CloseCode.ts"
import type { CloseReason } from "../EndpointConnection.ts"
import { StreamError } from "../EndpointError.ts"
import { RecvState, SendState, Source } from "../EndpointTransport.ts"
import type { SourceOptions, TransportRecv, TransportSend } from "../EndpointTransport.ts"

const maxChunk = 65_536

/** A part of a stream, as its connection knows it. */
export interface Part {
  /** The connection has ended. */
  readonly endConnection: (reason: CloseReason) => void
}

/** A stream that was finished here, and whose end the binding has not yet been asked about. */
export interface Finished {
  readonly confirm: () => void
}

/** The connection, as its streams use it. */
export interface Carrier {
  readonly ended: CloseReason | undefined
  /** The parts that have not reached their end: a garbage-collected one would look finished to the peer. */
  readonly parts: Set<Part>
  /** The error of a failed call of a stream, or of the end of the connection. */
  readonly failure: (cause: unknown) => Promise<StreamError["reason"]>
  /** Has the binding asked about the end of a finished stream, soon and together with others. */
  readonly confirm: (stream: Finished) => void
  /** Has it asked about all of them, now. */
  readonly confirmNow: () => void
  bytesSent: number
  bytesReceived: number
}

const fail = (reason: StreamError["reason"]) => Exit.fail(new StreamError({ reason }))

/** The bytes as the binding takes them. Ten times as fast as `Array.from`. */
const arrayOf = (bytes: Uint8Array, start: number, end: number): Array<number> => {
  const array: Array<number> = []
  array.length = end - start
  for (let index = start; index < end; index++) array[index - start] = bytes[index]!
  return array
}

const nothing = (): void => {}

/** The sending side. */
export class NativeSend implements TransportSend, Part {
  private readonly native: Iroh.SendStream
  private readonly carrier: Carrier
  private readonly state = new SendState(() => this.over())
  /** The error of a write, other than a stop. */
  private broken: StreamError["reason"] | undefined
  private isWriting = false
  /** The waiter of the running write. */
  private writer: ((next: Effect.Effect<void, StreamError>) => void) | undefined
  private isUnconfirmed = false
  // Made when somebody waits.
  private idle: Source<void, StreamError> | undefined
  private stopping: Source<Option.Option<CloseCode>, StreamError> | undefined

  constructor(native: Iroh.SendStream, carrier: Carrier) {
    this.native = native
    this.carrier = carrier
    carrier.parts.add(this)
    if (carrier.ended !== undefined) this.endConnection(carrier.ended)
  }

  // Getters, so that a stream costs no functions that nobody calls; bound, since they may be taken off the stream.
  get write(): TransportSend["write"] {
    return (bytes) => this.writing(bytes, 0)
  }

  get finish(): Effect.Effect<void, StreamError> {
    return Effect.suspend(() => {
      const { failure } = this
      if (failure !== undefined) return failure
      this.finishNow()
      return Effect.void
    })
  }

  get reset(): TransportSend["reset"] {
    return (code) => Effect.sync(() => this.resetNow(code))
  }

  get stopped(): Effect.Effect<Option.Option<CloseCode>, StreamError> {
    return (this.stopping ??= new Source<Option.Option<CloseCode>, StreamError>({
      poll: () => this.pollStopped(),
      isReady: () => this.state.stopCode !== undefined || this.state.isOver,
      onDemand: () => {
        if (this.isUnconfirmed) this.carrier.confirmNow()
      }
    })).next
  }

  get setPriority(): TransportSend["setPriority"] {
    return (priority) =>
      Effect.sync(() => {
        if (!this.state.isEnded) void this.native.setPriority(priority).catch(nothing)
      })
  }

  end(code: CloseCode | undefined): void {
    if (this.state.isEnded) return
    if (code === undefined) this.finishNow()
    else this.resetNow(code)
  }

  /** Asks the binding how a finished stream ended. */
  confirm(): void {
    this.isUnconfirmed = false
    void this.native.stopped().then((code) => {
      if (code === null) this.state.acknowledge()
      else this.stop(closeCode(code))
      this.stopping?.notify()
    }, nothing)
  }

  endConnection(reason: CloseReason): void {
    this.state.endConnection(reason)
    this.notify()
  }

  private get hasFailed(): boolean {
    return this.state.hasFailed || this.broken !== undefined
  }

  private get failure(): Exit.Exit<never, StreamError> | undefined {
    const failure = this.state.failure ?? this.broken
    return failure && fail(failure)
  }

  private pollStopped(): Exit.Exit<Option.Option<CloseCode>, StreamError> | undefined {
    const { isOver, stopCode } = this.state
    if (stopCode !== undefined) return Exit.succeed(Option.some(stopCode))
    if (!isOver) return undefined
    const { failure } = this.state
    return failure?._tag === "ConnectionEnded" ? fail(failure) : Exit.succeed(Option.none())
  }

  /** Waits until no write is running. */
  private get idling(): Effect.Effect<void, StreamError> {
    return (this.idle ??= new Source<void, StreamError>({
      poll: () => this.failure ?? (this.isWriting ? undefined : Exit.void),
      isReady: () => !this.isWriting || this.hasFailed
    })).next
  }

  /** Hands over a chunk, and then the rest. A write whose writer was interrupted goes on. */
  private writing(bytes: Uint8Array, start: number): Effect.Effect<void, StreamError> {
    return Effect.callback((resume) => {
      const { failure } = this
      if (failure !== undefined) return resume(failure)
      if (start >= bytes.length) return resume(Exit.void)
      if (this.isWriting) return resume(Effect.flatMap(this.idling, () => this.writing(bytes, start)))
      const end = Math.min(start + maxChunk, bytes.length)
      this.isWriting = true
      this.writer = resume
      this.native.write(arrayOf(bytes, start, end)).then(
        (sent) => {
          this.carrier.bytesSent += sent
          this.settle(start + sent === bytes.length ? Exit.void : this.writing(bytes, start + sent))
        },
        (cause) =>
          void this.carrier.failure(cause).then((reason) => {
            if (reason._tag === "StreamStopped") this.stop(reason.code)
            else this.broken = reason
            this.settle(this.failure ?? fail(reason))
          })
      )
      return Effect.sync(() => {
        this.writer = undefined
      })
    })
  }

  /** The running write has ended. */
  private settle(next: Effect.Effect<void, StreamError>): void {
    this.isWriting = false
    const { writer } = this
    this.writer = undefined
    this.idle?.notify()
    writer?.(next)
  }

  private finishNow(): void {
    if (!this.state.finish()) return
    this.native.finish().then(() => {
      this.isUnconfirmed = true
      this.carrier.confirm(this)
      // Somebody has waited since before the end.
      if (this.stopping !== undefined && this.stopping.waiting > 0) this.carrier.confirmNow()
    }, nothing)
    this.notify()
  }

  private resetNow(code: CloseCode): void {
    if (!this.state.reset()) return
    this.sendReset(code)
  }

  private stop(code: CloseCode): void {
    if (this.state.stop(code)) this.sendReset(code)
  }

  private sendReset(code: CloseCode): void {
    this.notify()
    // The binding has nothing left to do once it has taken the reset.
    void this.native
      .reset(code)
      .catch(nothing)
      .then(() => this.state.acknowledge())
  }

  private notify(): void {
    const { writer } = this
    const failure = writer && this.failure
    if (failure !== undefined) {
      this.writer = undefined
      writer?.(failure)
    }
    this.idle?.notify()
    this.stopping?.notify()
  }

  private over(): void {
    this.carrier.parts.delete(this)
  }
}

/** The receiving side. */
export class NativeRecv implements TransportRecv, Part, SourceOptions<Option.Option<Uint8Array>, StreamError> {
  private readonly native: Iroh.RecvStream
  private readonly carrier: Carrier
  private readonly state = new RecvState(() => this.over())
  private broken: StreamError["reason"] | undefined
  private isReading = false
  private rest: Uint8Array | undefined
  private readonly bytes: Source<Option.Option<Uint8Array>, StreamError> = new Source(this)

  constructor(native: Iroh.RecvStream, carrier: Carrier) {
    this.native = native
    this.carrier = carrier
    carrier.parts.add(this)
    if (carrier.ended !== undefined) this.endConnection(carrier.ended)
  }

  // Getters, as for the sending side.
  get read(): TransportRecv["read"] {
    return (limit) => (limit === undefined ? this.bytes.next : this.bytes.nextBy(() => this.poll(Math.max(1, limit))))
  }

  get stop(): TransportRecv["stop"] {
    return (code) => Effect.sync(() => this.end(code))
  }

  end(code: CloseCode): void {
    const tell = this.state.stop()
    this.rest = undefined
    this.bytes.notify()
    if (!tell) return
    void this.native
      .stop(code)
      .catch(nothing)
      // The binding drops later bytes of the peer.
      .then(() => this.state.finish())
  }

  /** Whether a reader would get something: bytes, the end or a failure. */
  isReady(): boolean {
    const { hasEnd, hasFailed, isLost } = this.state
    return this.rest !== undefined || this.broken !== undefined || hasEnd || hasFailed || isLost
  }

  /** Takes at most so many bytes. */
  poll(limit = maxChunk): Exit.Exit<Option.Option<Uint8Array>, StreamError> | undefined {
    const { failure } = this.state
    if (failure !== undefined) return fail(failure)
    const { rest } = this
    if (rest !== undefined) {
      const isLast = rest.length <= limit
      this.rest = isLast ? undefined : rest.subarray(limit)
      // A view of a small array moves its bytes out of the heap, at ten times its cost.
      return Exit.succeed(Option.some(isLast ? rest : rest.subarray(0, limit)))
    }
    if (this.state.readEnd()) return Exit.succeed(Option.none())
    const { lost } = this
    return lost && fail(lost)
  }

  /** Somebody waits for bytes. */
  onDemand(): void {
    if (this.isReading || this.state.isEnded || this.rest !== undefined || this.state.hasEnd) return
    this.isReading = true
    this.native.read(maxChunk).then(
      (bytes) => {
        this.isReading = false
        this.carrier.bytesReceived += bytes.length
        if (bytes.length === 0) this.state.finish()
        else if (this.state.wantsBytes) this.rest = new Uint8Array(bytes)
        this.bytes.notify()
        if (this.bytes.waiting > 0) this.onDemand()
      },
      (cause) =>
        void this.carrier.failure(cause).then((reason) => {
          this.isReading = false
          if (reason._tag === "StreamReset") this.state.reset(reason.code)
          else if (reason._tag === "ConnectionEnded") this.state.endConnection(reason.closeReason)
          else this.broken = reason
          this.bytes.notify()
        })
    )
  }

  endConnection(reason: CloseReason): void {
    // A running read returns the remaining bytes.
    if (this.isReading) return
    this.state.endConnection(reason)
    this.bytes.notify()
  }

  private get lost(): StreamError["reason"] | undefined {
    return this.broken ?? this.state.lost
  }

  private over(): void {
    this.carrier.parts.delete(this)
  }
}
