/**
 * One connected socket: reads its frames, hands them to the lanes of its topics, and writes what they answer. Internal to the channel part.
 *
 * 1. The protocol's own messages are answered here; everything else is handled in its topic's lane, so that topics never wait for one another.
 * 2. More than `maxPending` messages or `maxPendingBytes` that wait in lanes stop the reading until half of them are handled.
 * 3. It has ended when its transport is gone and its last lane has ended.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"

import type { Reason } from "../ApiTypes.ts"
import type { Message } from "../Broadcaster.ts"
import type { Sent } from "../ChannelHandler.ts"
import { ChannelSocket } from "../ChannelSocket.ts"
import { Undecodable } from "../wire/Message.ts"
import type { Frame, Incoming, Payload, Ref, Wire } from "../wire/Message.ts"
import * as Reserved from "../wire/Reserved.ts"
import * as Fanout from "./Fanout.ts"
import type { Hub } from "./Hub.ts"
import { Lane } from "./Lane.ts"
import { Outbox } from "./Outbox.ts"
import type { Prepared, Receiver, Transport } from "./Transport.ts"

const empty: Payload = {}

/** The services that a socket's handlers provided. */
export type Provided = ReadonlyArray<readonly [key: Context.Key<unknown, unknown>, service: unknown]>

/** A connected socket. */
export class Connection implements Receiver {
  readonly hub: Hub
  readonly wire: Wire
  readonly socket: ChannelSocket["Service"]
  lastSeen: number
  private readonly lanes = new Map<string, Lane>()
  private readonly provided: Provided
  private readonly transport: Transport
  /** Made for the first message that the peer does not take at once. */
  private outbox: Outbox | undefined = undefined
  private readonly detach: (() => void) | undefined
  private pending = 0
  private pendingBytes = 0
  private paused = false
  private closing = false
  private code: number | undefined = undefined
  private onEnd: ((code: number) => void) | undefined = undefined

  constructor(
    hub: Hub,
    wire: Wire,
    transport: Transport,
    socket: Omit<ChannelSocket["Service"], "close">,
    provided: Provided
  ) {
    this.hub = hub
    this.wire = wire
    this.transport = transport
    this.provided = provided
    this.socket = {
      ...socket,
      close: (code = 1000, reason = "") => Effect.sync(() => this.shut(code, reason, "disconnected"))
    }
    this.lastSeen = hub.clock.currentTimeMillisUnsafe()
    this.detach =
      socket.id === undefined
        ? undefined
        : hub.broadcaster.attach(socket.id, { deliver: (message) => this.onOwnTopic(message) })
    hub.connections.add(this)
  }

  /** Succeeds with the close code when the transport is gone and the last channel has ended. */
  get ended(): Effect.Effect<number> {
    return Effect.callback((resume) => {
      this.onEnd = (code) => resume(Effect.succeed(code))
      this.settle()
    })
  }

  touch(): void {
    this.lastSeen = this.hub.clock.currentTimeMillisUnsafe()
  }

  /** Closes it if the client has been silent since then. Where it is not read, its silence means nothing: it is asked whether it is there. */
  sweep(since: number): void {
    if (this.lastSeen > since) return
    if (!this.paused) this.shut(1002, "idle timeout", "disconnected")
    else if (this.transport.ready()) this.transport.ping?.()
  }

  /** Whether the client is being read. */
  get reads(): boolean {
    return !this.paused
  }

  receive(frame: Frame): void {
    if (this.closing) return
    this.touch()
    const message = this.wire.decode(frame, this.hub.settings.wire)
    if (message instanceof Undecodable) {
      this.hub.fork(Effect.logDebug(`Closing a socket of "${this.hub.name}": ${message.reason}`))
      return this.shut(1011, "undecodable message", "disconnected")
    }
    this.route(message, frame.length)
  }

  closed(code: number): void {
    if (this.code !== undefined) return
    this.code = code
    this.outbox?.clear()
    this.detach?.()
    this.hub.connections.delete(this)
    // Where the server closed it, the channels were told why.
    if (!this.closing) this.endLanes("disconnected")
    this.settle()
  }

  /** Ends the channels and says goodbye. */
  shut(code: number, reason: string, why: Reason): void {
    if (this.closing) return
    this.endLanes(why)
    this.transport.close(code, reason)
  }

  /** Lets the client go to another server, or to this one when it is back. */
  drain(): void {
    this.shut(1012, "the server restarts", "shutdown")
  }

  private endLanes(why: Reason): void {
    this.closing = true
    for (const lane of this.lanes.values()) lane.terminate(why)
  }

  /** More waits for the client than may. */
  overflow(): void {
    this.shut(1013, "the client reads too slowly", "disconnected")
  }

  private onOwnTopic({ event }: Message): void {
    if (event === Reserved.disconnect) this.shut(1001, "disconnected by the server", "disconnected")
  }

  private settle(): void {
    if (this.code !== undefined && this.lanes.size === 0) this.onEnd?.(this.code)
  }

  private route(message: Incoming, size: number): void {
    const { event, joinRef, ref, topic } = message
    if (topic === Reserved.phoenix && event === Reserved.heartbeat) return this.reply(null, ref, topic, "ok", empty)
    const lane = this.lanes.get(topic)
    if (lane !== undefined) return event === Reserved.join ? lane.join(message, size) : lane.receive(message, size)
    if (event === Reserved.leave) return this.reply(joinRef, ref, topic, "ok", empty)
    const channel = event === Reserved.join ? this.hub.find(topic) : undefined
    if (channel === undefined) return this.unmatched(message)
    if (this.lanes.size >= this.hub.settings.maxChannels) {
      return this.reply(joinRef, ref, topic, "error", { reason: "too many channels joined" })
    }
    const opened = new Lane(this, topic, channel)
    this.lanes.set(topic, opened)
    opened.join(message, size)
  }

  /** A lane that has nothing more to do. */
  dropLane(lane: Lane): void {
    if (this.lanes.get(lane.topic) === lane) this.lanes.delete(lane.topic)
    this.settle()
  }

  /** Counts the messages that wait in lanes, and their bytes. */
  waits(count: number, bytes: number): void {
    this.pending += count
    this.pendingBytes += bytes
    const { maxPending, maxPendingBytes } = this.hub.settings
    if (this.paused) {
      if (this.pending > maxPending / 2 || this.pendingBytes > maxPendingBytes / 2) return
      this.paused = false
      this.touch()
      this.transport.resume()
    } else if (this.pending > maxPending || this.pendingBytes > maxPendingBytes) {
      this.paused = true
      this.transport.pause()
    }
  }

  unmatched({ ref, topic }: Incoming): void {
    this.reply(null, ref, topic, "error", { reason: "unmatched topic" })
  }

  reply(joinRef: Ref, ref: Ref, topic: string, status: string, payload: Payload): void {
    const sent = this.outgoing({ kind: "reply", topic, event: status, payload })
    if (sent === undefined) return
    this.send(
      this.wire.reply(joinRef, ref, topic, sent.event, sent.payload) ?? this.noBytes(joinRef, ref, topic),
      false
    )
  }

  push(joinRef: Ref, topic: string, event: string, payload: Payload): void {
    const sent = this.outgoing({ kind: "push", topic, event, payload })
    if (sent !== undefined) this.send(this.wire.push(joinRef, topic, sent.event, sent.payload), true)
  }

  broadcast(message: Message): void {
    if (this.hub.outgoing.length > 0) {
      const asked: Sent = { kind: "broadcast", ...message }
      const sent = this.outgoing(asked)
      if (sent === undefined) return
      if (sent !== asked) return this.send(this.wire.broadcast(sent.topic, sent.event, sent.payload), true)
    }
    const prepared = Fanout.prepare(message, this.wire, this.transport)
    if (prepared !== undefined) this.write(prepared, true)
  }

  /** Tells that a channel has ended. */
  channelEnded(joinRef: Ref, topic: string, event: "phx_close" | "phx_error"): void {
    const payload = event === Reserved.error ? { reason: "channel_crash" } : {}
    this.send(this.wire.ended(joinRef, topic, event, payload), false)
  }

  // A handler that replies with bytes cannot know which version its client speaks.
  private noBytes(joinRef: Ref, ref: Ref, topic: string): Frame | undefined {
    return this.wire.reply(joinRef, ref, topic, "error", { reason: "a binary reply needs vsn 2.0.0" })
  }

  private send(frame: Frame | undefined, droppable: boolean): void {
    if (frame !== undefined) this.write(this.transport.prepare(frame), droppable)
  }

  private write(prepared: Prepared, droppable: boolean): void {
    if (this.outbox === undefined) {
      if (this.transport.ready()) return this.transport.write(prepared)
      this.outbox = new Outbox(this.transport, this.hub.settings.slowReader, this)
    }
    this.outbox.send(prepared, droppable)
  }

  // A defect here ends this socket, and must not reach who sends.
  private outgoing(sent: Sent): Sent | undefined {
    for (const { value } of this.hub.outgoing) {
      let decision: ReturnType<typeof value.outgoing>
      try {
        decision = this.hub.run(value.name, "outgoing", () => value.outgoing(sent, this.socket)) as typeof decision
      } catch (defect) {
        this.hub.logDefect(value.name, `its outgoing of "${sent.topic}" closes the socket`, Cause.die(defect))
        this.shut(1011, "internal error", "disconnected")
        return undefined
      }
      if (decision?._tag === "Drop") return undefined
      if (decision?._tag === "Change") {
        sent = { ...sent, event: decision.event ?? sent.event, payload: decision.payload ?? sent.payload }
      }
    }
    return sent
  }

  /** What is there for a hook or a channel of this socket, over what its layer was built with. */
  contextOver(built: Context.Context<never>, scope: Scope.Scope | undefined): Context.Context<any> {
    let context: Context.Context<any> = Context.add(built, ChannelSocket, this.socket)
    for (const [key, service] of this.provided) context = Context.add(context, key, service)
    return scope === undefined ? context : Context.add(context, Scope.Scope, scope)
  }
}
