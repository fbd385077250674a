import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { HttpClient } from "effect/http"
import { ClientChain } from "fairlead/client"
import { bearer, CookieJar, cookies, ssrfPolicy, redirect, retry, ssrfGuard } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { loopback } from "../handlers/Loopback.ts"

describe("handlers in their order over sockets", () => {
  it.live(
    "client auth: over a redirect the token is dropped, cookies keep to their host, and each hop is guarded",
    () =>
      Effect.gen(function* () {
        const seen: Array<string> = []
        const server = yield* loopback((request, response) => {
          const { authorization = "-", cookie = "-", host = "" } = request.headers
          seen.push(`${host.split(":")[0]}${request.url} ${authorization} ${cookie}`)
          const to: Readonly<Record<string, string>> = {
            "/login": "/home",
            "/home": `http://other.example:${server.port}/guest`,
            "/guest": `http://127.0.0.1:${server.port}/admin`
          }
          const location = to[request.url ?? ""]
          response.setHeader("set-cookie", [`s${seen.length}=1; Path=/`])
          if (location !== undefined) response.writeHead(302, { location })
          response.end()
        })
        // The transport is told that both names are this machine; the handler still refuses the literal address.
        const lookup = NodeTransport.layer({
          lookup: (_, options, callback) =>
            options.all === true
              ? callback(null, [{ address: "127.0.0.1", family: 4 }])
              : callback(null, "127.0.0.1", 4)
        })
        const origin = `http://app.example:${server.port}`
        const chain = ClientChain.make("app")
          .use(redirect())
          .use(cookies())
          .use(bearer({ origins: [origin], token: Redacted.make("t") }))
          .use(ssrfGuard({ policy: ssrfPolicy({ ports: [server.port] }) }))
        const call = Effect.gen(function* () {
          return yield* chain.pipe(ClientChain.over(yield* HttpClient.HttpClient)).get(`${origin}/login`)
        })
        const error = yield* Effect.flip(call).pipe(Effect.provide(Layer.merge(lookup, CookieJar.layer())))
        assert.include(error, { _tag: "SsrfError", refused: "127.0.0.1" })
        assert.deepStrictEqual(seen, [
          "app.example/login Bearer t -",
          "app.example/home Bearer t s1=1",
          "other.example/guest - -"
        ])
      }).pipe(Effect.scoped)
  )

  it.live("client 10: after a 421 the retry goes over a separate connection", () =>
    Effect.gen(function* () {
      const connections: Array<object> = []
      const server = yield* loopback((request, response) => {
        connections.push(request.socket)
        response.statusCode = connections.length === 1 ? 421 : 200
        response.end()
      })
      const chain = ClientChain.make("app").use(retry({ newConnection: NodeTransport.freshConnection }))
      const status = Effect.gen(function* () {
        return (yield* chain.pipe(ClientChain.over(yield* HttpClient.HttpClient)).get(server.origin)).status
      })
      assert.strictEqual(yield* status.pipe(Effect.provide(NodeTransport.layer())), 200)
      assert.lengthOf(new Set(connections), 2)
    }).pipe(Effect.scoped)
  )
})
