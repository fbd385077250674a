import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Scope } from "effect"
import { HttpClient, HttpClientResponse, HttpServerResponse } from "effect/http"
import { Interceptor, Probe } from "fairlead"
import { ClientChain } from "fairlead/client"
import { Middleware, Pipeline } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"

import * as ContinuationFrame from "../../src/server/ContinuationFrame.ts"
import { response } from "./Journal.ts"
import { logsOf } from "./Logs.ts"

/** Serves one request under a probe. */
const eventsOf = <E, R>(app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>) =>
  Effect.gen(function* () {
    const events: Array<Probe.Event> = []
    const served = Effect.flatMap(
      TestServer.make(app as never) as Effect.Effect<TestServer.TestServer, never, Scope.Scope>,
      (server) => server.get("/")
    )
    yield* Effect.provideService(Effect.scoped(served), Probe.Probe, { report: (event) => void events.push(event) })
    return events
  })

const shown = ({ composite, index, interceptor, outcome, phase, type }: Probe.Event) =>
  `${composite}: ${phase} ${interceptor} ${index} ${outcome ?? type}`

const same = (name: string, options?: Middleware.SendingOptions) =>
  Middleware.sending(name, (response) => response, options)

describe.each([
  ["by frames", undefined],
  ["by public functions alone", false]
] as const)("the probe, %s", (_, isSupported) => {
  const within = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const before = ContinuationFrame.support.isSupported
        ContinuationFrame.support.isSupported = isSupported
        return before
      }),
      () => effect,
      (before) => Effect.sync(() => (ContinuationFrame.support.isSupported = before))
    )

  it.effect("server2 1.1: reports the stages for a response, at their places, in the flow of the pipeline", () =>
    within(
      Effect.gen(function* () {
        const app = Pipeline.make("p")
          .sending(same("early", { compression: "before" }))
          .sending(same("plain"))
          .sending(Middleware.sending("suspended", (response) => Effect.as(Effect.yieldNow, response)))
          .before(Middleware.before("before", () => {}))
          .handle(response("H"))
          .ended(Middleware.ended("first", () => Effect.yieldNow))
          .ended(Middleware.ended("last", () => {}))
        const events = yield* eventsOf(app)
        const names = Interceptor.describe(app).interceptors.map(({ name }) => name)
        assert.deepStrictEqual(names, ["before", "handler", "suspended", "plain", "early", "last", "first"])
        assert.deepStrictEqual(events.map(shown), [
          "p: flow p -1 start",
          "p: before before 0 start",
          "p: before before 0 success",
          "p: handle handler 1 start",
          "p: handle handler 1 success",
          "p: sending early 4 start",
          "p: sending early 4 success",
          "p: sending suspended 2 start",
          "p: sending suspended 2 success",
          "p: sending plain 3 start",
          "p: sending plain 3 success",
          "p: ended last 5 start",
          "p: ended last 5 success",
          "p: ended first 6 start",
          "p: ended first 6 success",
          "p: flow p -1 success"
        ])
        assert.strictEqual(new Set(events.map(({ flow }) => flow)).size, 1)
      })
    )
  )

  it.effect("server2 1.1: reports a stage of an inner pipeline under its name, in the flow of the outermost", () =>
    within(
      Effect.gen(function* () {
        const inner = Pipeline.make("inner").sending(same("i")).handle(response("H"))
        const events = yield* eventsOf(Pipeline.make("outer").sending(same("o")).handle(inner))
        const outer = events[0]!.flow
        const stages = events.filter(({ phase }) => phase === "sending")
        assert.deepStrictEqual(stages.map(shown), [
          "inner: sending i 1 start",
          "inner: sending i 1 success",
          "outer: sending o 1 start",
          "outer: sending o 1 success"
        ])
        assert.deepStrictEqual(
          stages.map(({ flow }) => flow),
          [outer, outer, outer, outer]
        )
        const last = events.at(-1)!
        assert.deepStrictEqual([last.flow, last.phase, last.type], [outer, "flow", "end"])
      })
    )
  )

  it.effect("server2 1.1: reports a defect of a stage, and a flow that it begins has this one as its parent", () =>
    within(
      Effect.gen(function* () {
        const client = HttpClient.make((request) =>
          Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 204 })))
        )
        const api = ClientChain.over(ClientChain.make("api"), client)
        const app = Pipeline.make("p")
          .sending(Middleware.sending("dies", () => Effect.die("boom")))
          .sending(
            Middleware.sending("throws", () => {
              throw new Error("boom")
            })
          )
          .sending(Middleware.sending("unsendable", HttpServerResponse.setHeader("x-name", "Łukasz")))
          .sending(
            Middleware.sending("calls", (response) => Effect.as(Effect.ignore(api.get("https://api.test/")), response))
          )
          .handle(response("H"))
          .ended(Middleware.ended("end", () => Effect.die("boom")))
        const [events, lines] = yield* logsOf(eventsOf(app))
        assert.lengthOf(lines, 4)
        const ends = events.filter(({ phase, type }) => type === "end" && (phase === "sending" || phase === "ended"))
        assert.deepStrictEqual(
          ends.map(({ interceptor, outcome }) => `${interceptor} ${outcome}`),
          ["calls success", "unsendable defect", "throws defect", "dies defect", "end defect"]
        )
        const call = events.find(({ part, phase }) => part === "client" && phase === "flow")!
        assert.strictEqual(call.parent, ends[0]!.flow)
      })
    )
  )
})
