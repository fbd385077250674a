/**
 * The run functions of stages, made uniform. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import type { App, Request, Response } from "./HttpTypes.ts"

/** A function of the request, from a function or from a value. A service key is both a class and an Effect: it counts as an Effect. */
export const toFunction = (run: unknown): ((request: Request) => unknown) =>
  typeof run === "function" && !Effect.isEffect(run) ? (run as (request: Request) => unknown) : () => run

/** The Effect to run for every request, where the stage is an Effect itself and not an Exit. */
export const effectOf = (run: unknown): Effect.Effect<unknown, unknown, unknown> | undefined =>
  Effect.isEffect(run) && !Exit.isExit(run) ? run : undefined

/** An Effect of a response, from an Effect or from a response. */
export const toApp = (answer: unknown): App =>
  Effect.isEffect(answer) ? (answer as App) : Effect.succeed(answer as Response)
