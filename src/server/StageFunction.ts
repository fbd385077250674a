/**
 * The run functions of stages, made uniform. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import type { App, Request, Response } from "./HttpTypes.ts"

/** A function of the request, from a function or from a value. A service key is both a class and an Effect: it counts as an Effect. */
export const toFunction = (run: unknown): ((request: Request) => unknown) =>
  typeof run === "function" && !Effect.isEffect(run) ? (run as (request: Request) => unknown) : () => run

/** An Effect of a response, from an Effect or from a response. */
export const toApp = (answer: unknown): App =>
  Effect.isEffect(answer) ? (answer as App) : Effect.succeed(answer as Response)
