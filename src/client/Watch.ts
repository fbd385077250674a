/**
 * Reports the exchanges of a logical request to the `Probe`. Internal to the client part.
 *
 * 1. Each call of a client is a flow with a number of its own, follow-ups included; so is a call of `exchange.inner`.
 * 2. The phases are `flow`, `run`, `afterResponse`, `recover` and `network`; what does not run reports nothing.
 * 3. A `run` that answers reports `halt`; what turns a failure into a response or a follow-up reports `recovered`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as HttpClient from "effect/http/HttpClient"

import * as Probe from "../core/Probe.ts"
import { Watch as CoreWatch, tagOf } from "../core/Watch.ts"
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
  private readonly watch: CoreWatch

  constructor(composite: string, probe: Probe.Probe, clock: Clock.Clock) {
    this.watch = new CoreWatch("client", composite, probe, clock)
  }

  handler({ afterResponse, name, run }: HandlerValue): HandlerValue {
    return {
      name,
      run:
        run === undefined
          ? undefined
          : (exchange) =>
              this.watch.around(
                name,
                "run",
                () => run(exchange),
                (decision) => (tagOf(decision) === "Halt" ? "halt" : "success")
              ),
      afterResponse:
        afterResponse === undefined
          ? undefined
          : (exchange, outcome, state) =>
              this.watch.around(
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
      this.watch.around(
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
    return Effect.suspend(() => this.watch.around(interceptor, phase, run) as Effect.Effect<A, E, R>)
  }
}

const recovers = (decision: AfterDecision): boolean =>
  decision !== undefined && (decision._tag === "Respond" || (decision._tag === "FollowUp" && decision.recovers))
