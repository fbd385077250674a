import { assert, it } from "@effect/vitest"
import { Effect, Layer, Metric, Schema, Tracer } from "effect"
import { HttpClient, HttpServerResponse } from "effect/http"
import { Probe, ProbeMetrics, ProbeSpans } from "fairlead"
import { ClientChain, ClientHandler } from "fairlead/client"
import { Middleware, Pipeline } from "fairlead/server"
import { TestClient } from "fairlead/testing/client"
import { TestServer } from "fairlead/testing/server"

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

it.effect("spans are nested as the interceptors are, and all end", () =>
  Effect.gen(function* () {
    const seen: Array<Seen> = []
    const reply = yield* Effect.provideService(send(ProbeSpans.layer), Tracer.Tracer, recording(seen))
    assert.strictEqual(reply.status, 404)
    const own = seen.filter(({ attributes }) => attributes.has("fairlead.part"))
    assert.deepStrictEqual(
      own.map(({ name, parent, attributes }) => [name, parent, attributes.get("fairlead.outcome")]),
      [
        ["app", own[0]!.parent, "success"],
        ["app/outer", "app", "success"],
        ["app/first", "app/outer", "success"],
        ["app/inner", "app/outer", "failure"],
        ["inner", "app/inner", "failure"],
        ["inner/handler", "inner", "failure"],
        ["app/catchTag(Lost)", "app/outer", "recovered"]
      ]
    )
    assert.strictEqual(own[3]!.attributes.get("error.type"), "Lost")
    assert.deepStrictEqual(
      ["http.request.method", "url.path", "http.response.status_code"].map((key) => own[0]!.attributes.get(key)),
      ["GET", "/", 404]
    )
    assert.deepStrictEqual(
      own.map(({ attributes }) => attributes.get("fairlead.index")),
      [undefined, 0, 1, 2, undefined, 0, 3]
    )
    assert.isTrue(own.every(({ ended }) => ended()))
  })
)

it.effect("a client call is found below the request that it was made in", () =>
  Effect.gen(function* () {
    const seen: Array<Seen> = []
    const chain = ClientChain.make("api").use(ClientHandler.make("sign", { run: () => {} }))
    const calling = Pipeline.make("calling").handle(
      Effect.as(Effect.orDie(HttpClient.get("https://api.test/")), HttpServerResponse.empty())
    )
    const { client } = TestClient.make(TestClient.always({}, {}))
    const chained = Layer.provide(ClientChain.layer(chain), Layer.succeed(HttpClient.HttpClient, client))
    const request = Effect.gen(function* () {
      const server = yield* TestServer.make(calling, chained)
      return yield* server.get("/")
    })
    yield* request.pipe(Effect.provide(ProbeSpans.layer), Effect.provideService(Tracer.Tracer, recording(seen)))
    const own = seen.filter(({ attributes }) => attributes.has("fairlead.part"))
    assert.deepStrictEqual(
      own.slice(0, 4).map(({ name, parent }) => [name, parent]),
      [
        ["calling", own[0]!.parent],
        ["calling/handler", "calling"],
        ["api", "calling/handler"],
        ["api/sign", "api"]
      ]
    )
  })
)

it.effect("metrics count every interceptor by its outcome", () =>
  Effect.gen(function* () {
    yield* send(ProbeMetrics.layer)
    yield* send(ProbeMetrics.layer)
    const snapshot = yield* Metric.snapshot
    const counted = snapshot
      .filter(({ id }) => id === "fairlead.interceptor.duration")
      .map(({ attributes, state }) => [
        ["fairlead.phase", "fairlead.interceptor", "fairlead.outcome", "error.type", "unit"]
          .map((key) => attributes?.[key] ?? "-")
          .join(" "),
        "count" in state ? Number(state.count) : 0
      ])
    assert.deepInclude(counted, ["before first success - s", 2])
    assert.deepInclude(counted, ["handle inner failure Lost s", 2])
    assert.deepInclude(counted, ["catch catchTag(Lost) recovered - s", 2])
    assert.deepInclude(counted, ["flow app success - s", 2])
  })
)

it.effect("several consumers listen, and nobody listens by default", () =>
  Effect.gen(function* () {
    assert.isUndefined(yield* Probe.Probe)
    const heard: Array<string> = []
    const listen = (who: string) =>
      Probe.layer(Effect.succeed({ report: (event) => heard.push(`${who} ${event.phase} ${event.type}`) }))
    yield* send(Layer.provideMerge(listen("b"), listen("a")))
    assert.deepStrictEqual(heard.slice(0, 2), ["a flow start", "b flow start"])
    assert.strictEqual(heard.filter((line) => line.startsWith("a")).length, heard.length / 2)
  })
)
