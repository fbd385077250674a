import { createServer, request } from "node:https"

import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { InvalidOption } from "fairlead"
import { App, Fairing } from "fairlead/app"
import * as fairings from "fairlead/app/fairings"
import { HeaderValue, Middleware, Pipeline } from "fairlead/server"
import { cspNonce, securityHeaders, trustedProxy } from "fairlead/server/middleware"
import type { SecurityHeadersOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import { schemeOf } from "../../../src/server/RequestScheme.ts"
import { certificateFor } from "../../client/node/Certificate.ts"
import { keepLogs } from "../Logs.ts"
import { serving } from "../Socket.ts"
import { errorPaths, terminalsOf } from "./ErrorPaths.ts"

/** The headers of Helmet 8.1, as its own tests have them, without that of TLS. */
const helmet = {
  "content-security-policy":
    "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "origin-agent-cluster": "?1",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-dns-prefetch-control": "off",
  "x-download-options": "noopen",
  "x-frame-options": "SAMEORIGIN",
  "x-permitted-cross-domain-policies": "none",
  "x-xss-protection": "0"
}

const headersFor = (
  options?: SecurityHeadersOptions,
  handler: Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    never,
    HttpServerRequest.HttpServerRequest
  > = Effect.succeed(HttpServerResponse.text("ok")),
  origin?: string
) =>
  Effect.gen(function* () {
    const app = Pipeline.make("p").sending(securityHeaders(options)).handle(handler)
    const server = yield* TestServer.make(app, Layer.empty, origin === undefined ? {} : { origin })
    return Object.fromEntries((yield* server.get("/")).headers)
  })

const loosely = (policy: string | null | undefined) => policy?.replaceAll("; ", ";")

const lacking = (headers: Headers): ReadonlyArray<string> =>
  Object.entries(helmet).flatMap(([name, value]) => (loosely(headers.get(name)) === value ? [] : [name]))

const all = Pipeline.make("all").sending(securityHeaders())

const terminals = terminalsOf(all, fairings.securityHeaders())

describe("securityHeaders", () => {
  it.effect("middleware 1: the defaults are Helmet's", () =>
    Effect.gen(function* () {
      const { "content-length": _, "content-type": __, ...headers } = yield* headersFor()
      headers["content-security-policy"] = loosely(headers["content-security-policy"])!
      assert.deepStrictEqual(headers, helmet)
    })
  )

  for (const [name, served] of Object.entries(terminals)) {
    it.live(`middleware 1: every response of ${name} has them, errors too`, () =>
      Effect.gen(function* () {
        const { call } = yield* served
        for (const [method, path, status] of errorPaths) {
          const answer = yield* call(path, { method })
          assert.deepStrictEqual([answer.status, lacking(answer.headers)], [status, []], `${method} ${path}`)
        }
      }).pipe(Effect.provide(keepLogs().layer))
    )
  }

  it.effect("middleware 1: the response of an outer has them", () =>
    Effect.gen(function* () {
      const early = Middleware.outer("early", () => Effect.succeed(HttpServerResponse.empty({ status: 503 })))
      const app = all.outer(early).handle(HttpServerResponse.empty())
      const reply = yield* Effect.flatMap(TestServer.make(app), (server) => server.get("/"))
      assert.deepStrictEqual([reply.status, lacking(reply.headers)], [503, []])
    })
  )

  it.effect("middleware 1: a header that the response has stays, whatever it is", () =>
    Effect.gen(function* () {
      const own = { "content-security-policy": "default-src 'none'", "x-frame-options": "DENY", "x-xss-protection": "" }
      const headers = yield* headersFor({}, Effect.succeed(HttpServerResponse.empty({ headers: own })))
      assert.deepInclude(headers, { ...own, "x-content-type-options": "nosniff" })
    })
  )

  it.effect("middleware 1: mounted twice, the inner one's headers stay", () =>
    Effect.gen(function* () {
      const inner = Pipeline.make("inner")
        .sending(securityHeaders({ xFrameOptions: "DENY", name: "inner" }))
        .handle(Effect.map(cspNonce, (nonce) => HttpServerResponse.text(nonce)))
      const nonce = { contentSecurityPolicy: { useDefaults: false, directives: { "script-src": ["'nonce'"] } } }
      const app = Pipeline.make("outer").sending(securityHeaders(nonce)).handle(inner)
      const reply = yield* Effect.flatMap(TestServer.make(app), (server) => server.get("/"))
      assert.strictEqual(reply.headers.get("x-frame-options"), "DENY")
      assert.strictEqual(reply.headers.get("referrer-policy"), "no-referrer")
      assert.notInclude(reply.headers.get("content-security-policy"), "nonce")
    })
  )

  it.effect("middleware 1: each is left out by false, and has its other values", () =>
    Effect.gen(function* () {
      const none = {
        contentSecurityPolicy: false,
        crossOriginOpenerPolicy: false,
        crossOriginResourcePolicy: false,
        originAgentCluster: false,
        permissionsPolicy: false,
        referrerPolicy: false,
        reportingEndpoints: false,
        strictTransportSecurity: false,
        xContentTypeOptions: false,
        xDnsPrefetchControl: false,
        xDownloadOptions: false,
        xFrameOptions: false,
        xPermittedCrossDomainPolicies: false,
        xXssProtection: false
      } as const
      const text = Effect.succeed(HttpServerResponse.text("ok"))
      const bare = yield* headersFor(none, text, "https://test")
      assert.sameMembers(Object.keys(bare), ["content-type", "content-length"])
      const headers = yield* headersFor({
        contentSecurityPolicy: {
          directives: { "upgrade-insecure-requests": false, sandbox: true, "font-src": undefined }
        },
        contentSecurityPolicyReportOnly: {
          useDefaults: false,
          directives: { "default-src": ["https:"], "report-to": ["csp"] }
        },
        crossOriginEmbedderPolicy: "require-corp",
        crossOriginOpenerPolicy: "noopener-allow-popups",
        crossOriginResourcePolicy: "cross-origin",
        permissionsPolicy: { camera: [], fullscreen: ["*"], geolocation: ["self", "https://maps.example"] },
        referrerPolicy: ["no-referrer", "strict-origin-when-cross-origin"],
        reportingEndpoints: { csp: "https://reports.example/csp" },
        xDnsPrefetchControl: "on",
        xPermittedCrossDomainPolicies: "by-content-type"
      })
      assert.deepInclude(headers, {
        "content-security-policy-report-only": "default-src https:; report-to csp",
        "cross-origin-embedder-policy": "require-corp",
        "cross-origin-opener-policy": "noopener-allow-popups",
        "cross-origin-resource-policy": "cross-origin",
        "permissions-policy": 'camera=(), fullscreen=*, geolocation=(self "https://maps.example")',
        "referrer-policy": "no-referrer, strict-origin-when-cross-origin",
        "reporting-endpoints": 'csp="https://reports.example/csp"',
        "x-dns-prefetch-control": "on",
        "x-permitted-cross-domain-policies": "by-content-type"
      })
      const policy = headers["content-security-policy"]
      assert.match(policy!, /; sandbox$/)
      assert.include(policy, "font-src 'self' https: data:")
      assert.notInclude(policy, "upgrade-insecure-requests")
    })
  )

  it.effect("middleware 1: an option that browsers would read as something else throws InvalidOption", () =>
    Effect.sync(() => {
      const directive = (value: string) => ({ contentSecurityPolicy: { directives: { "script-src": [value] } } })
      const bad: ReadonlyArray<readonly [string, unknown]> = [
        ...[
          "self",
          "none",
          "unsafe-inline",
          "sha256-abc",
          "nonce-abc",
          "'nonce-abc'",
          "a b",
          "a;b",
          "a,b",
          "ä",
          "",
          "a\nb"
        ].map((value) => ["contentSecurityPolicy", directive(value)] as const),
        ["contentSecurityPolicy", { contentSecurityPolicy: { directives: { "Script-Src": [] } } }],
        ["contentSecurityPolicy", { contentSecurityPolicy: { useDefaults: false } }],
        [
          "contentSecurityPolicyReportOnly",
          { contentSecurityPolicyReportOnly: { directives: { "img-src": ["self"] } } }
        ],
        ["crossOriginOpenerPolicy", { crossOriginOpenerPolicy: "unsafe" }],
        ["crossOriginEmbedderPolicy", { crossOriginEmbedderPolicy: true }],
        ["originAgentCluster", { originAgentCluster: "yes" }],
        ["permissionsPolicy", { permissionsPolicy: {} }],
        ["permissionsPolicy", { permissionsPolicy: { Camera: [] } }],
        ["permissionsPolicy", { permissionsPolicy: { camera: ['https://a"'] } }],
        ["permissionsPolicy", { permissionsPolicy: { camera: ["maps.example"] } }],
        ["referrerPolicy", { referrerPolicy: "never" }],
        ["referrerPolicy", { referrerPolicy: ["origin", "never"] }],
        ["reportingEndpoints", { reportingEndpoints: { csp: "no url" } }],
        ["strictTransportSecurity", { strictTransportSecurity: { maxAge: Number.NaN } }],
        ["strictTransportSecurity", { strictTransportSecurity: { maxAge: "1 day", preload: true } }],
        ["strictTransportSecurity", { strictTransportSecurity: { includeSubDomains: false, preload: true } }],
        ["xFrameOptions", { xFrameOptions: "ALLOW-FROM https://a.example" }],
        ["name", { name: " " }]
      ]
      for (const [option, options] of bad) {
        try {
          securityHeaders(options as SecurityHeadersOptions)
          assert.fail(JSON.stringify(options))
        } catch (error) {
          assert.instanceOf(error, InvalidOption, JSON.stringify(options))
          assert.strictEqual(error.option, option)
        }
      }
    })
  )

  it.effect("middleware 1: whatever directive it accepts, the policy is one header that reads back as it was", () =>
    Effect.sync(() =>
      fc.assert(
        fc.property(fc.array(fc.string({ unit: "binary", maxLength: 12 }), { maxLength: 4 }), (values) => {
          let stage: Middleware.Sending
          try {
            const directives = { "img-src": values }
            stage = securityHeaders({ contentSecurityPolicy: { useDefaults: false, directives } })
          } catch (error) {
            assert.instanceOf(error, InvalidOption)
            return
          }
          const app = Pipeline.make("p").sending(stage).handle(HttpServerResponse.empty())
          const reply = Effect.runSync(Effect.scoped(Effect.flatMap(TestServer.make(app), (server) => server.get("/"))))
          const text = reply.headers.get("content-security-policy")
          assert.deepStrictEqual(
            text?.split(/[;,]/).map((part) => part.trim().split(/\s+/)),
            [["img-src", ...values]]
          )
        })
      )
    )
  )
})

describe("the nonce of a request", () => {
  const options = {
    contentSecurityPolicy: { useDefaults: false, directives: { "script-src": ["'nonce'"], "style-src": ["'nonce'"] } },
    contentSecurityPolicyReportOnly: { useDefaults: false, directives: { "script-src": ["'nonce'"] } }
  }
  const shows = Effect.map(cspNonce, (nonce) => HttpServerResponse.text(nonce))
  const app = Pipeline.make("p").sending(securityHeaders(options)).handle(shows)

  it.effect("middleware 1: it is new for each request, and the same in the handler and both policies", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.make(app)
      const seen = new Set<string>()
      for (let count = 0; count < 50; count++) {
        const { headers, text } = yield* server.get("/")
        assert.match(text, /^[\w+/]{22}==$/)
        const source = `'nonce-${text}'`
        assert.strictEqual(headers.get("content-security-policy"), `script-src ${source}; style-src ${source}`)
        assert.strictEqual(headers.get("content-security-policy-report-only"), `script-src ${source}`)
        seen.add(text)
      }
      assert.strictEqual(seen.size, 50)
    })
  )

  it.effect("middleware 1: a changed request has the nonce of the request that came", () =>
    Effect.gen(function* () {
      const changed = Pipeline.make("p")
        .sending(securityHeaders(options))
        .before(Middleware.mapRequest("map", (request) => request.modify({ url: "/other" })))
        .handle(shows)
      const { headers, text } = yield* Effect.flatMap(TestServer.make(changed), (server) => server.get("/"))
      assert.include(headers.get("content-security-policy"), text)
    })
  )

  it.effect("middleware 1: a 304 has no policy with a nonce, since the stored page has another", () =>
    Effect.gen(function* () {
      const fixed = { contentSecurityPolicyReportOnly: { useDefaults: false, directives: { "img-src": ["https:"] } } }
      const unchanged = Effect.succeed(HttpServerResponse.empty({ status: 304 }))
      const headers = yield* headersFor({ ...options, ...fixed }, unchanged)
      assert.isUndefined(headers["content-security-policy"])
      assert.strictEqual(headers["content-security-policy-report-only"], "img-src https:")
      assert.strictEqual(headers["x-content-type-options"], "nosniff")
    })
  )
})

describe("Strict-Transport-Security", () => {
  const value = "max-age=31536000; includeSubDomains"

  it.effect("middleware 1: it is set over TLS only (RFC 6797 §7.2)", () =>
    Effect.gen(function* () {
      const name = "strict-transport-security"
      const text = Effect.succeed(HttpServerResponse.text("ok"))
      assert.isUndefined((yield* headersFor({}, text, "http://test"))[name])
      assert.strictEqual((yield* headersFor({}, text, "https://test"))[name], value)
      const preload = { strictTransportSecurity: { maxAge: "730 days", preload: true } } as const
      const expected = "max-age=63072000; includeSubDomains; preload"
      assert.strictEqual((yield* headersFor(preload, text, "https://test"))[name], expected)
      const forget = { strictTransportSecurity: { maxAge: 0, includeSubDomains: false } }
      assert.strictEqual((yield* headersFor(forget, text, "https://test"))[name], "max-age=0")
    })
  )

  it.live("middleware 1: a TLS socket of Node has it, and a plain one does not, whatever target the client sends", () =>
    Effect.gen(function* () {
      const app = Pipeline.serve(all.handle(HttpServerResponse.text("ok")))
      const options = { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 }
      const node = NodeHttpServer.layer(() => createServer(certificateFor("localhost")) as never, options)
      const context = yield* Layer.build(Layer.provideMerge(app, node))
      const port = yield* Effect.provide(
        HttpServer.addressFormattedWith((address) => Effect.succeed(Number(new URL(address).port))),
        context
      )
      const secure = yield* Effect.callback<string | undefined>((resume) => {
        request({ host: "127.0.0.1", port, rejectUnauthorized: false }, (response) => {
          response.resume()
          resume(Effect.succeed(response.headers["strict-transport-security"]))
        }).end()
      })
      assert.strictEqual(secure, value)
      const { send } = yield* serving(app)
      const socket = yield* send("GET https://test/ HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
      const text = yield* Effect.promise(() =>
        socket
          .setEncoding("utf8")
          .toArray()
          .then((parts) => parts.join(""))
      )
      assert.include(text, "200 OK")
      assert.notInclude(text, "strict-transport-security")
    })
  )

  it.effect("middleware 1: a scheme that a trusted proxy set counts", () =>
    Effect.sync(() => {
      const plain = HttpServerRequest.fromWeb(new Request("http://test/"))
      assert.strictEqual(schemeOf(plain), "http")
      assert.strictEqual(schemeOf(plain.modify({ protocol: "https" })), "https")
      assert.strictEqual(schemeOf(HttpServerRequest.fromWeb(new Request("https://test/"))), "https")
    })
  )

  it.effect("middleware 1: with trustedProxy the client's TLS counts, wherever each is declared", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .sending(securityHeaders())
        .outer(trustedProxy({ trust: ["10.0.0.0/8"] }))
        .handle(HttpServerResponse.text("ok"))
      const server = yield* TestServer.make(app)
      const headers = { "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https" }
      const hsts = (remoteAddress: string) =>
        Effect.map(server.get("/", { remoteAddress, headers }), ({ headers }) =>
          headers.get("strict-transport-security")
        )
      assert.strictEqual(yield* hsts("10.0.0.1"), value)
      assert.isNull(yield* hsts("203.0.113.9"))
    })
  )
})

describe("Clear-Site-Data", () => {
  it.effect("middleware 1: its value is a list of quoted names", () =>
    Effect.sync(() => {
      assert.strictEqual(HeaderValue.clearSiteData("*"), '"*"')
      assert.strictEqual(HeaderValue.clearSiteData("cache", "cookies", "cache"), '"cache", "cookies"')
    })
  )
})

describe("Fairing.middleware", () => {
  it.effect("middleware 1: it refuses middleware of another kind", () =>
    Effect.sync(() => {
      const wrong = Middleware.after("a", (response) => response)
      for (const value of [wrong, {}, undefined, 1]) {
        assert.throws(() => Fairing.middleware(value as never), InvalidOption as never)
      }
      const [fairing] = App.fairings(App.make("a").attach(Fairing.middleware(securityHeaders())))
      assert.deepInclude(fairing, { name: "securityHeaders", kinds: ["middleware"] })
    })
  )
})
