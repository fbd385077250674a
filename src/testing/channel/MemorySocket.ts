/**
 * A client and its socket without a network: what it sends is received at once, what it is sent waits to be read.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"

import type { Receiver, Transport } from "../../channel/engine/Transport.ts"
import type { Frame, Payload, Wire } from "../../channel/wire/Message.ts"
import * as Reserved from "../../channel/wire/Reserved.ts"
import { decode, encode, replyOf } from "./Frames.ts"
import type { Message, Outgoing, Reply } from "./Frames.ts"

/**
 * The socket is closed, so that nothing more comes. Look at `code`: 1000 to 1013 say who closed it and why, 1006 is a lost connection.
 *
 * @category errors
 * @since 0.1.0
 */
export class SocketClosed extends Schema.TaggedError<SocketClosed>()("fairlead/testing/SocketClosed", {
  code: Schema.Int,
  reason: Schema.String
}) {
  override get message() {
    return `The socket is closed with ${this.code}${this.reason === "" ? "" : `, ${this.reason}`}: connect anew`
  }
}

/**
 * The channel ended before it answered. With `phx_error` it crashed: the server's log names the interceptor.
 *
 * @category errors
 * @since 0.1.0
 */
export class ChannelEnded extends Schema.TaggedError<ChannelEnded>()("fairlead/testing/ChannelEnded", {
  topic: Schema.String,
  event: Schema.Literals([Reserved.close, Reserved.error])
}) {
  override get message() {
    return `The channel of "${this.topic}" ended with ${this.event} and without an answer: join it anew`
  }
}

interface Pending {
  readonly topic: string
  readonly joinRef: string | null
  readonly resume: (exit: Exit.Exit<Reply, ChannelEnded | SocketClosed>) => void
}

interface Taker {
  readonly wants: (message: Message) => boolean
  readonly resume: (exit: Exit.Exit<Message, SocketClosed>) => void
}

/** Wakes a fiber when the server is done with what it does now, as news over a network would. */
const soon =
  <A>(resume: (value: A) => void) =>
  (value: A): void =>
    queueMicrotask(() => resume(value))

// One function for all sockets, so that a broadcast is encoded once.
const prepare = (frame: Frame): Frame => frame

/** The client's end. Internal to the testing kits. */
export class MemorySocket {
  readonly received: Array<Message> = []
  /** What became of the socket. */
  end: SocketClosed | undefined = undefined
  /** Whether the server reads what is sent; else it waits. */
  heard = true
  private readonly version: Wire["version"]
  private readonly receiver: Receiver
  private readonly onEnd: () => void
  private readonly unread: Array<Message> = []
  private readonly takers: Array<Taker> = []
  private readonly pushes = new Map<string, Pending>()
  private readonly joinRefs = new Map<string, string>()
  private readonly drained: Array<() => void> = []
  private unheard: Array<Frame> = []
  private reads = true
  private refs = 0

  constructor(version: Wire["version"], open: (transport: Transport) => Receiver, onEnd: () => void) {
    this.version = version
    this.onEnd = onEnd
    this.receiver = open({
      prepare,
      write: (frame) => this.got(frame),
      ready: () => this.reads,
      onDrain: (listener) => void this.drained.push(listener),
      pause: () => void (this.heard = false),
      // As on a network, nothing is received before this returns.
      resume: () => {
        this.heard = true
        queueMicrotask(() => this.hear())
      },
      close: (code, reason) => this.close(code, reason)
    })
  }

  /** Sends a message; its ref. */
  notify(topic: string, event: string, payload: Payload): string {
    const ref = String(++this.refs)
    if (event === Reserved.join) this.joinRefs.set(topic, ref)
    const message: Outgoing = { joinRef: this.joinRefs.get(topic) ?? null, ref, topic, event, payload }
    this.send(encode(this.version, message))
    return ref
  }

  /** Sends a message; its reply. */
  push(topic: string, event: string, payload: Payload): Effect.Effect<Reply, ChannelEnded | SocketClosed> {
    return Effect.callback((resume) => {
      if (this.end !== undefined) return resume(Effect.fail(this.end))
      const ref = String(this.refs + 1)
      const joinRef = event === Reserved.join ? ref : (this.joinRefs.get(topic) ?? null)
      this.pushes.set(ref, { topic, joinRef, resume: soon(resume) })
      this.notify(topic, event, payload)
      return Effect.sync(() => this.pushes.delete(ref))
    })
  }

  /** Takes the first message that is wanted, of those that nobody waited for. */
  next(wants: (message: Message) => boolean): Effect.Effect<Message, SocketClosed> {
    return Effect.callback((resume) => {
      const at = this.unread.findIndex(wants)
      const [found] = at === -1 ? [] : this.unread.splice(at, 1)
      if (found !== undefined) return resume(Effect.succeed(found))
      if (this.end !== undefined) return resume(Effect.fail(this.end))
      const taker = { wants, resume: soon(resume) }
      this.takers.push(taker)
      return Effect.sync(() => this.takers.splice(this.takers.indexOf(taker), 1))
    })
  }

  /** Sends a frame as it is. */
  send(frame: Frame): void {
    if (this.end !== undefined) return
    this.unheard.push(frame)
    this.hear()
  }

  /** Stops and goes on reading: a peer that does not read is a slow one. */
  read(reads: boolean): void {
    this.reads = reads
    if (reads) for (const listener of this.drained.splice(0)) listener()
  }

  /** Ends it, from either side. */
  close(code: number, reason: string): void {
    if (this.end !== undefined) return
    this.end = new SocketClosed({ code, reason })
    this.unheard = []
    const closed = Exit.fail(this.end)
    for (const { resume } of [...this.pushes.values(), ...this.takers]) resume(closed)
    queueMicrotask(this.onEnd)
  }

  /** Tells the server of the end. */
  tellEnd(code: number): void {
    this.receiver.closed(code)
  }

  private hear(): void {
    while (this.heard && this.unheard.length > 0) this.receiver.receive(this.unheard.shift()!)
  }

  private got(frame: Frame): void {
    if (this.end !== undefined) return
    const message = decode(this.version, frame)
    this.received.push(message)
    const reply = replyOf(message)
    const pending = reply === undefined ? undefined : this.pushes.get(String(message.ref))
    if (reply !== undefined && pending !== undefined) {
      this.pushes.delete(String(message.ref))
      // A refused join leaves nothing behind.
      if (reply.status !== "ok" && this.joinRefs.get(message.topic) === message.ref) this.joinRefs.delete(message.topic)
      return pending.resume(Exit.succeed(reply))
    }
    if (message.event === Reserved.close || message.event === Reserved.error) this.ended(message, message.event)
    const at = this.takers.findIndex(({ wants }) => wants(message))
    const [taker] = at === -1 ? [] : this.takers.splice(at, 1)
    if (taker === undefined) this.unread.push(message)
    else taker.resume(Exit.succeed(message))
  }

  private ended({ ref, topic }: Message, event: ChannelEnded["event"]): void {
    // V1 does not say which join it was.
    const isOf = (joinRef: string | null | undefined): boolean => ref === null || joinRef === ref
    if (isOf(this.joinRefs.get(topic))) this.joinRefs.delete(topic)
    for (const [pushed, pending] of this.pushes) {
      if (pending.topic !== topic || !isOf(pending.joinRef)) continue
      this.pushes.delete(pushed)
      pending.resume(Exit.fail(new ChannelEnded({ topic, event })))
    }
  }
}
