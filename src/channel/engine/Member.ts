/**
 * A joined channel of one socket, as its handlers see it. Internal to the channel part.
 *
 * While it joins, broadcasts are held. They follow the answer to the join and the missed messages, without duplicates.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

import { isExit } from "../../core/Effects.ts"
import type { RequestOptions } from "../ApiTypes.ts"
import { atMostOnce } from "../broadcaster/AtMostOnce.ts"
import type {
  BroadcasterUnavailable,
  Delivery,
  JoinedMember,
  MemberInfo,
  Since,
  Subscriber
} from "../broadcaster/Contract.ts"
import { formatPosition } from "../broadcaster/Position.ts"
import type { Position } from "../broadcaster/Position.ts"
import { withRecoveryId } from "../broadcaster/TopicLog.ts"
import { ClientRequestError } from "../ClientRequestError.ts"
import type { ImplementedChannel } from "../Definition.ts"
import { MemberPresence } from "../presence/MemberPresence.ts"
import type { Entered } from "../presence/NodePresence.ts"
import type { PresenceMember } from "../presence/TopicPresence.ts"
import type { Payload, Ref } from "../wire/Message.ts"
import * as Reserved from "../wire/Reserved.ts"
import { ClientRequests, decodeAnswer, encodeRequest } from "./ClientRequests.ts"
import type { Follower, Peer } from "./Peer.ts"

/** The lane as its member uses it. */
export interface Home {
  readonly peer: Peer
  readonly topic: string
  readonly implementation: ImplementedChannel
  /** Lets its channel change a broadcast before the client gets it. */
  intercept(member: Member, delivery: Delivery, replayed: boolean): void
  /** Whether broadcasts wait for their interception. */
  readonly isIntercepting: boolean
  /** Sends a position after the waiting broadcasts. */
  passed(member: Member, position: Position): void
  /** Sends a discontinuity after the waiting broadcasts. */
  gap(member: Member, from: Position, to: Position): void
  /** Ends its channel after the running message. */
  stop(member: Member): void
  /** Ends its channel now, also where its handler hangs. */
  kick(member: Member): void
}

/** The missed messages of a client that comes back, or that they are unknown. */
export interface Recovered {
  readonly since: Since
  /** Where the client was. */
  readonly from: Position | undefined
}

/** A joined channel. */
export class Member implements Subscriber, Follower, PresenceMember {
  readonly id: string
  readonly joinRef: Ref
  readonly params: Readonly<Record<string, unknown>>
  readonly state: unknown
  readonly scope: Scope.Closeable
  // With a thousand members in one delivery, each step to another object is a miss of the cache.
  private readonly peer: Peer
  private readonly home: Home
  private readonly intercepts: boolean
  private phase: "joining" | "joined" | "leaving" | "ended" = "joining"
  private held: Array<Delivery | Position> | undefined = undefined
  /** The newest position that the client knows, where it asked for positions. */
  private position: Position | undefined = undefined
  private unsubscribe: (() => void) | undefined = undefined
  private requests: ClientRequests | undefined = undefined
  private present: Entered | undefined = undefined
  private tracker: MemberPresence | undefined = undefined
  private readonly joinedAtMillis: number

  constructor(
    home: Home,
    joinRef: Ref,
    params: Readonly<Record<string, unknown>>,
    state: unknown,
    scope: Scope.Closeable
  ) {
    this.home = home
    this.peer = home.peer
    this.intercepts = home.implementation.handlers.intercept !== undefined
    this.id = home.peer.memberId()
    this.joinedAtMillis = home.peer.now()
    this.joinRef = joinRef
    this.params = params
    this.state = state
    this.scope = scope
  }

  /** As it is listed. */
  get member(): JoinedMember {
    const info: MemberInfo = {
      id: this.id,
      topic: this.topic,
      socketId: this.peer.socket.id,
      joinedAt: DateTime.makeUnsafe(this.joinedAtMillis)
    }
    return {
      info,
      kick: () => this.home.kick(this),
      request: (event, payload, timeout) => this.ask(event, payload, { timeout })
    }
  }

  get topic(): string {
    return this.home.topic
  }

  get isOpen(): boolean {
    return this.phase === "joined"
  }

  /** Its subscription is active. */
  subscribed(unsubscribe: () => void): void {
    this.unsubscribe = unsubscribe
  }

  /** It receives states and diffs of presence. */
  entered(present: Entered): void {
    this.present = present
  }

  /** Its presence in the topic. The types keep it from members of channels without. */
  get presence(): MemberPresence {
    const { built, presence } = this.home.implementation
    return (this.tracker ??= new MemberPresence(
      this,
      presence!,
      built,
      this.peer.presence!.engine,
      this.present!.topic
    ))
  }

  /** Pushes who is present. */
  showPresence(): void {
    if (this.phase === "joined") this.present?.topic.show(this)
  }

  deliverDiff(delivery: Delivery): void {
    if (this.phase === "joined") this.peer.broadcast(delivery, undefined)
  }

  pushState(state: Payload): void {
    if (this.phase === "joined") this.peer.push(this.joinRef, this.topic, Reserved.presenceState, state)
  }

  now(): number {
    return this.peer.now()
  }

  /** The join was answered: sends the missed messages, and those held in the meantime. */
  open(recovered: Recovered | undefined): void {
    const { held } = this
    this.held = undefined
    this.phase = "joined"
    if (recovered !== undefined) this.recover(recovered)
    for (const waiting of held ?? []) {
      if ("offset" in waiting) this.passed(waiting)
      else this.deliver(waiting)
    }
  }

  /** It gets no more broadcasts; its leave hook may still push. */
  leave(): void {
    this.phase = "leaving"
    this.unsubscribe?.()
    this.unsubscribe = undefined
    this.present?.exit()
    this.requests?.end()
  }

  /** Its leave hook has run: nothing it sends reaches a later join of the topic. */
  ended(): void {
    this.phase = "ended"
  }

  deliver(delivery: Delivery, replayed = false): void {
    if (this.phase !== "joined") return this.hold(delivery)
    const { position } = delivery
    if (this.position !== undefined && position !== undefined && !this.advance(position)) return
    if (this.intercepts && this.waits(delivery)) return this.home.intercept(this, delivery, replayed)
    this.forward(delivery)
  }

  /** Sends a broadcast as it is. */
  forward(delivery: Delivery): void {
    const { position } = delivery
    if (this.position === undefined) return this.peer.broadcast(delivery, undefined)
    this.peer.broadcast(delivery, this)
    // No position fits into a binary frame.
    if (position !== undefined && delivery.payload instanceof Uint8Array) this.tellPosition(position)
  }

  passed(position: Position): void {
    if (this.phase !== "joined") return this.hold(position)
    if (this.position === undefined || !this.advance(position)) return
    if (this.intercepts && this.home.isIntercepting) this.home.passed(this, position)
    else this.tellPosition(position)
  }

  /** Sends what its channel made of a broadcast, which has the position of that. */
  pushIntercepted(event: string, payload: Payload, position: Position | undefined): void {
    if (this.phase !== "joined") return
    if (this.position === undefined || position === undefined) {
      return this.peer.push(this.joinRef, this.topic, event, payload)
    }
    const { retention } = this.home.implementation.compiled
    const stamped = retention?.recoveryId === true ? withRecoveryId(payload, position) : payload
    this.peer.push(this.joinRef, this.topic, event, stamped, position, this)
    if (payload instanceof Uint8Array) this.tellPosition(position)
  }

  /** Sends only the position of a broadcast that the client is not to see. */
  tellPosition(position: Position): void {
    if (this.position === undefined || this.phase !== "joined" || !this.peer.carriesPositions) return
    this.peer.push(this.joinRef, this.topic, Reserved.position, {}, position, this)
  }

  /** Says that messages were lost. */
  tellDiscontinuity(from: Position, to: Position): void {
    if (this.position === undefined) return
    const payload = { from: formatPosition(from), to: formatPosition(to) }
    this.peer.tell(this.joinRef, this.topic, Reserved.discontinuity, payload)
  }

  push(event: string, payload: unknown): Effect.Effect<void> {
    return this.encoded(event, payload, (encoded) => {
      if (this.phase !== "ended") this.peer.push(this.joinRef, this.topic, event, encoded)
      return Effect.void
    })
  }

  broadcast(event: string, payload: unknown): Effect.Effect<void> {
    return this.encoded(event, payload, (encoded) => atMostOnce(this.send(event, encoded, undefined)))
  }

  broadcastFrom(event: string, payload: unknown): Effect.Effect<void> {
    return this.encoded(event, payload, (encoded) => atMostOnce(this.send(event, encoded, this.id)))
  }

  publish(event: string, payload: unknown): Effect.Effect<Position | undefined, BroadcasterUnavailable> {
    return this.encoded(event, payload, (encoded) => this.send(event, encoded, undefined))
  }

  request(event: string, payload: unknown, options?: RequestOptions): Effect.Effect<unknown, unknown> {
    return Effect.suspend(() => {
      const { topic } = this
      const { built, compiled } = this.home.implementation
      const message = compiled.requests.get(event)!
      const invalid = () => new ClientRequestError({ topic, event, reason: "invalid answer" })
      const asked = Effect.flatMap(encodeRequest(message, payload), (encoded) => this.ask(event, encoded, options))
      const answered = Effect.flatMap(asked, (answer) => decodeAnswer(message, answer, invalid))
      return Effect.provideContext(answered, built as Context.Context<any>)
    })
  }

  private ask(event: string, payload: Schema.Json, options?: RequestOptions) {
    return Effect.suspend(() => {
      const ended = new ClientRequestError({ topic: this.topic, event, reason: "channel ended" })
      if (this.phase !== "joined") return Effect.fail(ended)
      const requests = (this.requests ??= new ClientRequests())
      const send = (encoded: Payload) => this.peer.push(this.joinRef, this.topic, event, encoded)
      return requests.ask(this.topic, event, payload, send, options)
    })
  }

  /** Takes the client's answer to a request; whether one waited for it. */
  answered(payload: Payload): boolean {
    return this.requests?.answer(payload) === true
  }

  get stop(): Effect.Effect<void> {
    return Effect.sync(() => this.home.stop(this))
  }

  private send(event: string, payload: Payload, except: string | undefined) {
    const { retention } = this.home.implementation.compiled
    return this.peer.broadcaster.publish(
      { topic: this.topic, event, payload },
      { publisher: this.id, except, retention }
    )
  }

  // A member that follows positions gets its broadcasts in one order, also those that nothing intercepts.
  private waits({ event }: Delivery): boolean {
    const { handlers } = this.home.implementation
    return Object.hasOwn(handlers.intercept!, event) || (this.position !== undefined && this.home.isIntercepting)
  }

  private hold(waiting: Delivery | Position): void {
    if (this.phase !== "joining") return
    const held = (this.held ??= [])
    held.push(waiting)
    // A member that follows positions sees what is missing by the jump.
    if (held.length > this.peer.settings.slowReader.maxMessages) held.shift()
  }

  private recover({ from, since: { complete, deliveries, top } }: Recovered): void {
    if (top === undefined) return
    const known = complete && from !== undefined && from.epoch === top.epoch ? from : top
    const id = formatPosition(top)
    this.position = deliveries.length > 0 ? before(deliveries[0]!, known) : known
    this.peer.tell(this.joinRef, this.topic, Reserved.recovery, { complete, id })
    for (const delivery of deliveries) this.deliver(delivery, true)
  }

  /** Whether a position is new to the client. A jump is pushed as a discontinuity. */
  private advance(position: Position): boolean {
    const known = this.position!
    const isKnown = position.epoch === known.epoch
    if (isKnown && position.offset <= known.offset) return false
    const jumps = !isKnown || position.offset > known.offset + 1
    const to = { ...position, offset: position.offset - 1 }
    if (jumps && this.intercepts && this.home.isIntercepting) this.home.gap(this, known, to)
    else if (jumps) this.tellDiscontinuity(known, to)
    this.position = position
    return true
  }

  private encoded<A, E>(
    event: string,
    payload: unknown,
    use: (encoded: Payload) => Effect.Effect<A, E>
  ): Effect.Effect<A, E> {
    return Effect.suspend((): Effect.Effect<A, E> => {
      const { built, compiled } = this.home.implementation
      const encoded = compiled.encode(event, payload)
      if (isExit(encoded)) {
        const exit = encoded as Exit.Exit<Payload>
        return Exit.isFailure(exit) ? Effect.failCause(exit.cause) : use(exit.value)
      }
      return Effect.provideContext(Effect.flatMap(encoded, use), built as Context.Context<any>)
    })
  }
}

/** Where a member is before the first message that it is replayed: a cache replays the last one only, which is no gap. */
const before = ({ position }: Delivery, known: Position): Position =>
  position === undefined ? known : { ...position, offset: position.offset - 1 }
