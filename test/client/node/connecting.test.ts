import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { FetchHttpClient, HttpClient, HttpClientError } from "effect/http"
import { ClientChain } from "fairlead/client"
import { HttpTimeout, timeouts } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { speechless, unreachable } from "./Secure.ts"

const connect = { timeout: 50 }

const fetching = Layer.unwrap(
  Effect.map(NodeHttpClient.makeDispatcherOptions({ connect }), (dispatcher) =>
    FetchHttpClient.layer.pipe(
      Layer.provide(
        Layer.succeed(FetchHttpClient.Fetch, (url: string | URL | Request, init?: RequestInit) =>
          globalThis.fetch(url, Object.assign({}, init, { dispatcher }))
        )
      )
    )
  )
)

const transports: ReadonlyArray<readonly [string, HttpTimeout["phase"], Layer.Layer<HttpClient.HttpClient>]> = [
  ["fairlead/client/node", "connect", NodeTransport.layer({ connectTimeout: 50 })],
  ["undici", "connect", NodeHttpClient.layerUndiciOptions({ connect })],
  ["fetch with a dispatcher of undici", "connect", fetching],
  // It has no time limit for connecting: the time to the head bounds that too.
  ["node:http", "headers", NodeHttpClient.layerNodeHttp]
]

const hosts = [
  ["that takes no connection", unreachable],
  [
    "that takes connections and never answers a handshake",
    Effect.map(speechless, (port) => `https://127.0.0.1:${port}`)
  ]
] as const

describe.each(transports)("over %s", (_, phase, transport) => {
  it.live.each(hosts)(`client 10: a host %s is a HttpTimeout of phase ${phase}`, ([, host]) =>
    Effect.gen(function* () {
      const url = yield* host
      const bounds = timeouts({ headers: phase === "headers" ? "50 millis" : "1 hour" })
      const client = ClientChain.make("c")
        .use(bounds)
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const error = yield* Effect.flip(client.get(url))
      assert.instanceOf(error, HttpTimeout)
      assert.strictEqual(error.phase, phase)
      assert.include(error.message, `raise \`${phase}\``)
    }).pipe(Effect.provide(transport), Effect.scoped)
  )
})

it.live.each(hosts)(
  "client 10: without a handler a host %s is a transport error, recognised by isConnectTimeout",
  ([, host]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(HttpClient.get(yield* host))
      assert.isTrue(HttpClientError.isHttpClientError(error) && error.reason._tag === "TransportError")
      assert.isTrue(NodeTransport.isConnectTimeout(error))
    }).pipe(Effect.provide(NodeTransport.layer({ connectTimeout: 50 })), Effect.scoped)
)
