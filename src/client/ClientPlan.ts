/**
 * One build of a chain over a client: the state that all of its calls share, and the clients below its handlers. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"

import { isExit } from "../core/Effects.ts"
import type { CallPlan, PlanSettings } from "./CallState.ts"
import * as ClientWatch from "./ClientWatch.ts"
import type { Request, Response } from "./Decision.ts"
import type { ExchangeBound } from "./ExchangeBounds.ts"
import { LogicalRequest } from "./LogicalRequest.ts"

/** A chain over a client. */
export class ClientPlan implements CallPlan {
  readonly settings: PlanSettings
  private made: HttpClient.HttpClient.With<any> | undefined
  private readonly inner: Array<ClientPlan | undefined> = []

  constructor(settings: PlanSettings) {
    this.settings = settings
  }

  get client(): HttpClient.HttpClient.With<any> {
    return (this.made ??= HttpClient.makeWith<never, never, unknown, never>(
      (requests) =>
        isExit(requests) && requests._tag === "Success"
          ? this.execute(requests.value as Request)
          : Effect.flatMap(requests, (request) => this.execute(request)),
      Effect.succeed
    ))
  }

  /** The plan below the handler at a position; it is made once where no bound applies. */
  below(position: number, bounds: ReadonlyArray<ExchangeBound>): ClientPlan {
    const { outside } = this.settings
    const plan = () =>
      new ClientPlan({
        ...this.settings,
        first: position + 1,
        outside: bounds.length === 0 ? outside : [...outside, ...bounds]
      })
    return bounds.length === 0 ? (this.inner[position] ??= plan()) : plan()
  }

  execute(request: Request): Effect.Effect<Response, unknown> {
    return Effect.withFiber((fiber) =>
      ClientWatch.over(this.settings.name, fiber, request, (watch) =>
        new LogicalRequest(this, fiber, watch).execute(request)
      )
    )
  }
}
