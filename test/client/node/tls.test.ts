import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { ClientChain, RawHeaders } from "fairlead/client"
import { ssrfPolicy, redirect, RedirectError } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { sent } from "../Calls.ts"
import { here, secure } from "./Secure.ts"

/** How a call fails over a transport: the reason's tag, and the code of what TLS refused. */
const refusal = (url: string, options: NodeTransport.LayerOptions) =>
  Effect.map(
    Effect.flip(HttpClient.get(url)).pipe(Effect.provide(NodeTransport.layer({ lookup: here, ...options }))),
    ({ reason }) => [reason._tag, (reason.cause as NodeJS.ErrnoException).code]
  )

describe("over TLS", () => {
  it.live(
    "client 10: a trusted certificate for the name is accepted, and HTTP/2 is spoken where it is offered and allowed",
    () =>
      Effect.gen(function* () {
        const server = yield* secure((request, response) => response.end(request.httpVersion))
        const get = HttpClientRequest.get(server.url)
        const over = (tls: NodeTransport.LayerOptions["tls"] = {}) =>
          sent(get).pipe(Effect.provide(NodeTransport.layer({ lookup: here, tls: { ca: server.ca, ...tls } })))
        assert.strictEqual(yield* over({ allowH2: true }), "2.0")
        assert.strictEqual(yield* over(), "1.1")
      }).pipe(Effect.scoped)
  )

  it.live("client 10: an untrusted certificate, or one for another name, is a transport error", () =>
    Effect.gen(function* () {
      let asked = 0
      const { ca, port, url } = yield* secure((_, response) => void response.end(String(++asked)))
      const untrusted = ["TransportError", "DEPTH_ZERO_SELF_SIGNED_CERT"]
      const misnamed = ["TransportError", "ERR_TLS_CERT_ALTNAME_INVALID"]
      assert.deepStrictEqual(yield* refusal(url, {}), untrusted)
      assert.deepStrictEqual(yield* refusal(`https://evil.example:${port}`, { tls: { ca } }), misnamed)
      assert.deepStrictEqual(yield* refusal(url, { tls: { ca, servername: "evil.example" } }), misnamed)
      assert.strictEqual(asked, 0)
    }).pipe(Effect.scoped)
  )

  it.live("client 10: the guard refuses an address before a handshake", () =>
    Effect.gen(function* () {
      const { ca, connections, port, url } = yield* secure((_, response) => void response.end())
      const guard = ssrfPolicy({ ports: [port] })
      const error = yield* Effect.flip(HttpClient.get(url)).pipe(
        Effect.provide(NodeTransport.layer({ ssrfPolicy: guard, lookup: here, tls: { ca } }))
      )
      assert.strictEqual(NodeTransport.blockedBy(error)?.refused, "127.0.0.1")
      assert.strictEqual(connections(), 0)
    }).pipe(Effect.scoped)
  )

  it.live("client 10: a redirect that leads from https to http is not followed", () =>
    Effect.gen(function* () {
      const { ca, port, url } = yield* secure((_, response) => {
        response.writeHead(302, { location: `http://app.example:${port}/` }).end()
      })
      const chain = ClientChain.make("c").use(redirect())
      const call = Effect.flatMap(HttpClient.HttpClient, (client) =>
        Effect.flip(chain.pipe(ClientChain.over(client)).get(url))
      )
      const error = yield* call.pipe(Effect.provide(NodeTransport.layer({ lookup: here, tls: { ca } })))
      assert.isTrue(error instanceof RedirectError && error.reason._tag === "DowngradeForbidden")
    }).pipe(Effect.scoped)
  )
})

describe("over HTTP/2", () => {
  /** A call with the transport that trusts the server. */
  const trusting = <A, E>(ca: string, effect: Effect.Effect<A, E, HttpClient.HttpClient>) =>
    effect.pipe(
      Effect.provide(NodeTransport.layer({ lookup: here, tls: { ca, allowH2: true }, maxConnectionsPerOrigin: 1 }))
    )

  it.live("client 10: one connection carries all calls, and a marked one has its own, over HTTP/1.1", () =>
    Effect.gen(function* () {
      const server = yield* secure((request, response) => response.end(request.httpVersion))
      const get = HttpClientRequest.get(server.url)
      yield* trusting(
        server.ca,
        Effect.gen(function* () {
          assert.strictEqual(yield* sent(get), "2.0")
          const all = yield* Effect.all(
            Array.from({ length: 20 }, () => sent(get)),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(new Set(all), new Set(["2.0"]))
          assert.strictEqual(server.connections(), 1)
          assert.strictEqual(yield* sent(NodeTransport.freshConnection(get)), "1.1")
          assert.strictEqual(server.connections(), 2)
        })
      )
    }).pipe(Effect.scoped)
  )

  it.live("client 10: header pairs and informational responses are returned as over HTTP/1.1", () =>
    Effect.gen(function* () {
      const { ca, url } = yield* secure(({ stream }, response) => {
        stream.additionalHeaders({ ":status": 103, link: "</a.css>; rel=preload" })
        response.writeHead(200, { "set-cookie": ["s=1; Path=/", "s=2; Path=/x"] }).end("ok")
      })
      const response = yield* trusting(
        ca,
        Effect.tap(HttpClient.get(url), ({ text }) => text)
      )
      assert.deepStrictEqual(NodeTransport.informationalResponses(response), [
        { status: 103, headers: [["link", "</a.css>; rel=preload"]] }
      ])
      assert.deepStrictEqual(
        Option.getOrThrow(RawHeaders.of(response)).filter(([name]) => name !== "date"),
        [
          ["set-cookie", "s=1; Path=/"],
          ["set-cookie", "s=2; Path=/x"]
        ]
      )
      assert.deepStrictEqual(RawHeaders.setCookies(response), ["s=1; Path=/", "s=2; Path=/x"])
    }).pipe(Effect.scoped)
  )

  it.live("client 10: an interruption ends its stream, and the connection stays for others", () =>
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>()
      const left = yield* Deferred.make<void>()
      const { ca, connections, url } = yield* secure((request, response) => {
        if (request.url !== "/hang") return void response.end("ok")
        request.stream.on("close", () => Deferred.doneUnsafe(left, Effect.void))
        return Deferred.doneUnsafe(arrived, Effect.void)
      })
      yield* trusting(
        ca,
        Effect.gen(function* () {
          const call = yield* Effect.forkChild(sent(HttpClientRequest.get(`${url}/hang`)))
          yield* Deferred.await(arrived)
          yield* Fiber.interrupt(call)
          yield* Deferred.await(left)
          assert.strictEqual(yield* sent(HttpClientRequest.get(url)), "ok")
          assert.strictEqual(connections(), 1)
        })
      )
    }).pipe(Effect.scoped)
  )

  it.live("client 10: a stream reset before the head, or within the body, is an error, and the next call works", () =>
    Effect.gen(function* () {
      const { ca, url } = yield* secure(({ stream, url }, response) => {
        if (url === "/") return void response.end("ok")
        if (url === "/body") response.writeHead(200).write("half")
        return void setImmediate(() => stream.close(2))
      })
      yield* trusting(
        ca,
        Effect.gen(function* () {
          const head = yield* Effect.flip(HttpClient.get(`${url}/head`))
          assert.isTrue(HttpClientError.isHttpClientError(head) && head.reason._tag === "TransportError")
          const body = yield* Effect.flip(Effect.flatMap(HttpClient.get(`${url}/body`), ({ text }) => text))
          assert.isTrue(HttpClientError.isHttpClientError(body))
          assert.strictEqual(yield* sent(HttpClientRequest.get(url)), "ok")
        })
      )
    }).pipe(Effect.scoped)
  )
})
