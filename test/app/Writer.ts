/**
 * Fairings that write down which of their hooks ran.
 */
import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App, Fairing } from "fairlead/app"

export interface Writer {
  readonly entries: Array<string>
  /** Writes an entry. */
  readonly on: (entry: string) => Effect.Effect<void>
  /** A fairing with every hook, each of which writes itself down. */
  readonly all: (name: string) => Fairing.Fairing
}

export const writer = (): Writer => {
  const entries: Array<string> = []
  const on = (entry: string) => Effect.sync(() => void entries.push(entry))
  return {
    entries,
    on,
    all: (name) =>
      Fairing.make(name, {
        onIgnite: () => on(`ignite ${name}`),
        onLiftoff: () => on(`liftoff ${name}`),
        onRequest: () => on(`request ${name}`),
        onResponse: () => on(`response ${name}`),
        onShutdown: () => on(`shutdown ${name}`)
      })
  }
}

export const hello = HttpRouter.add("GET", "/", HttpServerResponse.text("hello"))

/** Why an app does not ignite. */
export const failuresOf = <P, E, R>(app: App.App<P, E, R>) => Effect.scoped(Effect.flip(App.ignite(app)))

/** What tests compare of fairings. */
export const listed = (fairings: ReadonlyArray<Fairing.FairingInfo>) =>
  fairings.map(({ kinds, name, service, singleton }) => ({
    name,
    kinds,
    ...(service === undefined ? {} : { service }),
    ...(singleton === undefined ? {} : { singleton })
  }))
