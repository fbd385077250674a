import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
/**
 * One stage that does nothing, in the form of each contender.
 *
 * `freshCopies` loads this module once for each stage, because in an application every stage is a separate function: closures of one
 * function literal would let the engine inline them all, and flatter everyone.
 */
import type { Context as HonoContext, Next as HonoNext } from "hono"

export type Response = HttpServerResponse
export type KoaNext = () => Promise<unknown>

/** The service of the stages that need one. */
export class Clerk extends Context.Service<Clerk, string>()("bench/Clerk") {}

const copy = new URL(import.meta.url).searchParams.get("copy") ?? "0"

/** A service of this stage alone. */
export const Own = Context.Service<"Own", string>(`bench/Own/${copy}`)

export const before = (): void => {}
export const exit = (): Exit.Exit<void> => Exit.void
export const sync: Effect.Effect<void> = Effect.sync(() => {})
export const flatMap: Effect.Effect<void> = Effect.flatMap(Effect.void, () => Effect.void)
export const service: Effect.Effect<void, never, Clerk> = Effect.map(Clerk, () => {})
export const provide = (): string => copy
export const after = (response: Response): Response => response
export const afterExit = (response: Response): Exit.Exit<Response> => Exit.succeed(response)
export const around = <E, R>(app: Effect.Effect<Response, E, R>): Effect.Effect<Response, E, R> =>
  Effect.map(app, (response) => response)
export const nested =
  <A, B>(next: (input: A) => B) =>
  (input: A): B =>
    next(input)
export const koa = (_: unknown, next: KoaNext): Promise<unknown> => next()
export const koaAwait = async (_: unknown, next: KoaNext): Promise<void> => {
  await next()
}
export const hono = (_: HonoContext, next: HonoNext): Promise<void> => next()
export const honoAwait = async (_: HonoContext, next: HonoNext): Promise<void> => {
  await next()
}
