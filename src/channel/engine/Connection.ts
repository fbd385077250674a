/**
 * One connected socket: reads its frames, hands them to the lanes of its topics, and writes what they answer. Internal to the channel part.
 *
 * 1. The protocol's own messages are answered here; everything else is handled in its topic's lane, so that topics never wait for one another, and a heartbeat for none.
 * 2. It has ended when its transport is gone and its last lane has ended.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"

import type { Watch } from "../../core/Watch.ts"
import type { LeaveReason } from "../ApiTypes.ts"
import type { Delivery } from "../broadcaster/Contract.ts"
import { formatPosition } from "../broadcaster/Position.ts"
import type { Position } from "../broadcaster/Position.ts"
import { ChannelSocket } from "../ChannelSocket.ts"
import type { OutgoingMessage } from "../HandlerMessages.ts"
import type { Prepared, Receiver, Transport } from "../Transport.ts"
import { Undecodable } from "../wire/Message.ts"
import type { Frame, Incoming, Payload, Ref, Wire } from "../wire/Message.ts"
import * as Reserved from "../wire/Reserved.ts"
import { Expiry } from "./Expiry.ts"
import { contextOf } from "./HandlerHooks.ts"
import type { Owner, Provided } from "./HandlerHooks.ts"
import type { Hub, HubSocket } from "./Hub.ts"
import { Lane } from "./Lane.ts"
import { OpenSocket } from "./OpenSocket.ts"
import type { SocketIdentity } from "./OpenSocket.ts"
import { Outbox } from "./Outbox.ts"
import type { Follower, Peer } from "./Peer.ts"

const empty: Payload = {}

/** A connected socket. */
export class Connection implements Receiver, Peer, HubSocket {
  private readonly hub: Hub
  private readonly wire: Wire
  private readonly transport: Transport
  private readonly provided: Provided
  private readonly watch: Watch | undefined
  private readonly identity: SocketIdentity
  private opened: OpenSocket | undefined = undefined
  private readonly lanes = new Map<string, Lane>()
  private lastSeenMillis: number
  /** Made for the first message that the peer does not take at once. */
  private outbox: Outbox | undefined = undefined
  private unsubscribe: (() => void) | undefined = undefined
  private pendingBytes = 0
  private expiry: Expiry | undefined = undefined
  private closing = false
  private overflown = false
  private code: number | undefined = undefined
  /** Called once with the close code, when the transport is gone and the last channel has ended. */
  onEnd: ((code: number) => void) | undefined = undefined

  constructor(
    hub: Hub,
    wire: Wire,
    transport: Transport,
    identity: SocketIdentity,
    provided: Provided,
    watch: Watch | undefined
  ) {
    this.watch = watch
    this.hub = hub
    this.wire = wire
    this.transport = transport
    this.provided = provided
    this.identity = identity
    this.lastSeenMillis = hub.clock.currentTimeMillisUnsafe()
    hub.sockets.add(this)
  }

  /** The socket as hooks and handlers see it, made for the first of them. */
  get socket(): ChannelSocket["Service"] {
    return (this.opened ??= new OpenSocket(this, this.identity))
  }

  get hooks() {
    return this.hub.hooks
  }

  get settings() {
    return this.hub.settings
  }

  get broadcaster() {
    return this.hub.broadcaster
  }

  get presence() {
    return this.hub.presence
  }

  get carriesPositions(): boolean {
    return this.wire.carriesPositions
  }

  get held(): number {
    return this.outbox?.held ?? 0
  }

  run(interceptor: string, phase: string, hook: () => unknown): unknown {
    return this.watch === undefined ? hook() : this.hooks.run(this.watch, interceptor, phase, hook)
  }

  memberId(): string {
    return this.hub.memberId()
  }

  /** Whether its transport is there. */
  get isOpen(): boolean {
    return this.code === undefined
  }

  touch(): void {
    this.lastSeenMillis = this.hub.clock.currentTimeMillisUnsafe()
  }

  /** Closes it at that time, and no longer at the one before. */
  expire(instant: DateTime.DateTime.Input | undefined): void {
    if (this.code !== undefined) return
    this.expiry ??= new Expiry(this.hub.clock, () => this.shut(1008, "expired", "disconnected"))
    this.expiry.set(instant === undefined ? undefined : DateTime.toEpochMillis(DateTime.makeUnsafe(instant)))
  }

  now(): number {
    return this.hub.clock.currentTimeMillisUnsafe()
  }

  sweep(sinceMillis: number): void {
    if (this.lastSeenMillis <= sinceMillis) this.shut(1002, "idle timeout", "disconnected")
  }

  receive(frame: Frame): void {
    if (this.closing || this.code !== undefined) return
    this.touch()
    const message = this.wire.decode(frame, this.settings.wire)
    if (message instanceof Undecodable) {
      this.hooks.fork(Effect.logDebug(`Closing a socket of "${this.hub.name}": ${message.reason}`))
      return this.shut(1011, "undecodable message", "disconnected")
    }
    this.route(message, frame.length)
  }

  closed(code: number): void {
    if (this.code !== undefined) return
    this.code = code
    this.outbox?.clear()
    this.expiry?.stop()
    this.unsubscribe?.()
    this.hub.sockets.delete(this)
    // Where the server closed it, the channels have been ended with that reason.
    if (!this.closing) this.endLanes("disconnected")
    this.settle()
  }

  /** Ends the channels and says goodbye. */
  shut(code: number, reason: string, why: LeaveReason): void {
    if (this.closing) return
    this.endLanes(why)
    this.transport.close(code, reason)
  }

  drain(): void {
    this.shut(1012, "the server restarts", "shutdown")
  }

  overflow(): void {
    if (this.overflown) return
    this.overflown = true
    this.outbox?.clear()
    this.hub.closeSoon(this)
  }

  closeSlow(): void {
    this.shut(1013, "the client reads too slowly", "disconnected")
  }

  /** Closed by its id, from anywhere. */
  subscribed(unsubscribe: () => void): void {
    if (this.code === undefined) this.unsubscribe = unsubscribe
    else unsubscribe()
  }

  drop(topic: string): void {
    this.lanes.delete(topic)
    this.settle()
  }

  reserve(bytes: number): boolean {
    if (this.pendingBytes + bytes > this.settings.maxSocketPendingBytes) return false
    this.pendingBytes += bytes
    return true
  }

  release(bytes: number): void {
    this.pendingBytes -= bytes
  }

  unmatched(ref: Ref, topic: string): void {
    this.reply(null, ref, topic, "error", { reason: "unmatched topic" })
  }

  reply(joinRef: Ref, ref: Ref, topic: string, status: string, payload: Payload): void {
    const sent = this.outgoing("reply", topic, status, payload)
    if (sent === undefined) return
    // A handler that replies with bytes cannot know which version its client speaks.
    const frame =
      this.wire.reply(joinRef, ref, topic, sent.event, sent.payload) ??
      this.wire.reply(joinRef, ref, topic, "error", { reason: "a binary reply needs vsn 2.0.0" })
    this.send(frame, false, undefined, undefined)
  }

  push(joinRef: Ref, topic: string, event: string, payload: Payload, position?: Position, follower?: Follower): void {
    const sent = this.outgoing("push", topic, event, payload)
    if (sent === undefined) return
    const shown = position === undefined ? undefined : formatPosition(position)
    const droppable = event !== Reserved.presenceState
    this.send(this.wire.push(joinRef, topic, sent.event, sent.payload, shown), droppable, follower, position)
  }

  /** Sends an event on a topic that the client may not have joined. */
  pushTo(topic: string, event: string, payload: Payload): void {
    this.push(this.lanes.get(topic)?.joinRef ?? null, topic, event, payload)
  }

  tell(joinRef: Ref, topic: string, event: string, payload: Payload): void {
    this.send(this.wire.push(joinRef, topic, event, payload), false, undefined, undefined)
  }

  broadcast(delivery: Delivery, follower: Follower | undefined): void {
    if (this.overflown) return
    const { position } = delivery
    // A client that missed a diff would show the wrong people.
    const droppable = delivery.event !== Reserved.presenceDiff
    if (this.hooks.outgoing.length > 0) {
      const { event, payload, topic } = delivery
      const sent = this.outgoing("broadcast", topic, event, payload)
      if (sent === undefined) return
      if (sent.event !== event || sent.payload !== payload) {
        const shown = follower === undefined || position === undefined ? undefined : formatPosition(position)
        const frame = this.wire.broadcast(sent.topic, sent.event, sent.payload, shown)
        return this.send(frame, droppable, follower, position)
      }
    }
    const prepared = this.hub.fanout.prepare(delivery, this.wire, this.transport, follower !== undefined)
    if (prepared !== undefined) this.write(prepared, droppable, follower, position)
  }

  channelEnded(joinRef: Ref, topic: string, event: typeof Reserved.close | typeof Reserved.error): void {
    const payload: Schema.Json = event === Reserved.error ? { reason: "channel_crash" } : {}
    this.send(this.wire.ended(joinRef, topic, event, payload), false, undefined, undefined)
  }

  context(owner: Owner, scope: Scope.Scope | undefined): Context.Context<any> {
    const context = contextOf(this.hooks.context, owner, this.provided)
    const withSocket = Context.add(context, ChannelSocket, this.socket)
    return scope === undefined ? withSocket : Context.add(withSocket, Scope.Scope, scope)
  }

  /** The message about what a slow reader lost of a topic. */
  gap({ isOpen, joinRef, topic }: Follower, from: Position, to: Position): Prepared | undefined {
    if (!isOpen) return undefined
    const payload = { from: formatPosition(from), to: formatPosition(to) }
    const frame = this.wire.push(joinRef, topic, Reserved.discontinuity, payload, undefined)
    return frame === undefined ? undefined : this.transport.prepare(frame)
  }

  holds(bytes: number): void {
    this.hub.holds(this, bytes)
  }

  private endLanes(why: LeaveReason): void {
    this.closing = true
    for (const lane of this.lanes.values()) lane.terminate(why)
  }

  private settle(): void {
    if (this.code === undefined || this.lanes.size > 0) return
    const { onEnd } = this
    this.onEnd = undefined
    onEnd?.(this.code)
  }

  private route(message: Incoming, size: number): void {
    const { event, joinRef, ref, topic } = message
    if (topic === Reserved.phoenix && event === Reserved.heartbeat) return this.reply(null, ref, topic, "ok", empty)
    const lane = this.lanes.get(topic)
    if (lane !== undefined) return event === Reserved.join ? lane.join(message, size) : lane.receive(message, size)
    if (event === Reserved.leave) return this.reply(joinRef, ref, topic, "ok", empty)
    const channel = event === Reserved.join ? this.hub.find(topic) : undefined
    if (channel === undefined) return this.unmatched(ref, topic)
    if (this.lanes.size >= this.settings.maxChannels) {
      return this.reply(joinRef, ref, topic, "error", { reason: "too many channels joined" })
    }
    const opened = new Lane(this, topic, channel)
    this.lanes.set(topic, opened)
    opened.join(message, size)
  }

  private send(
    frame: Frame | undefined,
    droppable: boolean,
    follower: Follower | undefined,
    position: Position | undefined
  ): void {
    if (frame !== undefined) this.write(this.transport.prepare(frame), droppable, follower, position)
  }

  private write(
    prepared: Prepared,
    droppable: boolean,
    follower: Follower | undefined,
    position: Position | undefined
  ): void {
    if (this.overflown || this.code !== undefined) return
    if (this.outbox === undefined) {
      if (this.transport.ready()) return this.transport.write(prepared)
      this.outbox = new Outbox(this.transport, this.settings.slowReader, this)
    }
    this.outbox.send(prepared, droppable, follower, position)
  }

  // A defect here ends this socket, and must not reach who sends.
  private outgoing(
    kind: OutgoingMessage["kind"],
    topic: string,
    event: string,
    payload: Payload
  ): Pick<OutgoingMessage, "topic" | "event" | "payload"> | undefined {
    if (this.hooks.outgoing.length === 0) return { topic, event, payload }
    const pattern = (this.lanes.get(topic)?.implementation ?? this.hub.find(topic))?.compiled.pattern.text
    let [nextEvent, nextPayload] = [event, payload]
    for (const { value } of this.hooks.outgoing) {
      const sent: OutgoingMessage = { kind, topic, pattern, event: nextEvent, payload: nextPayload }
      let decision: ReturnType<typeof value.outgoing>
      try {
        decision = this.run(value.name, "outgoing", () => value.outgoing(sent, this.socket)) as typeof decision
      } catch (defect) {
        this.hooks.logDefect(value.name, `its outgoing of "${topic}" closes the socket`, Cause.die(defect))
        this.shut(1011, "internal error", "disconnected")
        return undefined
      }
      if (decision?._tag === "Drop") return undefined
      if (decision?._tag === "Change") {
        nextEvent = decision.event ?? nextEvent
        nextPayload = decision.payload ?? nextPayload
      }
    }
    return { topic, event: nextEvent, payload: nextPayload }
  }
}
