import { gzipSync } from "node:zlib"

import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClient } from "effect/http"
import { ClientChain } from "fairlead/client"
import {
  bodyLimit,
  CookieJar,
  cookies,
  decompress,
  redirect,
  retry,
  retryBudget,
  timeouts
} from "fairlead/client/handlers"
import { nodeCodings } from "fairlead/client/node"

import { serving } from "./Hostile.ts"

const chain = ClientChain.make("all")
  .use(timeouts({ total: "5 seconds" }))
  .use(bodyLimit({ maxBytes: 1_000_000 }))
  .use(redirect())
  .use(retry({ base: 1, times: 3, budget: retryBudget({ burst: 100 }) }))
  .use(decompress({ codings: nodeCodings }))

const large = "x".repeat(500_000)

describe("redirect, retry, timeouts, limit and decompress together", () => {
  it.live("bring a compressed body over hops and failures, on one connection for all calls", () =>
    Effect.gen(function* () {
      const failures = new Map<string, number>()
      const { url } = yield* serving((request, response) => {
        const { pathname, search } = new URL(request.url!, "http://a.test")
        const failed = failures.get(search) ?? 0
        if (pathname === "/") response.writeHead(307, { location: `/next${search}` }).end(large)
        else if (failed < 2) {
          failures.set(search, failed + 1)
          // One failure answers with a body that is too large to be drained, the other is no answer.
          if (failed === 0) response.writeHead(503).end(large)
          else request.socket.destroy()
        } else {
          assert.strictEqual(request.headers["accept-encoding"], "zstd, br, gzip, deflate")
          response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(`${search} ${large}`))
        }
      })
      const client = chain.over(yield* HttpClient.HttpClient)
      const calls = Array.from({ length: 8 }, (_, call) =>
        Effect.flatMap(client.get(`${url}/?call=${call}`), (response) => response.text)
      )
      const bodies = yield* Effect.all(calls, { concurrency: 4 })
      assert.deepStrictEqual(
        bodies.map((body) => body.split(" ", 1)[0]),
        Array.from({ length: 8 }, (_, call) => `?call=${call}`)
      )
      assert.isTrue(bodies.every((body) => body.length > large.length))
    }).pipe(Effect.provide(NodeHttpClient.layerUndiciOptions({ connections: 1 })))
  )
})

describe.each([
  ["before", ClientChain.make("c").use(cookies()).use(redirect())],
  ["behind", ClientChain.make("c").use(redirect()).use(cookies())]
] as const)("redirect with cookies %s it", (_, chain) => {
  it.live("follows a redirect to itself that sets a cookie, which goes with the next hop", () =>
    Effect.gen(function* () {
      const { url } = yield* serving((request, response) => {
        if (request.headers.cookie === "session=1") response.end("in")
        else response.writeHead(302, { location: "/", "set-cookie": "session=1; Path=/" }).end()
      })
      const client = chain.over(yield* HttpClient.HttpClient)
      assert.strictEqual(yield* Effect.flatMap(client.get(url), (response) => response.text), "in")
    }).pipe(Effect.provide([NodeHttpClient.layerUndici, CookieJar.layer()]))
  )
})
