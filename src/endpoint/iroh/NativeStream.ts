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
import type { TransportRecv, TransportSend } from "../EndpointTransport.ts"

const maxChunk = 65_536

/** A part of a stream, as its connection knows it. */
export interface Part {
  /** The connection has ended. */
  readonly endConnection: (reason: CloseReason) => void
}

/** The connection, as its streams use it. */
export interface Carrier {
  readonly ended: CloseReason | undefined
  /** The parts that have not reached their end: a garbage-collected one would look finished to the peer. */
  readonly parts: Set<Part>
  /** The error of a failed call of a stream, or of the end of the connection. */
  readonly failure: (cause: unknown) => Promise<StreamError["reason"]>
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
  private readonly idle: Source<void, StreamError> = new Source({
    poll: () => this.failure ?? (this.isWriting ? undefined : Exit.void),
    isReady: () => !this.isWriting || this.hasFailed
  })
  private readonly stopping: Source<Option.Option<CloseCode>, StreamError> = new Source({
    poll: () => {
      const { isOver, stopCode } = this.state
      if (stopCode !== undefined) return Exit.succeed(Option.some(stopCode))
      if (!isOver) return undefined
      const { failure } = this.state
      return failure?._tag === "ConnectionEnded" ? fail(failure) : Exit.succeed(Option.none())
    },
    isReady: () => this.state.stopCode !== undefined || this.state.isOver
  })

  constructor(native: Iroh.SendStream, carrier: Carrier) {
    this.native = native
    this.carrier = carrier
    carrier.parts.add(this)
    if (carrier.ended !== undefined) this.endConnection(carrier.ended)
  }

  readonly write = (bytes: Uint8Array): Effect.Effect<void, StreamError> =>
    Effect.suspend(() => {
      const { failure } = this
      if (failure !== undefined) return failure
      return bytes.length === 0 ? Effect.void : this.writeFrom(bytes, 0)
    })

  get finish(): Effect.Effect<void, StreamError> {
    return Effect.suspend(() => {
      const { failure } = this
      if (failure !== undefined) return failure
      this.finishNow()
      return Effect.void
    })
  }

  readonly reset = (code: CloseCode): Effect.Effect<void> => Effect.sync(() => this.resetNow(code))

  get stopped(): Effect.Effect<Option.Option<CloseCode>, StreamError> {
    return this.stopping.next
  }

  readonly setPriority = (priority: number): Effect.Effect<void> =>
    Effect.sync(() => {
      if (!this.state.isEnded) void this.native.setPriority(priority).catch(nothing)
    })

  readonly end = (code: CloseCode | undefined): void => {
    if (this.state.isEnded) return
    if (code === undefined) this.finishNow()
    else this.resetNow(code)
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

  private writeFrom(bytes: Uint8Array, start: number): Effect.Effect<void, StreamError> {
    if (start >= bytes.length) return Effect.void
    const handOver = this.handOver(bytes, start)
    return this.isWriting || this.hasFailed ? Effect.flatMap(this.idle.next, () => handOver) : handOver
  }

  /** Hands over a chunk, and then the rest. A write whose writer was interrupted goes on. */
  private handOver(bytes: Uint8Array, start: number): Effect.Effect<void, StreamError> {
    return Effect.callback((resume) => {
      const end = Math.min(start + maxChunk, bytes.length)
      this.isWriting = true
      this.writer = resume
      const settle = (next: Effect.Effect<void, StreamError>): void => {
        this.isWriting = false
        const { writer } = this
        this.writer = undefined
        this.idle.notify()
        writer?.(next)
      }
      this.native.write(arrayOf(bytes, start, end)).then(
        (sent) => {
          this.carrier.bytesSent += sent
          settle(start + sent === bytes.length ? Exit.void : Effect.suspend(() => this.writeFrom(bytes, start + sent)))
        },
        (cause) =>
          void this.carrier.failure(cause).then((reason) => {
            if (reason._tag === "StreamStopped") this.stop(reason.code)
            else this.broken = reason
            settle(this.failure ?? fail(reason))
          })
      )
      return Effect.sync(() => {
        this.writer = undefined
      })
    })
  }

  private finishNow(): void {
    if (!this.state.finish()) return
    const { native } = this
    void native
      .finish()
      .then(() => native.stopped())
      .then((code) => {
        if (code === null) this.state.acknowledge()
        else this.stop(closeCode(code))
        this.stopping.notify()
      })
      .catch(nothing)
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
    this.idle.notify()
    this.stopping.notify()
  }

  private over(): void {
    this.carrier.parts.delete(this)
  }
}

/** The receiving side. */
export class NativeRecv implements TransportRecv, Part {
  private readonly native: Iroh.RecvStream
  private readonly carrier: Carrier
  private readonly state = new RecvState(() => this.over())
  private broken: StreamError["reason"] | undefined
  private isReading = false
  private rest: Uint8Array | undefined
  private readonly bytes: Source<Option.Option<Uint8Array>, StreamError> = new Source({
    poll: () => this.poll(maxChunk),
    isReady: () =>
      this.rest !== undefined ||
      this.broken !== undefined ||
      this.state.hasEnd ||
      this.state.hasFailed ||
      this.state.isLost,
    onDemand: () => this.fetch()
  })

  constructor(native: Iroh.RecvStream, carrier: Carrier) {
    this.native = native
    this.carrier = carrier
    carrier.parts.add(this)
    if (carrier.ended !== undefined) this.endConnection(carrier.ended)
  }

  readonly read = (limit = maxChunk): Effect.Effect<Option.Option<Uint8Array>, StreamError> =>
    this.bytes.nextBy(() => this.poll(Math.max(1, limit)))

  readonly stop = (code: CloseCode): Effect.Effect<void> => Effect.sync(() => this.end(code))

  readonly end = (code: CloseCode): void => {
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

  endConnection(reason: CloseReason): void {
    // A running read returns the remaining bytes.
    if (this.isReading) return
    this.state.endConnection(reason)
    this.bytes.notify()
  }

  private get lost(): StreamError["reason"] | undefined {
    return this.broken ?? this.state.lost
  }

  private poll(limit: number): Exit.Exit<Option.Option<Uint8Array>, StreamError> | undefined {
    const { failure } = this.state
    if (failure !== undefined) return fail(failure)
    const { rest } = this
    if (rest !== undefined) {
      const bytes = rest.subarray(0, limit)
      this.rest = bytes.length < rest.length ? rest.subarray(bytes.length) : undefined
      return Exit.succeed(Option.some(bytes))
    }
    if (this.state.readEnd()) return Exit.succeed(Option.none())
    const { lost } = this
    return lost && fail(lost)
  }

  private fetch(): void {
    if (this.isReading || this.state.isEnded || this.rest !== undefined || this.state.hasEnd) return
    this.isReading = true
    this.native.read(maxChunk).then(
      (bytes) => {
        this.isReading = false
        this.carrier.bytesReceived += bytes.length
        if (bytes.length === 0) this.state.finish()
        else if (this.state.wantsBytes) this.rest = Uint8Array.from(bytes)
        this.bytes.notify()
        if (this.bytes.waiting > 0) this.fetch()
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

  private over(): void {
    this.carrier.parts.delete(this)
  }
}
