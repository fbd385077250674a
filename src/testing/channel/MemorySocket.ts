/**
 * A client and its socket without a network. The server receives the client's messages at once; the server's messages wait until the client reads them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import type { Frame, Payload } from "../../channel/Payload.ts"
import type { Receiver, Transport } from "../../channel/Transport.ts"
import * as Reserved from "../../channel/wire/Reserved.ts"
import { decode, encode, replyOf } from "./Frames.ts"
import type { Message, Outgoing, Reply, Version } from "./Frames.ts"
import { ChannelEnded, SocketClosed } from "./SocketErrors.ts"

interface Pending {
  readonly topic: string
  readonly joinRef: string | null
  readonly resume: (exit: Exit.Exit<Reply, ChannelEnded | SocketClosed>) => void
}

interface Taker {
  readonly wants: (message: Message) => boolean
  readonly resume: (exit: Exit.Exit<Message, SocketClosed>) => void
}

/** Wakes a fiber after the server's current step, as a packet from a network would. */
const soon =
  <A>(resume: (value: A) => void) =>
  (value: A): void =>
    queueMicrotask(() => resume(value))

// One function for all sockets, so that a broadcast is encoded once.
const prepare = (frame: Frame): Frame => frame

/** The client's end. Internal to the testing kits. */
export class MemorySocket {
  readonly received: Array<Message> = []
  /** The code and the reason with which the socket closed. */
  end: SocketClosed | undefined = undefined
  private readonly version: Version
  private readonly receiver: Receiver
  private readonly onEnd: () => void
  private readonly unread: Array<Message> = []
  private readonly takers: Array<Taker> = []
  private readonly pushes = new Map<string, Pending>()
  private readonly joinRefs = new Map<string, string>()
  private readonly drained: Array<() => void> = []
  private reads = true
  private refs = 0

  constructor(version: Version, open: (transport: Transport) => Receiver, onEnd: () => void) {
    this.version = version
    this.onEnd = onEnd
    this.receiver = open({
      prepare,
      write: (frame) => this.got(frame),
      ready: () => this.reads,
      onDrain: (listener) => void this.drained.push(listener),
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

  /** Takes the first unread message that `wants` accepts, or waits for one. */
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
    this.receiver.receive(frame)
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
    const closed = Exit.fail(this.end)
    for (const { resume } of [...this.pushes.values(), ...this.takers]) resume(closed)
    queueMicrotask(this.onEnd)
  }

  /** Reports the end of the socket to the server. */
  tellEnd(code: number): void {
    this.receiver.closed(code)
  }

  private got(frame: Frame): void {
    if (this.end !== undefined) return
    const message = decode(this.version, frame)
    this.received.push(message)
    const reply = replyOf(message)
    const pending = reply === undefined ? undefined : this.pushes.get(String(message.ref))
    if (reply !== undefined && pending !== undefined) {
      this.pushes.delete(String(message.ref))
      // The ref of a refused join is forgotten.
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
