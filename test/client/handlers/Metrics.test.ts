import { assert, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { HttpClientRequest } from "effect/http"
import { ClientChain } from "fairlead/client"
import { metrics, retry } from "fairlead/client/handlers"
import type { MetricsOptions } from "fairlead/client/handlers"
import * as TestClient from "fairlead/testing/client"

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

const over = (network: TestClient.Transport, options?: MetricsOptions) =>
  ClientChain.make("api")
    .use(metrics(options))
    .use(retry({ base: 0 }))
    .over(network.client)

const get = (client: ReturnType<typeof over>, url = "https://api.test/rooms/1") =>
  Effect.flatMap(client.execute(HttpClientRequest.get(url)), ({ text }) => text)

it.effect("requests and attempts are counted apart, with statuses, errors and resends, and bytes by origin", () =>
  Effect.gen(function* () {
    const network = TestClient.transport(
      TestClient.once("GET /rooms/1", { body: "12345", status: 503 }, { body: "abc" }, { body: "de", status: 404 })
    )
    const client = over(network)
    const of = yield* measured(Effect.andThen(get(client), get(client)))
    const request = "http_client_request_duration"
    assert.sameDeepMembers(of(request, "method", "origin", "status", "error", "answered_by", "resends"), [
      ["GET", "https://api.test", "200", "none", "network", "1", 1],
      ["GET", "https://api.test", "404", "none", "network", "0", 1]
    ])
    assert.sameDeepMembers(of("http_client_attempt_duration", "status", "resends"), [
      ["503", undefined, 1],
      ["200", undefined, 1],
      ["404", undefined, 1]
    ])
    assert.deepStrictEqual(of("http_client_response_bytes", "origin"), [["https://api.test", 10]])
  })
)

it.effect("a failure is counted by its tag", () =>
  Effect.gen(function* () {
    const network = TestClient.transport(TestClient.always({}, TestClient.fails("down")))
    const of = yield* measured(get(over(network)))
    assert.deepStrictEqual(of("http_client_request_duration", "status", "error", "resends"), [
      ["none", "HttpClientError", "2", 1]
    ])
    assert.deepStrictEqual(of("http_client_attempt_duration", "error"), [["HttpClientError", 3]])
  })
)

it.effect("paths make no series, and neither do origins beyond the bound", () =>
  Effect.gen(function* () {
    const client = over(TestClient.transport(TestClient.always({}, {})), { maxOrigins: 2 })
    const urls = ["https://a.test/1", "https://a.test/2", "https://b.test/", "https://c.test/", "https://d.test/"]
    const of = yield* measured(Effect.forEach(urls, (url) => get(client, url)))
    assert.sameDeepMembers(of("http_client_request_duration", "origin"), [
      ["https://a.test", 2],
      ["https://b.test", 1],
      ["_OTHER", 2]
    ])
  })
)

it.effect("a response whose body nobody reads is counted where the head is enough", () =>
  Effect.gen(function* () {
    const request = HttpClientRequest.get("https://api.test/")
    const network = TestClient.transport(TestClient.always({}, { body: "text" }))
    const count = (options: MetricsOptions) =>
      Effect.map(measured(over(network, options).execute(request)), (of) => of("http_client_request_duration").length)
    assert.strictEqual(yield* count({}), 0)
    assert.strictEqual(yield* count({ until: "head" }), 1)
  })
)
