/**
 * Reports the exchanges of a logical request to the `Probe`. Internal to the client part.
 *
 * 1. Each call of a client is a flow with a number of its own, follow-ups included; so is a call of `exchange.inner`.
 * 2. The phases are `flow`, `run`, `afterResponse`, `recover` and `network`; what does not run reports nothing.
 * 3. A `run` that answers reports `halt`; what turns a failure into a response or a follow-up reports `recovered`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as HttpClient from "effect/http/HttpClient"

import * as Probe from "../core/Probe.ts"
import type { HandlerValue } from "./ClientHandler.ts"
import type { AfterDecision, Request, Response } from "./Decision.ts"
import type { Exchange } from "./Exchange.ts"

type Recover = (error: unknown, exchange: Exchange) => unknown

/** Runs `exchanges` as one flow: with a watch when there is a probe, which is one reference read. */
export const over = (
  composite: string,
  fiber: Fiber.Fiber<any, any>,
  exchanges: (watch: Watch | undefined) => Effect.Effect<Response, unknown>
): Effect.Effect<Response, unknown> => {
  const probe = fiber.getRef(Probe.Probe)
  if (probe === undefined) return exchanges(undefined)
  const watch = new Watch(composite, probe, fiber.getRef(Clock.Clock))
  return watch.effect(composite, "flow", () => Effect.suspend(() => exchanges(watch)))
}

/** Puts reports around what one logical request runs. */
export class Watch {
  private readonly composite: string
  private readonly probe: Probe.Probe
  private readonly clock: Clock.Clock
  private readonly flow = Probe.nextFlow()

  constructor(composite: string, probe: Probe.Probe, clock: Clock.Clock) {
    this.composite = composite
    this.probe = probe
    this.clock = clock
  }

  handler({ afterResponse, name, run }: HandlerValue): HandlerValue {
    return {
      name,
      run:
        run === undefined
          ? undefined
          : (exchange) =>
              this.around(
                name,
                "run",
                () => run(exchange),
                (decision) => (tagOf(decision) === "Halt" ? "halt" : "success")
              ),
      afterResponse:
        afterResponse === undefined
          ? undefined
          : (exchange, outcome, state) =>
              this.around(
                name,
                "afterResponse",
                () => afterResponse(exchange, outcome, state),
                (decision) =>
                  outcome._tag === "Failure" && recovers(decision as AfterDecision) ? "recovered" : "success"
              )
    }
  }

  recover(name: string, recover: Recover): Recover {
    return (error, exchange) =>
      this.around(
        name,
        "recover",
        () => recover(error, exchange),
        () => "recovered"
      )
  }

  network(transport: HttpClient.HttpClient.With<unknown>, request: Request): Effect.Effect<Response, unknown> {
    return this.effect("network", "network", () => transport.execute(request))
  }

  effect<A, E, R>(interceptor: string, phase: string, run: () => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.suspend(() => this.around(interceptor, phase, run, () => "success") as Effect.Effect<A, E, R>)
  }

  // A plain decision stays one, so that the driver goes the way that it goes unwatched.
  private around(
    interceptor: string,
    phase: string,
    run: () => unknown,
    outcomeOf: (value: unknown) => Probe.Outcome
  ): unknown {
    this.report(interceptor, phase, "start", undefined, 0n)
    const since = this.clock.currentTimeNanosUnsafe()
    const end = (exit: Exit.Exit<unknown, unknown>): void => {
      const nanos = this.clock.currentTimeNanosUnsafe() - since
      const { outcome, tag } = Exit.isSuccess(exit)
        ? { outcome: outcomeOf(exit.value), tag: undefined }
        : of(exit.cause)
      this.report(interceptor, phase, outcome, tag, nanos)
    }
    let out: unknown
    try {
      out = run()
    } catch (defect) {
      end(Exit.die(defect))
      throw defect
    }
    if (!Effect.isEffect(out)) end(Exit.succeed(out))
    else if (Exit.isExit(out)) end(out)
    else return Effect.onExit(out, (exit) => Effect.sync(() => end(exit)))
    return out
  }

  private report(
    interceptor: string,
    phase: string,
    outcome: Probe.Outcome,
    tag: string | undefined,
    nanos: bigint
  ): void {
    const { composite, flow } = this
    this.probe.report({ part: "client", composite, flow, interceptor, phase, outcome, tag, nanos })
  }
}

const recovers = (decision: AfterDecision): boolean =>
  decision !== undefined && (decision._tag === "Respond" || (decision._tag === "FollowUp" && decision.recovers))

const of = (cause: Cause.Cause<unknown>): { readonly outcome: Probe.Outcome; readonly tag: string | undefined } => {
  if (Cause.hasDies(cause)) return { outcome: "defect", tag: undefined }
  const failure = cause.reasons.find(Cause.isFailReason)
  return failure === undefined
    ? { outcome: "interrupt", tag: undefined }
    : { outcome: "failure", tag: tagOf(failure.error) }
}

const tagOf = (value: unknown): string | undefined =>
  typeof value === "object" && value !== null && "_tag" in value && typeof value._tag === "string"
    ? value._tag
    : undefined
