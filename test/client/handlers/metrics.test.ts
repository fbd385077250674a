import { assert, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { HttpClientRequest } from "effect/http"
import { ClientChain } from "fairlead/client"
import { metrics, retry } from "fairlead/client/handlers"
import type { MetricsOptions } from "fairlead/client/handlers"
import { TestClient } from "fairlead/testing/client"

/** What was measured of the metric in a registry of its own, by attributes. */
const measured = <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    yield* Effect.exit(program)
    const snapshot = yield* Metric.snapshot
    return (name: string, ...attributes: ReadonlyArray<string>) =>
      snapshot
        .filter(({ id }) => id === name)
        .map((metric) => [
          ...attributes.map((attribute) => (metric.attributes as Readonly<Record<string, string>>)[attribute]),
          "count" in metric.state ? Number(metric.state.count) : undefined
        ])
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

const over = (network: TestClient.TestClient, options?: MetricsOptions) =>
  ClientChain.make("api")
    .use(metrics(options))
    .use(retry({ baseDelay: 0 }))
    .pipe(ClientChain.over(network.client))

const get = (client: ReturnType<typeof over>, url = "https://api.test/rooms/1") =>
  Effect.flatMap(client.execute(HttpClientRequest.get(url)), ({ text }) => text)

it.effect("requests and attempts are counted apart, with statuses, errors and resends, and sizes of bodies", () =>
  Effect.gen(function* () {
    const network = TestClient.make(
      TestClient.once("GET /rooms/1", { body: "12345", status: 503 }, { body: "abc" }, { body: "de", status: 404 })
    )
    const client = over(network)
    const of = yield* measured(Effect.andThen(get(client), get(client)))
    const names = ["http.request.method", "server.address", "server.port", "url.scheme", "http.response.status_code"]
    assert.sameDeepMembers(of("fairlead.client.call.duration", ...names, "error.type", "fairlead.halted_by"), [
      ["GET", "api.test", "443", "https", "200", undefined, undefined, 1],
      ["GET", "api.test", "443", "https", "404", "404", undefined, 1]
    ])
    assert.sameDeepMembers(of("http.client.request.duration", "http.response.status_code", "error.type", "unit"), [
      ["503", "503", "s", 1],
      ["200", undefined, "s", 1],
      ["404", "404", "s", 1]
    ])
    assert.sameDeepMembers(of("http.client.response.body.size", "server.address", "unit"), [
      ["api.test", "By", 1],
      ["api.test", "By", 1],
      ["api.test", "By", 1]
    ])
  })
)

it.effect("a failure is counted by its tag", () =>
  Effect.gen(function* () {
    const network = TestClient.make(TestClient.always({}, TestClient.fails("down")))
    const of = yield* measured(get(over(network)))
    assert.deepStrictEqual(of("fairlead.client.call.duration", "http.response.status_code", "error.type"), [
      [undefined, "HttpClientError", 1]
    ])
    assert.deepStrictEqual(of("http.client.request.duration", "error.type"), [["HttpClientError", 3]])
  })
)

it.effect("paths make no series, and neither do origins beyond the bound", () =>
  Effect.gen(function* () {
    const client = over(TestClient.make(TestClient.always({}, {})), { maxOrigins: 2 })
    const urls = ["https://a.test/1", "https://a.test/2", "https://b.test/", "https://c.test/", "https://d.test/"]
    const of = yield* measured(Effect.forEach(urls, (url) => get(client, url)))
    assert.sameDeepMembers(of("fairlead.client.call.duration", "server.address"), [
      ["a.test", 2],
      ["b.test", 1],
      ["_OTHER", 2]
    ])
  })
)

it.effect("a response whose body nobody reads is counted where the head is enough", () =>
  Effect.gen(function* () {
    const request = HttpClientRequest.get("https://api.test/")
    const network = TestClient.make(TestClient.always({}, { body: "text" }))
    const count = (options: MetricsOptions) =>
      Effect.map(measured(over(network, options).execute(request)), (of) => of("fairlead.client.call.duration").length)
    assert.strictEqual(yield* count({}), 0)
    assert.strictEqual(yield* count({ until: "head" }), 1)
  })
)
