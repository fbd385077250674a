/**
 * What a stage runs, made uniform. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import type { App, Request, Response } from "./Model.ts"

/** A function of the request from what is one already, or from a value. A service key is both a class and an Effect: it counts as an Effect. */
export const toFunction = (run: unknown): ((request: Request) => unknown) =>
  typeof run === "function" && !Effect.isEffect(run) ? (run as (request: Request) => unknown) : () => run

/** An Effect from what is one already, or from a response. */
export const toApp = (answer: unknown): App =>
  Effect.isEffect(answer) ? (answer as App) : Effect.succeed(answer as Response)
