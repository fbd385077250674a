/**
 * The two parts of a stream as state machines (RFC 9000 §3). They hold no socket and no timer: a transport reports events to them, and sends their answers.
 * Internal to the endpoint part.
 *
 * 1. A part that was ended, here or by the peer, reaches its last state by itself: a stop by the peer is answered with a reset, whatever the application does.
 * 2. The first end wins. Later ends change nothing, and nothing is sent for them.
 * 3. The end of the connection ends both parts.
 *
 * @since 0.1.0
 */
import type { CloseCode } from "../CloseCode.ts"
import type { CloseReason } from "../EndpointConnection.ts"
import type { StreamError } from "../EndpointError.ts"
import { ConnectionEnded, StreamFinished, StreamReset, StreamStopped } from "../EndpointError.ts"

type Reason = StreamError["reason"]

/** The sending part (RFC 9000 §3.1). `ready` and `send` are one state here: the peer sees a stream with its first byte. */
export class SendState {
  private readonly onOver: () => void
  private state: "send" | "data-sent" | "data-received" | "reset-sent" | "reset-received" | "connection-ended" = "send"
  private stoppedCode: CloseCode | undefined
  private ended: CloseReason | undefined

  /** `onOver` runs once, when the last state is reached. */
  constructor(onOver: () => void = () => {}) {
    this.onOver = onOver
  }

  /** Whether the transport has nothing left to do for it. */
  get isOver(): boolean {
    return this.state === "data-received" || this.state === "reset-received" || this.state === "connection-ended"
  }

  /** Whether the application, or the peer, has ended it. */
  get isEnded(): boolean {
    return this.state !== "send"
  }

  /** Whether nothing can be written any more: `failure`, without the cost of an error that nobody reads. */
  get hasFailed(): boolean {
    return this.state !== "send"
  }

  /** Why nothing can be written; `undefined` while it can. */
  get failure(): Reason | undefined {
    if (this.stoppedCode !== undefined) return new StreamStopped({ code: this.stoppedCode })
    if (this.state === "data-sent" || this.state === "reset-sent") return new StreamFinished({})
    if (this.ended !== undefined) return new ConnectionEnded({ closeReason: this.ended })
    return this.state === "send" ? undefined : new StreamFinished({})
  }

  /** The code with which the peer stopped it. */
  get stopCode(): CloseCode | undefined {
    return this.stoppedCode
  }

  /** The application has written all. Answers whether the transport has to send the end. */
  finish(): boolean {
    if (this.state !== "send") return false
    this.state = "data-sent"
    return true
  }

  /** The application resets it. Returns whether the transport has to send a reset. */
  reset(): boolean {
    if (this.state !== "send" && this.state !== "data-sent") return false
    this.state = "reset-sent"
    return true
  }

  /** The peer reads it no more. Answers whether the transport has to send a reset with that code (RFC 9000 §3.5). */
  stop(code: CloseCode): boolean {
    if (this.isOver || this.state === "reset-sent") return false
    this.stoppedCode = code
    this.state = "reset-sent"
    return true
  }

  /** The peer has all: the bytes and their end, or the reset. */
  acknowledge(): void {
    if (this.state === "data-sent") this.over("data-received")
    else if (this.state === "reset-sent") this.over("reset-received")
  }

  /** The connection has ended. */
  endConnection(reason: CloseReason): void {
    if (this.isOver) return
    this.ended = reason
    this.over("connection-ended")
  }

  private over(state: "data-received" | "reset-received" | "connection-ended"): void {
    this.state = state
    this.onOver()
  }
}

/** The receiving part (RFC 9000 §3.2). Whether the bytes before the end have been read is the transport's to say. */
export class RecvState {
  private readonly onOver: () => void
  private state: "receive" | "size-known" | "data-read" | "stopped" | "reset-read" | "connection-ended" = "receive"
  private resetCode: CloseCode | undefined
  private isStopped = false
  private ended: CloseReason | undefined

  /** `onOver` runs once, when the last state is reached. */
  constructor(onOver: () => void = () => {}) {
    this.onOver = onOver
  }

  /** Whether the transport has nothing left to do for it. */
  get isOver(): boolean {
    return this.state === "data-read" || this.state === "reset-read" || this.state === "connection-ended"
  }

  /** Whether there is nothing left to stop. */
  get isEnded(): boolean {
    return this.isStopped || this.isOver
  }

  /** Whether bytes that arrive are still wanted. */
  get wantsBytes(): boolean {
    return !this.isStopped && this.resetCode === undefined
  }

  /** Whether the end has arrived, so that nothing comes after what is here. */
  get hasEnd(): boolean {
    return this.state === "size-known" || this.state === "data-read"
  }

  /** Whether all has been read. */
  get isRead(): boolean {
    return this.state === "data-read" && !this.isStopped
  }

  /** Whether nothing can be read any more: `failure`, without the cost of an error that nobody reads. */
  get hasFailed(): boolean {
    return this.isStopped || this.resetCode !== undefined
  }

  /** Why nothing can be read, whatever has arrived; `undefined` while it can. */
  get failure(): Reason | undefined {
    if (this.isStopped) return new StreamFinished({})
    return this.resetCode === undefined ? undefined : new StreamReset({ code: this.resetCode })
  }

  /** Whether nothing more will arrive because the connection has ended. */
  get isLost(): boolean {
    return this.ended !== undefined
  }

  /** Why nothing more will arrive. */
  get lost(): Reason | undefined {
    return this.ended === undefined ? undefined : new ConnectionEnded({ closeReason: this.ended })
  }

  /** The application reads it no more. Returns whether the transport has to send a stop. */
  stop(): boolean {
    if (this.isStopped || this.isOver) return false
    this.isStopped = true
    if (this.state === "size-known") {
      // All bytes are here: no stop is sent.
      this.over("data-read")
      return false
    }
    this.state = "stopped"
    return true
  }

  /** The end has arrived, after all bytes. */
  finish(): void {
    if (this.state === "receive") this.state = "size-known"
    else if (this.state === "stopped") this.over("data-read")
  }

  /** Asked when nothing is left to read: whether that was the end. */
  readEnd(): boolean {
    if (this.state === "size-known") this.over("data-read")
    return this.isRead
  }

  /** The peer has reset it. */
  reset(code: CloseCode): void {
    if (this.isOver) return
    this.resetCode = code
    this.over("reset-read")
  }

  /** The connection has ended. */
  endConnection(reason: CloseReason): void {
    if (this.isOver || this.state === "size-known") return
    this.ended = reason
    this.over("connection-ended")
  }

  private over(state: "data-read" | "reset-read" | "connection-ended"): void {
    this.state = state
    this.onOver()
  }
}
