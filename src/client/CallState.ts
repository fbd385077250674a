/**
 * A call of a client and its plan, as one cycle needs them. Internal to the client part.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as HttpClient from "effect/http/HttpClient"

import type { Bound } from "../core/Composite.ts"
import type { ClientWatch } from "./ClientWatch.ts"
import type { Request, Response } from "./Decision.ts"
import type { Exchange } from "./Exchange.ts"
import type { ExchangeBound } from "./ExchangeBounds.ts"
import type { HandlerRecipe } from "./HandlerRecipe.ts"

/** A call under way, which ends with a response or a failure. */
export type ResponseEffect = Effect.Effect<Response, unknown>

/** The handlers of a build, in declared order. */
export type Handlers = ReadonlyArray<Bound<HandlerRecipe>>

/** The chain, the client below it and the bounds around it. */
export interface PlanSettings {
  readonly name: string
  /** The handlers, with the implementations from a context. */
  readonly lookUp: (context: Context.Context<never>) => Handlers
  readonly transport: HttpClient.HttpClient.With<unknown>
  readonly maxFollowUps: number
  /** The position of the first handler: later than 0 for the client below a handler. */
  readonly first: number
  /** The bounds of the exchange whose handler has this client for its inner one, outermost first. */
  readonly outside: ReadonlyArray<ExchangeBound>
}

/** A chain over a client. */
export interface CallPlan {
  readonly settings: PlanSettings
  readonly client: HttpClient.HttpClient.With<unknown>
  execute(request: Request): ResponseEffect
  /** The plan below the handler at a position. */
  below(position: number, bounds: ReadonlyArray<ExchangeBound>): CallPlan
}

/** The state of a call, across its cycles. */
export interface CallState extends Pick<Exchange, "get" | "set"> {
  readonly plan: CallPlan
  readonly fiber: Fiber.Fiber<any, any>
  readonly watch: ClientWatch | undefined
  readonly context: Context.Context<never>
  readonly handlers: Handlers
  readonly attempt: number
  /** The follow-ups that count against the bound of the chain. */
  followUps: number
  /** Begins the next cycle. */
  begin(request: Request, followUpReason: string): ResponseEffect
  /** Remembers that the network got the body of a request. */
  bodySent(request: Request): void
  /** Whether the network got the body of a request before. */
  hasSentBody(request: Request): boolean
}
