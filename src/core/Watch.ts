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

/** How something ended, for the probe. */
export interface FlowEnd {
  readonly outcome: Probe.Outcome
  readonly tag: string | undefined
}

const succeeded: FlowEnd = { outcome: "success", tag: undefined }

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

interface OpenInterceptor {
  readonly interceptor: string
  readonly phase: string
  readonly since: bigint
  readonly place: FlowPlace
}

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
  private readonly part: Part
  private readonly composite: string
  private readonly probe: Probe.Probe
  private readonly clock: Clock.Clock
  private readonly parent: number | undefined
  private readonly subject: SubjectOf | undefined
  /** Unix time less monotonic time, when the flow began. */
  private readonly offset: bigint
  private since: bigint | undefined = undefined
  private listens = true
  /** The interceptors that have started, and not ended. */
  private readonly pending: Array<OpenInterceptor> = []

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
    this.offset = clock.currentTimeNanosUnsafe() - clock.monotonicTimeNanosUnsafe()
  }

  /** Reports the start of the flow. */
  open(): void {
    this.since = this.clock.monotonicTimeNanosUnsafe()
    this.report("start", this.composite, "flow", undefined, this.since, 0n, nowhere, this.subject?.(undefined))
  }

  /** Reports the end of the flow, once, after that of all that was cut short in it. `known` is added to its subject. */
  close(exit: Exit.Exit<unknown, unknown>, ended: FlowEnd = endOfExit(exit), known?: Probe.Subject): void {
    if (this.since === undefined) return
    for (const { interceptor, phase, place, since } of this.pending.toReversed()) {
      this.end(interceptor, phase, since, interrupted, place)
    }
    const now = this.clock.monotonicTimeNanosUnsafe()
    const subject = known === undefined ? this.subject?.(exit) : { ...this.subject?.(exit), ...known }
    this.report("end", this.composite, "flow", ended, now, now - this.since, nowhere, subject)
    this.since = undefined
    // An interrupted hook that ends later was reported with the flow.
    this.listens = false
  }

  /** Runs an effect as the flow: from its start to its end, and with its number for the flows inside. */
  run<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) => {
      this.open()
      return Effect.onExit(this.within(restore(effect)), (exit) => Effect.sync(() => this.close(exit)))
    })
  }

  /** Runs an effect inside of the flow, so that flows that it begins have this one as their parent. */
  within<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.provideService(effect, CurrentFlow, this.flow)
  }

  /** Reports the start of an interceptor; returns the time that `end` wants. `now` is the time, where it was just read. */
  start(
    interceptor: string,
    phase: string,
    place: FlowPlace = nowhere,
    now: bigint = this.clock.monotonicTimeNanosUnsafe()
  ): bigint {
    this.pending.push({ interceptor, phase, since: now, place })
    this.report("start", interceptor, phase, undefined, now, 0n, place, undefined)
    return now
  }

  /** Reports the end of an interceptor whose start was reported, once; returns the time of a report. */
  end(
    interceptor: string,
    phase: string,
    since: bigint,
    ended: FlowEnd,
    place: FlowPlace = nowhere
  ): bigint | undefined {
    if (!this.settle(interceptor, phase, since)) return undefined
    const now = this.clock.monotonicTimeNanosUnsafe()
    this.report("end", interceptor, phase, ended, now, now - since, place, undefined)
    return now
  }

  private settle(interceptor: string, phase: string, since: bigint): boolean {
    const { pending } = this
    // Mostly it is the last.
    for (let at = pending.length - 1; at >= 0; at--) {
      const started = pending[at]!
      if (started.since !== since || started.interceptor !== interceptor || started.phase !== phase) continue
      if (at === pending.length - 1) pending.pop()
      else pending.splice(at, 1)
      return true
    }
    return false
  }

  /** Runs between two reports. A plain value stays one, so that an interpreter goes the way that it goes unwatched. */
  around(
    interceptor: string,
    phase: string,
    run: () => unknown,
    outcomeOf: (value: unknown) => Probe.Outcome = () => "success",
    place: FlowPlace = nowhere
  ): unknown {
    const since = this.start(interceptor, phase, place)
    const end = (exit: Exit.Exit<unknown, unknown>): unknown =>
      this.end(
        interceptor,
        phase,
        since,
        Exit.isSuccess(exit) ? { outcome: outcomeOf(exit.value), tag: undefined } : endOf(exit.cause),
        place
      )
    let out: unknown
    try {
      out = run()
    } catch (defect) {
      end(Exit.die(defect))
      throw defect
    }
    if (!isEffect(out)) end(Exit.succeed(out))
    else if (isExit(out)) end(out)
    else return Effect.onExit(this.within(out), (exit) => Effect.sync(() => end(exit)))
    return out
  }

  private report(
    type: Probe.Event["type"],
    interceptor: string,
    phase: string,
    ended: FlowEnd | undefined,
    now: bigint,
    durationNanos: bigint,
    { attempt, index = -1 }: FlowPlace,
    subject: Probe.Subject | undefined
  ): void {
    if (!this.listens) return
    const { composite, flow, offset, parent, part } = this
    this.listens = reportTo(this.probe, {
      type,
      at: offset + now,
      part,
      composite,
      flow,
      parent,
      attempt,
      index,
      interceptor,
      phase,
      outcome: ended?.outcome,
      errorType: ended?.tag,
      durationNanos,
      subject
    })
  }
}
