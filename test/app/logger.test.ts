import { assert, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { App, Fairing } from "fairlead/app"
import { TestApp } from "fairlead/testing/app"

import { keepLogs } from "../server/Logs.ts"

it.effect("app: the log lines of its life go to the loggers that it manages", () =>
  Effect.gen(function* () {
    const { layer, lines } = keepLogs()
    const said = () => lines.map(({ message }) => message)

    const dying = App.make("shop")
      .manage(layer)
      .attach(Fairing.onShutdown("closing", () => Effect.die("cracked")))
    yield* (yield* TestApp.make(dying)).terminate
    assert.include(said(), 'Fairing "closing" died at shutdown')

    const failing = App.make("shop")
      .manage(layer)
      .attach(Fairing.onLiftoff("opening", () => Effect.die("cracked")))
    assert.isTrue(Exit.isFailure(yield* Effect.exit(TestApp.make(failing, Layer.empty))))
    assert.include(said(), 'Fairing "opening" died at liftoff')
  })
)
