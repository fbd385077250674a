/**
 * The socket as its lanes and members use it. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Scope from "effect/Scope"

import type { Broadcaster, Delivery } from "../broadcaster/Contract.ts"
import type { Position } from "../broadcaster/Position.ts"
import type { ChannelSocket } from "../ChannelSocket.ts"
import type { NodePresence } from "../presence/NodePresence.ts"
import type { Payload, Ref } from "../wire/Message.ts"
import type * as Reserved from "../wire/Reserved.ts"
import type { HandlerHooks, Owner } from "./HandlerHooks.ts"
import type { Settings } from "./Settings.ts"

/** A member that follows the positions of its topic, and learns of gaps. */
export interface Follower {
  readonly topic: string
  readonly joinRef: Ref
  /** Whether it still gets messages. */
  readonly isOpen: boolean
}

/** The socket of a lane and of its member. */
export interface Peer {
  readonly hooks: HandlerHooks
  readonly settings: Settings
  readonly socket: ChannelSocket["Service"]
  readonly broadcaster: Broadcaster["Service"]
  readonly presence: NodePresence | undefined
  /** Whether its protocol has room for positions. */
  readonly carriesPositions: boolean
  /** Runs a hook of an interceptor, between the Probe's reports if there is a Probe. */
  run(interceptor: string, phase: string, hook: () => unknown): unknown
  /** The time, in milliseconds. */
  now(): number
  /** An id that no other member has, on any node. */
  memberId(): string
  reply(joinRef: Ref, ref: Ref, topic: string, status: string, payload: Payload): void
  /** Sends an event to one member. A follower's has a position. */
  push(joinRef: Ref, topic: string, event: string, payload: Payload, position?: Position, follower?: Follower): void
  /** Sends a message of the protocol to one member, which is never dropped. */
  tell(joinRef: Ref, topic: string, event: string, payload: Payload): void
  broadcast(delivery: Delivery, follower: Follower | undefined): void
  /** Says that a channel has ended. */
  channelEnded(joinRef: Ref, topic: string, event: typeof Reserved.close | typeof Reserved.error): void
  unmatched(ref: Ref, topic: string): void
  /** Takes bytes of a message that waits from the socket's budget; false where there is no room. */
  reserve(bytes: number): boolean
  release(bytes: number): void
  /** The services of a hook or a channel of this socket. */
  context(owner: Owner, scope: Scope.Scope | undefined): Context.Context<any>
  /** Removes a topic whose lane has nothing more to do. */
  drop(topic: string): void
}
