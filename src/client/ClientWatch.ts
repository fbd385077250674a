/**
 * Reports the exchanges of a logical request to the `Probe`. Internal to the client part.
 *
 * 1. Each call of a client is a flow with its own number, follow-ups included; so is a call of `exchange.inner`.
 * 2. The phases are `flow`, `run`, `afterResponse`, `recover` and `network`; a method that does not run reports nothing.
 * 3. A `run` that answers reports `halt`; a method that turns a failure into a response or a follow-up reports `recovered`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as HttpClient from "effect/http/HttpClient"

import type * as Probe from "../core/Probe.ts"
import { Watch as CoreWatch, tagOf } from "../core/Watch.ts"
import type { AfterDecision, Request, Response } from "./Decision.ts"
import type { Outcome } from "./Exchange.ts"

/** Runs `exchanges` as one flow: with a watch when there is a probe, which is one reference read. */
export const over = (
  composite: string,
  fiber: Fiber.Fiber<any, any>,
  asked: Request,
  exchanges: (watch: ClientWatch | undefined) => Effect.Effect<Response, unknown>
): Effect.Effect<Response, unknown> => {
  let subject: Probe.Subject = {}
  const core = CoreWatch.of(fiber, "client", composite, () => subject)
  if (core === undefined) return exchanges(undefined)
  const watch = new ClientWatch(core)
  subject = subjectOf(asked)
  return core.run(
    Effect.tap(
      Effect.suspend(() => exchanges(watch)),
      ({ status }) =>
        Effect.sync(() => {
          subject = { ...subject, "http.response.status_code": status }
        })
    )
  )
}

const subjectOf = ({ method, url }: Request): Probe.Subject => {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  return {
    "http.request.method": method,
    ...(parsed === undefined ? {} : { "server.address": parsed.hostname, "url.scheme": parsed.protocol.slice(0, -1) })
  }
}

/** Where a method runs: the cycle, and the place of its handler in the chain. */
interface Running {
  readonly position: number
  readonly attempt: number
}

const placeOf = ({ attempt, position }: Running) => ({ index: position, attempt })

/** Puts reports around what one logical request runs. */
export class ClientWatch {
  private readonly watch: CoreWatch

  constructor(watch: CoreWatch) {
    this.watch = watch
  }

  run(name: string, running: Running, run: () => unknown): unknown {
    return this.watch.around(
      name,
      "run",
      run,
      (decision) => (tagOf(decision) === "Halt" ? "halt" : "success"),
      placeOf(running)
    )
  }

  afterResponse(name: string, running: Running, outcome: Outcome, afterResponse: () => unknown): unknown {
    return this.watch.around(
      name,
      "afterResponse",
      afterResponse,
      (decision) => (outcome._tag === "Failure" && recovers(decision as AfterDecision) ? "recovered" : "success"),
      placeOf(running)
    )
  }

  recover(name: string, running: Running, recover: () => unknown): unknown {
    return this.watch.around(name, "recover", recover, () => "recovered", placeOf(running))
  }

  network(
    attempt: number,
    transport: HttpClient.HttpClient.With<unknown>,
    request: Request
  ): Effect.Effect<Response, unknown> {
    return Effect.suspend(
      () =>
        this.watch.around("network", "network", () => transport.execute(request), undefined, {
          attempt
        }) as Effect.Effect<Response, unknown>
    )
  }
}

const recovers = (decision: AfterDecision): boolean =>
  decision !== undefined && (decision._tag === "Respond" || (decision._tag === "FollowUp" && decision.recovers))
