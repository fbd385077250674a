import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Probe } from "fairlead"
import { App } from "fairlead/app"
import { TestApp } from "fairlead/testing/app"

import { hello, writer } from "./Writer.ts"

describe("the Probe's view of an app", () => {
  it.effect("app2 2.6: a life is one flow, with its hooks at their places, and each request is a separate flow", () =>
    Effect.gen(function* () {
      const events: Array<Probe.Event> = []
      const { all } = writer()
      const life = Effect.gen(function* () {
        const app = yield* TestApp.make(App.make("x").attach(all("A")).mount(hello))
        yield* app.get("/")
        yield* app.terminate
      })
      yield* Effect.provideService(Effect.scoped(life), Probe.Probe, { report: (event) => void events.push(event) })
      const own = events.filter(({ part }) => part === "app")
      const flow = own[0]!.flow
      const lines = (ofLife: boolean) =>
        own
          .filter((event) => (event.flow === flow) === ofLife)
          .map(({ index, interceptor, phase, type }) => `${type} ${phase} ${interceptor} ${index}`)
      assert.deepStrictEqual(lines(true), [
        "start flow x -1",
        "start ignite A 0",
        "end ignite A 0",
        "start liftoff A 0",
        "end liftoff A 0",
        "start shutdown A 0",
        "end shutdown A 0",
        "end flow x -1"
      ])
      assert.deepStrictEqual(lines(false), [
        "start flow x -1",
        "start request A 0",
        "end request A 0",
        "start response A 0",
        "end response A 0",
        "end flow x -1"
      ])
      assert.deepStrictEqual(
        own.filter((event) => event.flow === flow && event.phase === "flow").map(({ subject }) => subject),
        [{ "fairlead.app.phase": "ignite" }, { "fairlead.app.phase": "shutdown" }]
      )
      const requests = own.filter((event) => event.flow !== flow && event.type === "start" && event.phase === "flow")
      assert.deepStrictEqual(
        requests.map(({ parent }) => parent),
        [undefined]
      )
    })
  )
})
