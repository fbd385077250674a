/**
 * The hooks of a server's handlers: runs them, reports them to the Probe, and names the one that a defect came from. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

import { logDefect } from "../../core/CauseOrigin.ts"
import type { LayerServices } from "../../core/LayerServices.ts"
import type * as Probe from "../../core/Probe.ts"
import { isUnplugged } from "../../core/ProbeEvent.ts"
import { Watch } from "../../core/Watch.ts"
import type { SubjectOf } from "../../core/Watch.ts"
import type { HandlerValue } from "../HandlerValue.ts"

/** Whose services a hook or a channel runs with: those of its Layer, where it has one, take precedence over those of the server and of the socket. */
export interface Owner {
  readonly services: LayerServices | undefined
}

/** A handler of a built server. */
export interface Handler extends Owner {
  readonly value: HandlerValue
}

/** Provides a hook with its own services: those of its layer and of its socket. */
export const within = (hook: Effect.Effect<unknown, unknown>, context: Context.Context<any>) =>
  Effect.updateContext(hook, (_present: Context.Context<never>) => context)

/** The services that a socket's handlers provided. */
export type Provided = ReadonlyArray<readonly [key: Context.Key<unknown, unknown>, service: unknown]>

/** The services of the server and of the socket, under those of the owner's Layer. */
export const contextOf = (
  server: Context.Context<never>,
  { services }: Owner,
  provided: Iterable<Provided[number]>
): Context.Context<any> => {
  let context: Context.Context<never> = server
  for (const [key, service] of provided) context = Context.add(context, key, service) as Context.Context<never>
  return (services === undefined ? context : services.over(context)) as Context.Context<any>
}

type Hook = "connect" | "join" | "incoming" | "outgoing" | "leave" | "disconnect"

/** A handler that has a hook. */
export type With<K extends Hook> = Handler & { readonly value: { readonly [X in K]-?: NonNullable<HandlerValue[X]> } }

const having = <K extends Hook>(handlers: ReadonlyArray<Handler>, hook: K): ReadonlyArray<With<K>> =>
  handlers.filter((handler): handler is With<K> => handler.value[hook] !== undefined)

/** The hooks of a server's handlers, each in the order in which it runs. */
export class HandlerHooks {
  readonly composite: string
  readonly connect: ReadonlyArray<With<"connect">>
  readonly join: ReadonlyArray<With<"join">>
  readonly incoming: ReadonlyArray<With<"incoming">>
  readonly outgoing: ReadonlyArray<With<"outgoing">>
  readonly leave: ReadonlyArray<With<"leave">>
  readonly disconnect: ReadonlyArray<With<"disconnect">>
  private readonly clock: Clock.Clock
  readonly context: Context.Context<never>
  private readonly probe: Probe.Probe | undefined
  /** The names of the description, in its order. */
  private readonly order: ReadonlyArray<string>

  constructor(
    composite: string,
    handlers: ReadonlyArray<Handler>,
    context: Context.Context<never>,
    clock: Clock.Clock,
    probe: Probe.Probe | undefined,
    channels: ReadonlyArray<string>
  ) {
    this.composite = composite
    this.context = context
    this.clock = clock
    this.probe = probe
    this.order = [...handlers.map(({ value }) => value.name), ...channels]
    const outwards = handlers.toReversed()
    this.connect = having(handlers, "connect")
    this.join = having(handlers, "join")
    this.incoming = having(handlers, "incoming")
    this.outgoing = having(outwards, "outgoing")
    this.leave = having(outwards, "leave")
    this.disconnect = having(outwards, "disconnect")
  }

  /** The watch of a new socket's flow; nothing when no Probe listens. */
  watch(parent: number | undefined, subject: SubjectOf): Watch | undefined {
    const { clock, composite, probe } = this
    if (probe === undefined || isUnplugged(probe)) return undefined
    return new Watch("channel", composite, probe, clock, undefined, parent, subject)
  }

  /** Runs a hook, between the Probe's reports if there is a Probe. */
  run(watch: Watch | undefined, interceptor: string, phase: string, hook: () => unknown): unknown {
    if (watch === undefined) return hook()
    return watch.around(interceptor, phase, hook, undefined, { index: this.order.indexOf(interceptor) })
  }

  /** Logs a defect once, with the name of the handler or channel that it came from. */
  logDefect(interceptor: string, description: string, cause: Cause.Cause<unknown>): void {
    const origin = { part: "channel", composite: this.composite, interceptor, annotations: {} } as const
    this.fork(logDefect(`"${interceptor}" of channel server "${this.composite}" died: ${description}`, cause, origin))
  }

  /** Starts an Effect that belongs to no socket. */
  fork(effect: Effect.Effect<void>): void {
    Effect.runForkWith(this.context)(effect)
  }
}
