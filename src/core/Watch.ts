/**
 * Reports the start and the end of what an interpreter runs to the `Probe`. Internal to Fairlead: each part's interpreter says what to report.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { isEffect, isExit } from "./Effects.ts"
import type { Part } from "./Interceptor.ts"
import * as Probe from "./Probe.ts"

/** How an Exit ended, for the probe. */
interface Ended {
  readonly outcome: Probe.Outcome
  readonly tag: string | undefined
}

/** The outcome of a cause. */
export const endOf = (cause: Cause.Cause<unknown>): Ended => {
  if (Cause.hasDies(cause)) return { outcome: "defect", tag: undefined }
  const failure = cause.reasons.find(Cause.isFailReason)
  return failure === undefined
    ? { outcome: "interrupt", tag: undefined }
    : { outcome: "failure", tag: tagOf(failure.error) }
}

/** The tag of an error or a decision. */
export const tagOf = (value: unknown): string | undefined =>
  typeof value === "object" && value !== null && "_tag" in value && typeof value._tag === "string"
    ? value._tag
    : undefined

/** Reports one flow of a composite. */
export class Watch {
  private readonly part: Part
  private readonly composite: string
  private readonly probe: Probe.Probe
  private readonly clock: Clock.Clock
  readonly flow: number

  constructor(part: Part, composite: string, probe: Probe.Probe, clock: Clock.Clock, flow = Probe.nextFlow()) {
    this.part = part
    this.composite = composite
    this.probe = probe
    this.clock = clock
    this.flow = flow
  }

  /** Reports the start of an interceptor; gives the time that `end` wants. */
  start(interceptor: string, phase: string): bigint {
    this.report(interceptor, phase, { outcome: "start", tag: undefined }, 0n)
    return this.clock.currentTimeNanosUnsafe()
  }

  /** Reports the end of an interceptor. */
  end(interceptor: string, phase: string, since: bigint, ended: Ended): void {
    this.report(interceptor, phase, ended, this.clock.currentTimeNanosUnsafe() - since)
  }

  /** Runs between two reports. A plain value stays one, so that an interpreter goes the way that it goes unwatched. */
  around(
    interceptor: string,
    phase: string,
    run: () => unknown,
    outcomeOf: (value: unknown) => Probe.Outcome = () => "success"
  ): unknown {
    const since = this.start(interceptor, phase)
    const end = (exit: Exit.Exit<unknown, unknown>): void =>
      this.end(
        interceptor,
        phase,
        since,
        Exit.isSuccess(exit) ? { outcome: outcomeOf(exit.value), tag: undefined } : endOf(exit.cause)
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
    else return Effect.onExit(out, (exit) => Effect.sync(() => end(exit)))
    return out
  }

  private report(interceptor: string, phase: string, { outcome, tag }: Ended, nanos: bigint): void {
    const { composite, flow, part } = this
    this.probe.report({ part, composite, flow, interceptor, phase, outcome, tag, nanos })
  }
}
