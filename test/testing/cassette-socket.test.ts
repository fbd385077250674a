import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

import { NodeFileSystem, NodeHttpClient, NodePath } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { TestClient } from "fairlead/testing/client"

/** A server that answers, sets cookies, redirects and resets, until the scope ends. */
const server = Effect.acquireRelease(
  Effect.callback<{ readonly origin: string; readonly stop: () => void }>((resume) => {
    const listening = createServer((request, response) => {
      if (request.url === "/reset") {
        request.socket.resetAndDestroy()
        return
      }
      if (request.url === "/old") {
        response.writeHead(302, { location: "/rooms" }).end()
        return
      }
      response.setHeader("set-cookie", ["a=1; Path=/", "a=2; Path=/rooms", "b=3"])
      response.end(`rooms for ${request.method}`)
    }).listen(0, "127.0.0.1", () => {
      const { port } = listening.address() as AddressInfo
      const stop = () => {
        listening.close()
        listening.closeAllConnections()
      }
      resume(Effect.succeed({ origin: `http://127.0.0.1:${port}`, stop }))
    })
  }),
  ({ stop }) => Effect.sync(stop)
)

const transports = {
  fetch: FetchHttpClient.layer,
  undici: NodeHttpClient.layerUndici,
  "node:http": NodeHttpClient.layerNodeHttp
}

it.effect.each(Object.entries(transports))(
  "a response over %s is replayed from a file when the server is gone",
  ([, live]) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const { origin, stop } = yield* server
      const visit = Effect.gen(function* () {
        const client = yield* HttpClient.HttpClient
        const page = yield* client.get(`${origin}/rooms`)
        const posted = yield* client.execute(HttpClientRequest.post(`${origin}/rooms`))
        const head = yield* client.head(`${origin}/rooms`)
        const reset = yield* Effect.flip(client.get(`${origin}/reset`))
        return {
          texts: [yield* page.text, yield* posted.text, yield* head.text],
          names: Object.keys(page.cookies.cookies),
          statuses: [page.status, head.status],
          reset: reset.reason._tag,
          code: (reset.cause as NodeJS.ErrnoException).code
        }
      })
      const tape = (mode: "record" | "strict") =>
        TestClient.layerCassette("rooms/one", { mode }).pipe(
          Layer.provide([live, KeyValueStore.layerFileSystem(directory)])
        )
      const seen = yield* Effect.provide(visit, tape("record"))
      stop()
      const replayed = yield* Effect.provide(visit, tape("strict"))

      assert.deepStrictEqual(seen.texts, ["rooms for GET", "rooms for POST", ""])
      assert.deepStrictEqual(replayed, { ...seen, code: "ECONNRESET" })
      const [file] = yield* fs.readDirectory(directory)
      assert.strictEqual(file, "rooms%2Fone.json")
      const { interactions } = JSON.parse(yield* fs.readFileString(`${directory}/${file}`))
      assert.deepStrictEqual(interactions[0].response.headers["set-cookie"], [
        "a=[redacted]; Path=/",
        "a=[redacted]; Path=/rooms",
        "b=[redacted]"
      ])
    }).pipe(Effect.provide([NodeFileSystem.layer, NodePath.layer]))
)

it.effect("a redirect that the transport followed is replayed with the URL it led to", () =>
  Effect.gen(function* () {
    const { origin } = yield* server
    const get = Effect.gen(function* () {
      const { text, url } = yield* HttpClient.get(`${origin}/old`)
      return [url, yield* text]
    })
    const tape = (mode: "record" | "strict") =>
      TestClient.layerCassette("redirect", { mode }).pipe(Layer.provide(FetchHttpClient.layer))
    const seen = yield* Effect.provide(get, tape("record"))
    assert.deepStrictEqual(seen, [`${origin}/rooms`, "rooms for GET"])
    assert.deepStrictEqual(yield* Effect.provide(get, tape("strict")), seen)
  }).pipe(Effect.provide(KeyValueStore.layerMemory))
)
