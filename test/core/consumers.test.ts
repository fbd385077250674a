import { assert, it } from "@effect/vitest"
import { Effect, Layer, Metric, Schema, Tracer } from "effect"
import { HttpServerResponse } from "effect/http"
import { Probe, ProbeMetrics, ProbeSpans } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import * as TestServer from "fairlead/testing/server"

class Lost extends Schema.TaggedError<Lost>()("Lost", {}) {}

const inner = Pipeline.make("inner").handle(Effect.fail(new Lost()))
const app = Pipeline.make("app")
  .outer(Middleware.outer("outer", (app) => Effect.map(app, (response) => response)))
  .before(Middleware.before("first", () => {}))
  .handle(inner)
  .catchTag("Lost", () => HttpServerResponse.empty({ status: 404 }))

const send = <E>(consumer: Layer.Layer<never, E>) =>
  Effect.gen(function* () {
    const server = yield* TestServer.make(app)
    return yield* server.get("/")
  }).pipe(Effect.provide(consumer))

interface Seen {
  readonly name: string
  readonly parent: string | undefined
  readonly attributes: ReadonlyMap<string, unknown>
  readonly ended: () => boolean
}

const recording = (seen: Array<Seen>): Tracer.Tracer =>
  Tracer.make({
    span(options) {
      const span = new Tracer.NativeSpan(options)
      seen.push({
        name: options.name,
        parent:
          options.parent._tag === "Some" && options.parent.value._tag === "Span"
            ? options.parent.value.name
            : undefined,
        attributes: span.attributes,
        ended: () => span.status._tag === "Ended"
      })
      return span
    }
  })

it.effect("spans stand below one another as the interceptors do, and all end", () =>
  Effect.gen(function* () {
    const seen: Array<Seen> = []
    const reply = yield* Effect.provideService(send(ProbeSpans.layer), Tracer.Tracer, recording(seen))
    assert.strictEqual(reply.status, 404)
    const own = seen.filter(({ attributes }) => attributes.has("fairlead.part"))
    assert.deepStrictEqual(
      own.map(({ name, parent, attributes }) => [name, parent, attributes.get("fairlead.outcome")]),
      [
        ["app/outer", own[0]!.parent, "success"],
        ["app", "app/outer", "success"],
        ["app/first", "app", "success"],
        ["app/inner", "app", "failure"],
        ["inner", "app/inner", "failure"],
        ["inner/handler", "inner", "failure"],
        ["app/catchTag(Lost)", "app", "recovered"]
      ]
    )
    assert.strictEqual(own[3]!.attributes.get("error.type"), "Lost")
    assert.isTrue(own.every(({ ended }) => ended()))
  })
)

it.effect("metrics count every interceptor by its outcome", () =>
  Effect.gen(function* () {
    yield* send(ProbeMetrics.layer)
    yield* send(ProbeMetrics.layer)
    const snapshot = yield* Metric.snapshot
    const counted = snapshot
      .filter(({ id }) => id === "fairlead_interceptor_duration")
      .map(({ attributes, state }) => [
        `${attributes?.["phase"]} ${attributes?.["interceptor"]} ${attributes?.["outcome"]}`,
        "count" in state ? Number(state.count) : 0
      ])
    assert.deepInclude(counted, ["before first success", 2])
    assert.deepInclude(counted, ["handle inner failure", 2])
    assert.deepInclude(counted, ["catch catchTag(Lost) recovered", 2])
    assert.deepInclude(counted, ["flow app success", 2])
  })
)

it.effect("consumers listen beside one another, and nobody listens by default", () =>
  Effect.gen(function* () {
    assert.isUndefined(yield* Probe.Probe)
    const heard: Array<string> = []
    const listen = (who: string) =>
      Probe.layer(Effect.succeed({ report: (event) => heard.push(`${who} ${event.phase} ${event.outcome}`) }))
    yield* send(Layer.provideMerge(listen("b"), listen("a")))
    assert.deepStrictEqual(heard.slice(0, 2), ["a outer start", "b outer start"])
    assert.strictEqual(heard.filter((line) => line.startsWith("a")).length, heard.length / 2)
  })
)
