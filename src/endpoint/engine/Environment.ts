/**
 * The services, the clock and the probe of an endpoint. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

import { LayerServices } from "../../core/LayerServices.ts"
import * as Probe from "../../core/Probe.ts"
import { isUnplugged } from "../../core/ProbeEvent.ts"
import { CurrentFlow, Watch } from "../../core/Watch.ts"
import type { SubjectOf } from "../../core/Watch.ts"

/** The services of an endpoint, and its background fibers. */
export class Environment {
  /** The name of the composite. */
  readonly name: string
  readonly context: Context.Context<never>
  private readonly services: LayerServices
  readonly clock: Clock.Clock
  private readonly probe: Probe.Probe | undefined
  private readonly running = new Set<Fiber.Fiber<unknown, unknown>>()
  private readonly backgrounds = new Set<Fiber.Fiber<unknown, unknown>>()
  private readonly idle: Array<() => void> = []

  constructor(name: string, context: Context.Context<never>, clock: Clock.Clock, probe: Probe.Probe | undefined) {
    this.name = name
    // A hook has the scope of its point, never the endpoint's.
    this.context = Context.omit(Scope.Scope)(context as Context.Context<Scope.Scope>)
    this.services = new LayerServices(this.context, [])
    this.clock = clock
    this.probe = probe
  }

  /** Whether a Probe listens to what the running fiber begins. */
  get isWatched(): boolean {
    const probe = Fiber.getCurrent()?.getRef(Probe.Probe) ?? this.probe
    return probe !== undefined && !isUnplugged(probe)
  }

  /** The watch of a flow that the running fiber begins: for the Probe of the caller, or else that of the endpoint; nothing when none listens. */
  watch(subject: SubjectOf): Watch | undefined {
    const fiber = Fiber.getCurrent()
    const probe = fiber?.getRef(Probe.Probe) ?? this.probe
    if (probe === undefined || isUnplugged(probe)) return undefined
    return new Watch("endpoint", this.name, probe, this.clock, undefined, fiber?.getRef(CurrentFlow), subject)
  }

  /** The caller's context with the endpoint's services on top: nothing of a call can take the place of a service that the hooks were built with. */
  over(caller: Context.Context<never>): Context.Context<never> {
    return caller === this.context ? caller : this.services.over(caller)
  }

  /** Starts a fiber with the services of the endpoint. */
  fork(effect: Effect.Effect<unknown>): Fiber.Fiber<unknown> {
    const fiber = Effect.runForkWith(this.context)(effect)
    if (fiber.pollUnsafe() !== undefined) return fiber
    this.running.add(fiber)
    fiber.addObserver(() => {
      this.running.delete(fiber)
      if (this.running.size === 0) for (const wake of this.idle.splice(0)) wake()
    })
    return fiber
  }

  /** Starts a fiber that runs until the endpoint is closed. */
  background(effect: Effect.Effect<unknown>): void {
    const fiber = Effect.runForkWith(this.context)(effect)
    this.backgrounds.add(fiber)
    fiber.addObserver(() => this.backgrounds.delete(fiber))
  }

  /** Ends what runs in the background. */
  stop(): void {
    for (const fiber of this.backgrounds) fiber.interruptUnsafe()
  }

  /** Waits until no fiber is left, save those in the background. */
  get awaitIdle(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.running.size === 0) return resume(Exit.void)
      const wake = () => resume(Exit.void)
      this.idle.push(wake)
      return Effect.sync(() => {
        const index = this.idle.indexOf(wake)
        if (index >= 0) this.idle.splice(index, 1)
      })
    })
  }
}
