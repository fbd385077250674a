/**
 * One request to a pipeline as a server handles it, for sweeps.
 */
import { Effect, Layer, Logger, Stream } from "effect"
import { HttpEffect, HttpServerRequest } from "effect/http"
import type { HttpServerResponse } from "effect/http"
import { SessionStore } from "fairlead/server/middleware"

import type { App } from "../../src/server/HttpTypes.ts"
import { terminal } from "../../src/server/Terminal.ts"

const quiet = Effect.provide(Logger.layer([]))

/** Two yields: two points between which an interruption can come. */
export const pause = Effect.andThen(Effect.yieldNow, Effect.yieldNow)

/** Sessions in a map, whose accesses `slowly` slows down. */
export const sessionsIn = (records: Map<string, object>, slowly: <A>(access: () => A) => Effect.Effect<A>) =>
  Layer.succeed(SessionStore, {
    get: (digest) => slowly(() => records.get(digest)),
    set: (digest, record) => slowly(() => void records.set(digest, record)),
    remove: (digest) => slowly(() => void records.delete(digest))
  })

/** Handles one request as a server does, in its own fiber and scope. */
export const handle = (
  app: unknown,
  headers: Record<string, string> = {},
  onResponse: (response: HttpServerResponse.HttpServerResponse) => void = () => {}
) =>
  HttpEffect.toHandled(terminal(app as App), (_, response) => {
    onResponse(response)
    return response.body._tag === "Stream" ? Stream.runDrain(Stream.orDie(response.body.stream)) : Effect.void
  }).pipe(
    Effect.provideService(
      HttpServerRequest.HttpServerRequest,
      HttpServerRequest.fromWeb(new Request("http://test/a", { headers }))
    ),
    Effect.exit,
    Effect.asVoid,
    quiet
  )

/** Counts of what began and of what ended, by name. */
export const ledger = () => {
  const counts = new Map<string, number>()
  const note = (name: string) => Effect.sync(() => void counts.set(name, (counts.get(name) ?? 0) + 1))
  const count = (name: string) => counts.get(name) ?? 0
  return { note, count, hold: (name: string) => Effect.acquireRelease(note(`+${name}`), () => note(`-${name}`)) }
}
