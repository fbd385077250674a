/**
 * Reports a flow to the `Probe`: its own start and end, and those of the interceptors in it. Internal to Fairlead: each part's interpreter names them.
 *
 * `Watch.of(fiber, part, composite, subject)` is nothing when there is no probe, which is the one reference read that a flow pays for it.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

import type { Part } from "./Description.ts"
import { isEffect, isExit } from "./Effects.ts"
import * as Probe from "./Probe.ts"
import { isUnplugged, reportTo } from "./ProbeEvent.ts"
import { ReportedEvent } from "./ReportedEvent.ts"

/** How something ended, for the probe. */
export interface FlowEnd {
  readonly outcome: Probe.Outcome
  readonly tag: string | undefined
}

/** The end of something that did its work. */
export const succeeded: FlowEnd = { outcome: "success", tag: undefined }

/** The outcome of a cause. */
export const endOf = (cause: Cause.Cause<unknown>): FlowEnd => {
  if (Cause.hasDies(cause)) return { outcome: "defect", tag: undefined }
  const failure = cause.reasons.find(Cause.isFailReason)
  return failure === undefined
    ? { outcome: "interrupt", tag: undefined }
    : { outcome: "failure", tag: tagOf(failure.error) }
}

/** The outcome of an Exit. */
export const endOfExit = (exit: Exit.Exit<unknown, unknown>): FlowEnd =>
  Exit.isSuccess(exit) ? succeeded : endOf(exit.cause)

/** The tag of an error or a decision. */
export const tagOf = (value: unknown): string | undefined =>
  typeof value === "object" && value !== null && "_tag" in value && typeof value._tag === "string"
    ? value._tag
    : undefined

/** The number of the flow that the fiber is in. */
export const CurrentFlow = Context.Reference<number | undefined>("fairlead/Probe/CurrentFlow", {
  defaultValue: () => undefined
})

/** The subject of a flow: known in part at its start, without an Exit, and in whole at its end. */
export type SubjectOf = (exit: Exit.Exit<unknown, unknown> | undefined) => Probe.Subject

/** Where in a flow something runs: its place in the description, and the attempt. */
export interface FlowPlace {
  readonly index?: number
  readonly attempt?: number
}

const nowhere: FlowPlace = {}

const interrupted: FlowEnd = { outcome: "interrupt", tag: undefined }

let flows = 0

/** Reports one flow of a composite. */
export class Watch {
  /** The watch of a new flow; nothing when no probe listens. */
  static of(fiber: Fiber.Fiber<any, any>, part: Part, composite: string, subject?: SubjectOf): Watch | undefined {
    const probe = fiber.getRef(Probe.Probe)
    if (probe === undefined || isUnplugged(probe)) return undefined
    return new Watch(part, composite, probe, fiber.getRef(Clock.Clock), undefined, fiber.getRef(CurrentFlow), subject)
  }

  readonly flow: number
  readonly part: Part
  private readonly composite: string
  private readonly probe: Probe.Probe
  private readonly clock: Clock.Clock
  private readonly parent: number | undefined
  private readonly subject: SubjectOf | undefined
  /** Unix time less monotonic time, when the flow began. */
  private offset = 0n
  /** The start of the flow, while it is open. */
  private started: Probe.Event | undefined = undefined
  private listens = true
  /** The starts of interceptors that have not ended. */
  private readonly pending: Array<Probe.Event> = []
  /** Whether every report comes from inside of the flow already. */
  private isWithin = false

  constructor(
    part: Part,
    composite: string,
    probe: Probe.Probe,
    clock: Clock.Clock,
    flow: number = ++flows,
    parent: number | undefined = Fiber.getCurrent()?.getRef(CurrentFlow),
    subject?: SubjectOf
  ) {
    this.part = part
    this.composite = composite
    this.probe = probe
    this.clock = clock
    this.flow = flow
    this.parent = parent
    this.subject = subject
  }

  /** Reports the start of the flow. */
  open(): void {
    const steady = this.clock.monotonicTimeNanosUnsafe()
    const at = this.clock.currentTimeNanosUnsafe()
    this.offset = at - steady
    const { composite } = this
    this.started = this.report(
      "start",
      composite,
      composite,
      "flow",
      -1,
      undefined,
      undefined,
      at,
      0n,
      this.subject?.(undefined)
    )
  }

  /** Reports the end of the flow, once, after that of all that was cut short in it. `known` is added to its subject. */
  close(exit: Exit.Exit<unknown, unknown>, ended: FlowEnd = endOfExit(exit), known?: Probe.Subject): void {
    const { composite, pending, started } = this
    if (started === undefined) return
    while (pending.length > 0) this.end(pending[pending.length - 1]!, interrupted)
    const at = this.now()
    const subject = known === undefined ? this.subject?.(exit) : { ...this.subject?.(exit), ...known }
    this.report("end", composite, composite, "flow", -1, undefined, ended, at, at - started.at, subject)
    this.started = undefined
    // An interrupted hook that ends later was reported with the flow.
    this.listens = false
  }

  /** Runs an effect as the flow: from its start to its end, and with its number for the flows inside. */
  run<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) => {
      this.open()
      return Effect.onExitPrimitive(this.enclose(restore(effect)), (exit) => {
        this.close(exit)
        return undefined
      })
    })
  }

  /** Runs an effect inside of the flow, so that flows that it begins have this one as their parent. */
  within<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return this.isWithin ? effect : Effect.provideService(effect, CurrentFlow, this.flow)
  }

  /** Runs the whole of the flow inside of it: its interceptors need not enter it again. */
  enclose<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    this.isWithin = true
    return Effect.provideService(effect, CurrentFlow, this.flow)
  }

  /** The same for a context. */
  enter(context: Context.Context<never>): Context.Context<never> {
    this.isWithin = true
    return Context.addUnsafe(context, CurrentFlow.key, this.flow)
  }

  /**
   * Reports the start of an interceptor, which `end` wants. `at` is the time of the last report, where the interceptor starts at once; `composite` is that of
   * the interceptor, where it runs in the flow of another.
   */
  start(
    interceptor: string,
    phase: string,
    index = -1,
    attempt?: number,
    at: bigint = this.now(),
    composite = this.composite
  ): Probe.Event {
    const started = this.report("start", composite, interceptor, phase, index, attempt, undefined, at, 0n, undefined)
    this.pending.push(started)
    return started
  }

  /** Reports the end of an interceptor whose start was reported, once; returns the time of a report. */
  end(started: Probe.Event, ended: FlowEnd): bigint | undefined {
    if (!this.settle(started)) return undefined
    const { attempt, composite, index, interceptor, phase } = started
    const at = this.now()
    this.report("end", composite, interceptor, phase, index, attempt, ended, at, at - started.at, undefined)
    return at
  }

  private settle(started: Probe.Event): boolean {
    const { pending } = this
    // Mostly it is the last.
    const at = pending.lastIndexOf(started)
    if (at === -1) return false
    if (at === pending.length - 1) pending.pop()
    else pending.splice(at, 1)
    return true
  }

  /** Runs between two reports. A plain value stays one, so that an interpreter goes the way that it goes unwatched. */
  around(
    interceptor: string,
    phase: string,
    run: () => unknown,
    outcomeOf: (value: unknown) => Probe.Outcome = () => "success",
    { attempt, index }: FlowPlace = nowhere
  ): unknown {
    const started = this.start(interceptor, phase, index, attempt)
    const end = (exit: Exit.Exit<unknown, unknown>): undefined => {
      this.end(started, Exit.isSuccess(exit) ? { outcome: outcomeOf(exit.value), tag: undefined } : endOf(exit.cause))
    }
    let out: unknown
    try {
      out = run()
    } catch (defect) {
      end(Exit.die(defect))
      throw defect
    }
    if (!isEffect(out)) end(Exit.succeed(out))
    else if (isExit(out)) end(out)
    else return Effect.onExitPrimitive(this.within(out), end)
    return out
  }

  private now(): bigint {
    return this.offset + this.clock.monotonicTimeNanosUnsafe()
  }

  private report(
    type: Probe.Event["type"],
    composite: string,
    interceptor: string,
    phase: string,
    index: number,
    attempt: number | undefined,
    ended: FlowEnd | undefined,
    at: bigint,
    durationNanos: bigint,
    subject: Probe.Subject | undefined
  ): Probe.Event {
    const event = new ReportedEvent(
      type,
      at,
      this.part,
      composite,
      this.flow,
      this.parent,
      attempt,
      index,
      interceptor,
      phase,
      ended?.outcome,
      ended?.tag,
      durationNanos,
      subject
    )
    if (this.listens) this.listens = reportTo(this.probe, event)
    return event
  }
}
