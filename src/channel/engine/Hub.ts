/**
 * What all sockets of one mounted server share: its limits, its handlers, its channels. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"

import * as Interceptor from "../../core/Interceptor.ts"
import type * as Probe from "../../core/Probe.ts"
import { Watch } from "../../core/Watch.ts"
import type { Broadcaster } from "../Broadcaster.ts"
import type { HandlerValue } from "../ChannelHandler.ts"
import type { Implementation } from "../Definition.ts"
import type { Limits } from "../wire/Message.ts"
import type { Connection } from "./Connection.ts"
import type { SlowReader } from "./Outbox.ts"

/** The limits of each socket, and what is done beyond them. */
export interface Settings {
  readonly maxChannels: number
  /** Milliseconds. */
  readonly joinTimeout: number
  readonly maxPending: number
  readonly maxPendingBytes: number
  readonly wire: Limits
  readonly slowReader: SlowReader
  /** What an event without a handler does. */
  readonly unknownEvent: "reply" | "crash"
}

/** A handler with what its layer was built with. */
export interface Handler {
  readonly value: HandlerValue
  readonly built: Context.Context<never>
}

/** Gives what a hook gave its own services: those of its layer and of its socket. */
export const within = (hook: Effect.Effect<unknown, unknown>, context: Context.Context<any>) =>
  Effect.updateContext(hook, (_present: Context.Context<never>) => context)

type Hook = "connect" | "join" | "incoming" | "outgoing" | "leave" | "disconnect"

/** A handler that has a hook. */
export type With<K extends Hook> = Handler & { readonly value: { readonly [X in K]-?: NonNullable<HandlerValue[X]> } }

const having = <K extends Hook>(handlers: ReadonlyArray<Handler>, hook: K): ReadonlyArray<With<K>> =>
  handlers.filter((handler): handler is With<K> => handler.value[hook] !== undefined)

/** A mounted server. */
export class Hub {
  readonly name: string
  readonly settings: Settings
  readonly channels: ReadonlyArray<Implementation>
  readonly broadcaster: Broadcaster["Service"]
  readonly clock: Clock.Clock
  readonly context: Context.Context<never>
  readonly probe: Probe.Probe | undefined
  /** Whether it takes no more sockets. */
  closed = false
  /** All connected sockets. */
  readonly connections = new Set<Connection>()

  readonly connect: ReadonlyArray<With<"connect">>
  readonly join: ReadonlyArray<With<"join">>
  readonly incoming: ReadonlyArray<With<"incoming">>
  readonly outgoing: ReadonlyArray<With<"outgoing">>
  readonly leave: ReadonlyArray<With<"leave">>
  readonly disconnect: ReadonlyArray<With<"disconnect">>

  constructor(
    options: Pick<Hub, "name" | "settings" | "channels" | "broadcaster" | "clock" | "context" | "probe">,
    handlers: ReadonlyArray<Handler>
  ) {
    this.name = options.name
    this.settings = options.settings
    this.channels = options.channels
    this.broadcaster = options.broadcaster
    this.clock = options.clock
    this.context = options.context
    this.probe = options.probe
    const outwards = handlers.toReversed()
    this.connect = having(handlers, "connect")
    this.join = having(handlers, "join")
    this.incoming = having(handlers, "incoming")
    this.outgoing = having(outwards, "outgoing")
    this.leave = having(outwards, "leave")
    this.disconnect = having(outwards, "disconnect")
  }

  /** The first declared channel that a topic belongs to. */
  find(topic: string): Implementation | undefined {
    return this.channels.find(({ compiled }) => compiled.pattern.match(topic) !== undefined)
  }

  /** Runs an interceptor's hook, between the probe's reports if there is a probe. */
  run(interceptor: string, phase: string, hook: () => unknown): unknown {
    return this.probe === undefined
      ? hook()
      : new Watch("channel", this.name, this.probe, this.clock).around(interceptor, phase, hook)
  }

  /** Logs a defect once, with the name of the interceptor or channel that it came from. */
  logDefect(interceptor: string, what: string, cause: Cause.Cause<unknown>): void {
    const origin = { part: "channel", composite: this.name, interceptor, annotations: {} } as const
    this.fork(
      Effect.logError(
        `"${interceptor}" of channel server "${this.name}" died: ${what}`,
        Interceptor.annotate(cause, origin)
      )
    )
  }

  /** Starts what belongs to no socket. */
  fork(effect: Effect.Effect<void>): void {
    Effect.runForkWith(this.context)(effect)
  }
}
