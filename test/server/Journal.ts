/**
 * Stages that write down that they ran, in each of the manners in which a stage can give its result.
 */
import { Cause, Context, Effect, Exit, Schema } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { Middleware } from "fairlead/server"

import type { Ambient, Request, Response } from "../../src/server/HttpTypes.ts"

export class Red extends Schema.TaggedError<Red>()("Red", { by: Schema.String }) {}
export class Green extends Schema.TaggedError<Green>()("Green", { by: Schema.String }) {}
export class Blue extends Schema.TaggedError<Blue>()("Blue", { by: Schema.String }) {}

export class Name extends Context.Service<Name, string>()("test/Name") {}
export class Place extends Context.Service<Place, string>()("test/Place") {}

/** How a stage gives its result: a plain value (a failure: an Exit), an Exit, or an Effect that leaves the fiber first. */
export const manners = ["plain", "exit", "suspended"] as const
export type Manner = (typeof manners)[number]

const trail = "trail"

/** What a response went through: the names that handlers and afters left on it. */
export const trailOf = (response: Response): string => response.headers[trail] ?? ""

export const response = (name: string, status = 200): Response =>
  HttpServerResponse.empty({ status, headers: { [trail]: name } })

const mark = (response: Response, name: string): Response =>
  HttpServerResponse.setHeader(response, trail, `${trailOf(response)} ${name}`)

export interface Journal {
  /** The names of the methods that ran, in order. */
  readonly entries: Array<string>
  /** Empties the journal and gives what was in it. */
  readonly take: () => ReadonlyArray<string>
  readonly before: <E = never>(name: string, error?: E) => Middleware.Before<never, E>
  readonly provide: <I, S, E = never>(
    name: string,
    key: Context.Key<I, S>,
    value: S,
    error?: E
  ) => Middleware.Before<Exclude<I, Ambient>, E>
  readonly handler: <E = never>(name?: string, error?: E) => (request: Request) => Response | Effect.Effect<Response, E>
  readonly after: <E = never>(name: string, error?: E) => Middleware.After<E>
  /** Ends with `value`, or fails with `error`. */
  readonly gives: <A, E = never>(name: string, value: A, error?: E) => Effect.Effect<A, E>
  /** Turns an error into a response, or into another error. */
  readonly answers: <E = never>(
    name: string,
    error?: E
  ) => (error: { readonly _tag: string }) => Effect.Effect<Response, E>
}

export const makeJournal = (manner: Manner = "suspended", entries: Array<string> = []): Journal => {
  const result = <A, E>(name: string, value: A, error: E | undefined): A | Effect.Effect<A, E> => {
    entries.push(name)
    if (error !== undefined) {
      return manner === "suspended" ? Effect.andThen(Effect.yieldNow, Effect.fail(error)) : Exit.fail(error)
    }
    return manner === "plain" ? value : manner === "exit" ? Exit.succeed(value) : Effect.as(Effect.yieldNow, value)
  }
  const gives = <A, E>(name: string, value: A, error?: E): Effect.Effect<A, E> =>
    Effect.suspend(() => {
      const out = result(name, value, error)
      return Effect.isEffect(out) ? out : Effect.succeed(out)
    })
  return {
    entries,
    take: () => entries.splice(0),
    before: (name, error) => Middleware.before(name, () => result(name, undefined, error)),
    provide: (name, key, value, error) => Middleware.before(name, key, () => gives(name, value, error)),
    handler:
      (name = "H", error) =>
      () =>
        result(name, response(name), error),
    after: (name, error) => Middleware.after(name, (response) => result(name, mark(response, name), error)),
    gives,
    answers: (name, error) => (caught) => gives(`${name}(${caught._tag})`, response(name), error)
  }
}

export const requestOf = (url = "/", init?: RequestInit): Request =>
  HttpServerRequest.fromWeb(new Request(`http://localhost${url}`, init))

/** Runs an app on one request, in a scope of its own. */
export const run = <E, R>(app: Effect.Effect<Response, E, R>, request: Request = requestOf()) =>
  app.pipe(Effect.provideService(HttpServerRequest.HttpServerRequest, request), Effect.scoped, Effect.exit)

/** The trail of a response, or the one error of a failure. */
export const endOf = <E>(exit: Exit.Exit<Response, E>): unknown => {
  if (Exit.isSuccess(exit)) return trailOf(exit.value)
  const [reason, ...more] = exit.cause.reasons
  if (reason === undefined || more.length > 0) return exit.cause
  return Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : "interrupted"
}

/** The body of a response as text. */
export const bodyOf = (response: Response): Effect.Effect<string> =>
  Effect.promise(() => HttpServerResponse.toWeb(response).text())
