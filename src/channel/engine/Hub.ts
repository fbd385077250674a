/**
 * The shared state of all sockets of one mounted server: settings, handlers, channels, and the sum of the bytes for slow readers. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

import type { Broadcaster } from "../broadcaster/Contract.ts"
import type { ImplementedChannel } from "../Definition.ts"
import type { NodePresence } from "../presence/NodePresence.ts"
import type { Serializer } from "../Serializer.ts"
import { negotiate } from "../wire/Message.ts"
import { Fanout } from "./Fanout.ts"
import type { HandlerHooks } from "./HandlerHooks.ts"
import type { Settings } from "./Settings.ts"

/** The sockets as their hub uses them. */
export interface HubSocket {
  /** How many bytes wait for its client. */
  readonly held: number
  /** Closes it if the client has been silent since then. */
  sweep(sinceMillis: number): void
  /** Closes it since the server ends: its client goes to another one, or comes back. */
  drain(): void
  /** Notes that it is to be closed as a slow reader: it holds nothing from now on. */
  overflow(): void
  /** Closes it as a slow reader. */
  closeSlow(): void
}

/** A mounted server. */
export class Hub {
  readonly settings: Settings
  readonly channels: ReadonlyArray<ImplementedChannel>
  readonly broadcaster: Broadcaster["Service"]
  /** There where a channel has presence. */
  readonly presence: NodePresence | undefined
  readonly clock: Clock.Clock
  readonly hooks: HandlerHooks
  readonly fanout = new Fanout()
  /** Whether it takes no more sockets. */
  closed = false
  /** All connected sockets. */
  readonly sockets = new Set<HubSocket>()
  private readonly id: string
  private members = 0
  /** How many sockets have opened and not ended, their hooks included. */
  private open = 0
  private readonly quiet = Latch.makeUnsafe(true)
  private held = 0
  private readonly slow = new Set<HubSocket>()
  private closing: Array<HubSocket> = []

  constructor(
    options: Pick<Hub, "settings" | "channels" | "broadcaster" | "presence" | "clock" | "hooks"> & {
      readonly id: string
    }
  ) {
    this.settings = options.settings
    this.channels = options.channels
    this.broadcaster = options.broadcaster
    this.presence = options.presence
    this.clock = options.clock
    this.hooks = options.hooks
    this.id = options.id
  }

  get name(): string {
    return this.hooks.composite
  }

  /** Ends when every socket has ended, with its channels and hooks. */
  get idle(): Effect.Effect<void> {
    return this.quiet.await
  }

  /** A socket has opened. */
  opened(): void {
    if (this.open++ === 0) this.quiet.closeUnsafe()
  }

  /** A socket has ended, with its channels and hooks. */
  ended(): void {
    if (--this.open === 0) this.quiet.openUnsafe()
  }

  /** The serializer of the version that a client asks for; nothing where no serializer speaks it. */
  negotiate(vsn: string | undefined): Serializer | undefined {
    return negotiate(vsn, this.settings.serializers)
  }

  /** The first declared channel that a topic belongs to. */
  find(topic: string): ImplementedChannel | undefined {
    // Nodes speak to each other on these: no pattern lets a client in.
    if (topic.startsWith("fairlead:")) return undefined
    return this.channels.find(({ compiled }) => compiled.pattern.match(topic) !== undefined)
  }

  /** An id that no other member has. */
  memberId(): string {
    return `${this.id}-${(++this.members).toString(36)}`
  }

  /** Counts what waits for slow readers; beyond the limit, the slowest is closed first. */
  holds(socket: HubSocket, bytes: number): void {
    this.held += bytes
    if (socket.held > 0) this.slow.add(socket)
    else this.slow.delete(socket)
    while (this.held > this.settings.maxOutgoingBytes) {
      let slowest: HubSocket | undefined
      for (const socket of this.slow) if (slowest === undefined || socket.held > slowest.held) slowest = socket
      if (slowest === undefined) return
      this.settings.slowReader.count(0, true)
      slowest.overflow()
    }
  }

  /** Closes a slow reader when the broadcast that it was found in has reached everybody. */
  closeSoon(socket: HubSocket): void {
    if (this.closing.push(socket) === 1) queueMicrotask(() => this.closeAll())
  }

  // Broadcasts of a closing socket's leave hooks may overflow other slow readers: they join the queue.
  private closeAll(): void {
    for (let next = 0; next < this.closing.length; next++) this.closing[next]!.closeSlow()
    this.closing = []
  }
}
