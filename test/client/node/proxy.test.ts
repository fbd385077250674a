import { mkdtempSync, rmSync } from "node:fs"
import { createServer as createUnixServer } from "node:http"
import type { IncomingMessage } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TLSSocket } from "node:tls"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { ClientChain, RawHeaders } from "fairlead/client"
import { retry, ssrfPolicy } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { sent } from "../Calls.ts"
import { loopback } from "../handlers/Loopback.ts"
import { certificateFor } from "./Certificate.ts"
import { babbling, httpProxy, socksProxy } from "./Proxies.ts"
import { here, secure, speechless } from "./Secure.ts"

const over = <A, E>(effect: Effect.Effect<A, E, HttpClient.HttpClient>, options: NodeTransport.LayerOptions) =>
  Effect.provide(effect, NodeTransport.layer(options))

/** Why a proxy did not connect. */
const refusal = (url: string, options: NodeTransport.LayerOptions) =>
  Effect.map(over(Effect.flip(HttpClient.get(url)), options), ({ reason }) => {
    assert.instanceOf(reason.cause, NodeTransport.ProxyError)
    return reason.cause
  })

describe("a proxy by HTTP CONNECT", () => {
  it.live("client2 4.5: carries http and https, with raw headers, informational responses and fresh connections", () =>
    Effect.gen(function* () {
      const seen: Array<IncomingMessage> = []
      const plain = yield* loopback((request, response) => {
        seen.push(request)
        response.writeEarlyHints({ link: "</a.css>; rel=preload" }, () =>
          response.writeHead(200, ["X-B", "1"]).end("ok")
        )
      })
      const tls = yield* secure((request, response) => response.end(`secure ${request.httpVersion}`))
      const { asked, port } = yield* httpProxy()
      yield* over(
        Effect.gen(function* () {
          const url = `http://plain.example:${plain.port}/`
          const response = yield* HttpClient.get(url)
          assert.strictEqual(yield* response.text, "ok")
          const pairs = Option.getOrThrow(RawHeaders.of(response))
          assert.isTrue(pairs.some(([name, value]) => name === "X-B" && value === "1"))
          assert.lengthOf(NodeTransport.informationalResponses(response), 1)
          yield* sent(url)
          yield* sent(NodeTransport.freshConnection(HttpClientRequest.get(url)))
          assert.strictEqual(yield* sent(tls.url), "secure 1.1")
        }),
        { proxy: `http://127.0.0.1:${port}`, tls: { ca: tls.ca }, maxConnectionsPerOrigin: 1 }
      )
      const target = `plain.example:${plain.port}`
      assert.deepStrictEqual(asked, [target, target, `app.example:${tls.port}`])
      assert.deepStrictEqual(
        seen.map(({ headers }) => headers.connection),
        ["keep-alive", "keep-alive", "close"]
      )
    }).pipe(Effect.scoped)
  )

  it.live("client2 4.5: over TLS carries a request to a proxy of the same authority", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => response.end("ok"))
      const certificate = certificateFor("proxy.example")
      const { asked, port } = yield* httpProxy({ certificate })
      const options = { proxy: `https://proxy.example:${port}`, lookup: here, tls: { ca: certificate.cert } }
      assert.strictEqual(yield* over(sent(`http://a.example:${server.port}/`), options), "ok")
      assert.deepStrictEqual(asked, [`a.example:${server.port}`])
    }).pipe(Effect.scoped)
  )

  it.live("client2 4.5: gets its credentials, and says by a ProxyError that it wants others, or refuses", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => response.end("ok"))
      const url = `http://a.example:${server.port}/`
      const locked = yield* httpProxy({ credentials: "ada:s3 cret" })
      const proxy = (user: string) => ({ proxy: `http://${user}127.0.0.1:${locked.port}` })
      assert.strictEqual(yield* over(sent(url), proxy("ada:s3%20cret@")), "ok")
      const error = yield* refusal(url, proxy("ada:wrong@"))
      assert.strictEqual(error.reason._tag, "AuthenticationRequired")
      assert.include(error.message, `http://127.0.0.1:${locked.port} did not connect to a.example:${server.port}`)
      assert.notInclude(JSON.stringify(error), "wrong")
      const closed = yield* httpProxy({ status: 403 })
      const refused = yield* refusal(url, { proxy: `http://127.0.0.1:${closed.port}` })
      assert.deepStrictEqual(refused.reason, { _tag: "ConnectRejected", status: 403 })
      assert.include(refused.message, "status 403")
    }).pipe(Effect.scoped)
  )

  it.live("client2 4.5: that refuses is asked once: retry does not repeat its decision", () =>
    Effect.gen(function* () {
      const { asked, port } = yield* httpProxy({ status: 403 })
      const chain = ClientChain.make("c").use(retry({ times: 3, baseDelay: 0 }))
      const call = Effect.flatMap(HttpClient.HttpClient, (client) =>
        Effect.flip(ClientChain.over(chain, client).get("http://a.example/"))
      )
      yield* over(call, { proxy: `http://127.0.0.1:${port}` })
      assert.deepStrictEqual(asked, ["a.example:80"])
    }).pipe(Effect.scoped)
  )

  it.live("client2 4.5: other than a proxy is an InvalidReply, and a silent one a connect time-out", () =>
    Effect.gen(function* () {
      const other = yield* babbling
      for (const scheme of ["http", "socks5h"]) {
        const error = yield* refusal("http://a.example/", { proxy: `${scheme}://127.0.0.1:${other.port}` })
        assert.strictEqual(error.reason._tag, "InvalidReply", scheme)
        assert.include(error.message, "check the scheme")
      }
      const port = yield* speechless
      for (const scheme of ["http", "https", "socks5h"]) {
        const options = { proxy: `${scheme}://127.0.0.1:${port}`, connectTimeout: 50 }
        const error = yield* over(Effect.flip(HttpClient.get("http://a.example/")), options)
        assert.isTrue(NodeTransport.isConnectTimeout(error), scheme)
      }
    }).pipe(Effect.scoped)
  )
})

describe("a proxy with a guard", () => {
  it.live("client2 4.5: is asked for the checked address, and never for one that the policy refuses", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => response.end("ok"))
      const url = `http://a.example:${server.port}/`
      const http = yield* httpProxy()
      const socks = yield* socksProxy()
      for (const [proxy, asked] of [
        [`http://127.0.0.1:${http.port}`, http.asked],
        [`socks5h://127.0.0.1:${socks.port}`, socks.asked]
      ] as const) {
        const open = ssrfPolicy({ ports: [server.port], allow: ["127.0.0.1/32"] })
        assert.strictEqual(yield* over(sent(url), { proxy, lookup: here, ssrfPolicy: open }), "ok")
        assert.deepStrictEqual(asked, [`127.0.0.1:${server.port}`])
        const closed = ssrfPolicy({ ports: [server.port] })
        for (const target of [url, server.origin]) {
          const error = yield* over(Effect.flip(HttpClient.get(target)), { proxy, lookup: here, ssrfPolicy: closed })
          assert.strictEqual(NodeTransport.blockedBy(error)?.refused, "127.0.0.1")
        }
        assert.lengthOf(asked, 1)
      }
    }).pipe(Effect.scoped)
  )
})

describe("a SOCKS5 proxy", () => {
  it.live("client2 4.5: gets the name by socks5h and the address by socks5, IPv6 too", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => response.end("ok"))
      const tls = yield* secure((_, response) => response.end("secure"))
      const { asked, port } = yield* socksProxy()
      const byName = { proxy: `socks5h://127.0.0.1:${port}`, tls: { ca: tls.ca } }
      assert.strictEqual(yield* over(sent(`http://a.example:${server.port}/`), byName), "ok")
      assert.strictEqual(yield* over(sent(tls.url), byName), "secure")
      const byAddress = { proxy: `socks5://127.0.0.1:${port}`, lookup: here }
      assert.strictEqual(yield* over(sent(`http://a.example:${server.port}/`), byAddress), "ok")
      assert.strictEqual(yield* over(sent(`http://[2001:db8::ffff:102]:${server.port}/`), byAddress), "ok")
      assert.deepStrictEqual(asked, [
        `a.example:${server.port}`,
        `app.example:${tls.port}`,
        `127.0.0.1:${server.port}`,
        `20010db80000000000000000ffff0102:${server.port}`
      ])
    }).pipe(Effect.scoped)
  )

  it.live("client2 4.5: gets its credentials, and says by a ProxyError why it does not connect", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => response.end("ok"))
      const url = `http://a.example:${server.port}/`
      const locked = yield* socksProxy({ credentials: "ada:s3cret" })
      const proxy = (user: string) => ({ proxy: `socks5h://${user}127.0.0.1:${locked.port}` })
      assert.strictEqual(yield* over(sent(url), proxy("ada:s3cret@")), "ok")
      for (const user of ["", "ada:wrong@"]) {
        assert.strictEqual((yield* refusal(url, proxy(user))).reason._tag, "AuthenticationRequired")
      }
      const closed = yield* socksProxy({ code: 2 })
      const refused = yield* refusal(url, { proxy: `socks5h://127.0.0.1:${closed.port}` })
      assert.deepStrictEqual(refused.reason, { _tag: "SocksRejected", code: 2 })
      assert.include(refused.message, "SOCKS code 2")
    }).pipe(Effect.scoped)
  )
})

describe("the proxies of the environment", () => {
  const env = {
    http_proxy: "proxy.example:3128",
    HTTPS_PROXY: "https://secure-proxy.example",
    ALL_PROXY: "socks5h://all.example",
    NO_PROXY: "exact.example, .sub.example *.star.example port.example:8080 [::1]"
  }
  const proxyOf = NodeTransport.proxyFromEnvironment(env)

  it.each([
    ["http://a.example/", "http://proxy.example:3128"],
    ["https://a.example/", "https://secure-proxy.example"],
    ["http://exact.example/", undefined],
    ["http://x.exact.example/", "http://proxy.example:3128"],
    ["http://x.sub.example/", undefined],
    ["http://sub.example/", "http://proxy.example:3128"],
    ["http://x.star.example/", undefined],
    ["http://port.example:8080/", undefined],
    ["http://port.example/", "http://proxy.example:3128"],
    ["http://[::1]/", undefined]
  ])("client2 4.5: %s goes through %s", (url, proxy) => {
    assert.strictEqual(proxyOf(new URL(url)), proxy)
  })

  it("client2 4.5: ALL_PROXY is for schemes without a separate one, an asterisk excepts all, and CGI has no HTTP_PROXY", () => {
    const of = (env: Record<string, string>, url = "http://a.example/") =>
      NodeTransport.proxyFromEnvironment(env)(new URL(url))
    assert.strictEqual(of({ ALL_PROXY: "http://all.example" }), "http://all.example")
    assert.isUndefined(of({ ALL_PROXY: "http://all.example", no_proxy: "*" }))
    assert.isUndefined(of({ HTTP_PROXY: "http://evil.example", REQUEST_METHOD: "GET" }))
    assert.isUndefined(of({ http_proxy: "http://p.example", no_proxy: "a.example:443" }, "https://a.example/"))
  })

  it.live("client2 4.5: a request goes through its proxy or directly", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => response.end("ok"))
      const { asked, port } = yield* httpProxy()
      const proxy = NodeTransport.proxyFromEnvironment({
        http_proxy: `http://127.0.0.1:${port}`,
        no_proxy: "127.0.0.1"
      })
      yield* over(Effect.andThen(sent(server.origin), sent(`http://a.example:${server.port}/`)), { proxy })
      assert.deepStrictEqual(asked, [`a.example:${server.port}`])
    }).pipe(Effect.scoped)
  )
})

describe("settings of single origins", () => {
  it.live("client2 4.5: a unix socket serves its origin, past proxies, with raw headers and fresh connections", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "fairlead-"))
      const path = join(folder, "s")
      let connections = 0
      const server = createUnixServer((request, response) => response.end(`${request.headers.host}${request.url}`))
      server.on("connection", () => connections++)
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(path, () => resume(Effect.void))),
        () =>
          Effect.sync(() => {
            server.close()
            server.closeAllConnections()
            rmSync(folder, { recursive: true })
          })
      )
      yield* over(
        Effect.gen(function* () {
          const response = yield* HttpClient.get("http://docker.local/info")
          assert.strictEqual(yield* response.text, "docker.local/info")
          assert.isTrue(Option.isSome(RawHeaders.of(response)))
          yield* sent(NodeTransport.freshConnection(HttpClientRequest.get("http://docker.local/info")))
        }),
        {
          unixSockets: { "http://docker.local": path },
          proxy: "http://127.0.0.1:1",
          ssrfPolicy: ssrfPolicy()
        }
      )
      assert.strictEqual(connections, 2)
    }).pipe(Effect.scoped)
  )

  it.live("client2 4.5: a client certificate goes to its origin only, also through a proxy", () =>
    Effect.gen(function* () {
      const own = certificateFor("ada.example")
      const shown = certificateFor("app.example", "two.example")
      const server = createTlsServer(
        { ...shown, requestCert: true, rejectUnauthorized: false },
        (request, response) => {
          const { subject } = (request.socket as TLSSocket).getPeerCertificate()
          response.end(String(subject?.CN ?? "nobody"))
        }
      )
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () =>
          Effect.sync(() => {
            server.close()
            server.closeAllConnections()
          })
      )
      const { port } = server.address() as AddressInfo
      const { port: proxyPort } = yield* httpProxy()
      const urls = [`https://app.example:${port}`, `https://two.example:${port}`]
      for (const proxy of [undefined, `http://127.0.0.1:${proxyPort}`]) {
        const names = yield* over(
          Effect.forEach(urls, (url) => sent(url)),
          {
            lookup: here,
            tls: { ca: shown.cert },
            certificates: { [urls[0]!]: own },
            ...(proxy === undefined ? {} : { proxy })
          }
        )
        assert.deepStrictEqual(names, ["ada.example", "nobody"])
      }
    }).pipe(Effect.scoped)
  )

  it("client2 4.5: options that cannot work throw InvalidOption, without a proxy's password", () => {
    const thrown = (options: NodeTransport.LayerOptions) => {
      try {
        NodeTransport.layer(options)
      } catch (error) {
        return String(error)
      }
      return "nothing"
    }
    assert.include(thrown({ proxy: "ftp://ada:s3cret@proxy.example" }), "proxy")
    assert.notInclude(thrown({ proxy: "ftp://ada:s3cret@proxy.example" }), "s3cret")
    assert.include(thrown({ proxy: "proxy.example" }), 'write one like "http://proxy.example:3128"')
    assert.include(thrown({ unixSockets: { "docker.local": "/s" } }), "is no origin")
    assert.include(thrown({ certificates: { "https://a.example/x": {} } }), "is no origin")
    assert.include(thrown({ connectTimeout: Number.NaN }), "connectTimeout")
    assert.include(thrown({ maxConnectionsPerOrigin: 0 }), "maxConnectionsPerOrigin")
    assert.include(thrown({ maxHeaderBytes: Number.NaN }), "maxHeaderBytes")
  })
})

describe("the head of a response", () => {
  it.live("client2 4.2: may have maxHeaderBytes, and is a HeadersTooLarge beyond, which is not retried", () =>
    Effect.gen(function* () {
      let asked = 0
      const server = yield* loopback((_, response) => {
        asked++
        response.writeHead(200, { "x-large": "x".repeat(20_000) }).end("ok")
      })
      assert.strictEqual(yield* over(sent(server.origin), { maxHeaderBytes: "32 KiB" }), "ok")
      const chain = ClientChain.make("c").use(retry({ baseDelay: 0 }))
      const call = Effect.flatMap(HttpClient.HttpClient, (client) =>
        Effect.flip(ClientChain.over(chain, client).get(`${server.origin}/?token=t`))
      )
      const error = yield* over(call, {})
      assert.isTrue(HttpClientError.isHttpClientError(error))
      const { cause } = error.reason
      assert.instanceOf(cause, NodeTransport.HeadersTooLarge)
      assert.include(cause.message, "more than 16384 bytes of headers: raise `maxHeaderBytes`")
      assert.strictEqual(asked, 2)
    }).pipe(Effect.scoped)
  )
})
