import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { InvalidOption, Reject } from "fairlead"
import { Middleware, Pipeline, RequestView } from "fairlead/server"
import { requestFirewall } from "fairlead/server/middleware"
import type { RequestFirewallOptions } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import { received, serving } from "../Socket.ts"

const app = (options?: RequestFirewallOptions) =>
  Pipeline.make("p")
    .before(requestFirewall(options))
    .handle(({ url }) => HttpServerResponse.text(url))
    .respond()

/** The status for a target that no client has normalised. */
const statusFor = (target: string, options?: RequestFirewallOptions) =>
  Effect.gen(function* () {
    const request = RequestView.modify(HttpServerRequest.fromWeb(new Request("http://t/")), { url: target })
    const run = Effect.provideService(app(options), HttpServerRequest.HttpServerRequest, request)
    return (yield* Effect.scoped(run)).status
  })

class Firewall extends Middleware.Service<Firewall>()("test/Firewall", { error: Reject }) {}

const ambiguous = [
  "/admin%2fsecret",
  "/admin%2Fsecret",
  "/%5cadmin",
  "/a\\..\\b",
  "/a%3Bb",
  "/%00",
  "/a%0d%0aSet-Cookie:x",
  "/%7f",
  "/%c2%80",
  "/a/../b",
  "/a/..",
  "/./a",
  "/%2e%2e/a",
  "/.%2e/a",
  "/..;/a",
  "/a/..;x=1/b",
  "//a",
  "/a//b",
  "/a///",
  "/%252e%252e/a",
  "/%25",
  "/%61dmin",
  "/%41",
  "/%39",
  "/a%2Db",
  "/a%5fb",
  "/%zz",
  "/%",
  "/%a",
  "/%ff",
  "/%c0%af",
  "/%c0%ae%c0%ae/",
  "/%ed%a0%80",
  "/a#b",
  "/a b",
  "/caf\u00e9",
  "/<script>",
  "a",
  "",
  "http://evil.test//a",
  "https://evil.test/a/../b"
]

const plain = [
  "/",
  "/a",
  "/a/",
  "/a/b.c/d-e_f~g",
  "/a.b",
  "/...",
  "/.well-known/acme",
  "/a..b/..c",
  "/caf%C3%A9",
  "/%E2%82%AC/%f0%9f%98%80",
  "/a%20b",
  "/a;v=1",
  "/a%7Eb",
  "/@ann/:id/(x)!$&'*+,=",
  "/a?b=%2f..//%00%zz",
  "/a?http://evil.test//..",
  "http://t",
  "http://t/a",
  "*"
]

describe("requestFirewall", () => {
  it.effect("rejects paths that have two readings with 400, and passes the others", () =>
    Effect.gen(function* () {
      for (const target of ambiguous) assert.strictEqual(yield* statusFor(target), 400, target)
      for (const target of plain) assert.strictEqual(yield* statusFor(target), 200, target)
    })
  )

  it.effect("leaves out the allowed rules, and no other", () =>
    Effect.gen(function* () {
      for (const [target, rule] of [
        ["/a%2fb", "encoded-slash"],
        ["/a%5Cb", "backslash"],
        ["/a%3bb", "encoded-semicolon"],
        ["/100%25", "encoded-percent"],
        ["/a//b", "empty-segment"],
        ["/%61", "needless-encoding"]
      ] as const) {
        assert.strictEqual(yield* statusFor(target), 400, target)
        assert.strictEqual(yield* statusFor(target, { allow: [rule] }), 200, target)
      }
      const all = ["encoded-slash", "backslash", "needless-encoding", "empty-segment"] as const
      for (const target of ["/a%2f%2e%2e%2fb", "/a%5c..%5cb", "/%2e%2e", "/a//..", "/%00"]) {
        assert.strictEqual(yield* statusFor(target, { allow: all }), 400, target)
      }
    })
  )

  it.effect("rejects unknown methods with 501, and more header lines than maxHeaders with 431", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.make(app())
      for (const method of ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"]) {
        assert.strictEqual((yield* server.send(method, "/")).status, 200, method)
      }
      for (const method of ["PROPFIND", "PURGE", "get2", "DEBUG"]) {
        assert.strictEqual((yield* server.send(method, "/")).status, 501, method)
      }
      const get = yield* TestServer.make(app({ methods: ["GET"], maxHeaders: 5 }))
      assert.strictEqual((yield* get.post("/")).status, 501)
      const headers = Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((name) => [`x-${name}`, "1"]))
      assert.strictEqual((yield* get.get("/", { headers })).status, 431)
    })
  )

  it.effect("checks the URL that an earlier stage made, and the target that came", () =>
    Effect.gen(function* () {
      const rewriting = Pipeline.make("p")
        .before(Middleware.mapRequest("rewrite", (request) => RequestView.modify(request, { url: "/a/../b" })))
        .before(requestFirewall())
        .handle(HttpServerResponse.empty())
        .respond()
      assert.strictEqual((yield* (yield* TestServer.make(rewriting)).get("/")).status, 400)
    })
  )

  it.effect("is implemented as a Layer, and passes twice", () =>
    Effect.gen(function* () {
      const classed = Pipeline.make("p")
        .before(Firewall)
        .before(requestFirewall())
        .handle(HttpServerResponse.empty())
        .respond()
      const server = yield* TestServer.make(classed, Firewall.layer(requestFirewall({ methods: ["GET"] })))
      assert.strictEqual((yield* server.get("/a")).status, 204)
      assert.strictEqual((yield* server.post("/a")).status, 501)
    })
  )

  it.live("sees the bytes of a socket, which no client has normalised", () =>
    Effect.gen(function* () {
      const server = yield* serving(Pipeline.serve(app({ maxHeaders: 20 })))
      const send = (target: string, lines = "", method = "GET") =>
        Effect.gen(function* () {
          const head = `${method} ${target} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n`
          const text = yield* Effect.flatMap(server.send(`${head}${lines}\r\n`), received)
          return /^HTTP\/1\.1 (\d+)/.exec(text)?.[1]
        })
      for (const target of ["/", "/a/b", "/caf%C3%A9", "/a?x=//..", "http://t/a"]) {
        assert.strictEqual(yield* send(target), "200", target)
      }
      for (const target of [
        "/a/../b",
        "/../../etc/passwd",
        "//evil.test/..",
        "/\\evil.test",
        "/..\\..\\secret.txt",
        "/%2e%2e%2f",
        "/%00",
        "/a//b",
        "/a%2fb",
        "/;/..;/",
        "http://t//evil.test/",
        "/caf\u00e9"
      ]) {
        assert.strictEqual(yield* send(target), "400", target)
      }
      assert.strictEqual(yield* send("*", "", "OPTIONS"), "200")
      assert.strictEqual(yield* send("/", "", "PROPFIND"), "501")
      assert.strictEqual(yield* send("/", "X-A: 1\r\n".repeat(18)), "200")
      // Node joins or drops equal lines in `headers`, and keeps each in `rawHeaders`.
      assert.strictEqual(yield* send("/", "X-A: 1\r\n".repeat(19)), "431")
      assert.strictEqual(yield* send("/", "Host: t\r\n".repeat(19)), "431")
    })
  )

  it("throws for options that cannot work", () => {
    for (const options of [
      { methods: [] },
      { methods: ["get"] },
      { methods: ["GET,POST"] },
      { maxHeaders: 0 },
      { allow: ["everything"] }
    ]) {
      assert.throws(() => requestFirewall(options as never), InvalidOption)
    }
  })
})

describe("the advisories", () => {
  /** Redirects to the path with a slash at its end, as middleware for trailing slashes does. */
  const slashing = Pipeline.make("slashing")
    .before(requestFirewall())
    .handle(({ url }) => HttpServerResponse.redirect(`${url.replace(/\?.*$/s, "")}/`))
    .respond()

  const locationFor = async (target: string) => {
    const request = RequestView.modify(HttpServerRequest.fromWeb(new Request("http://own.test/")), { url: target })
    const run = Effect.provideService(slashing, HttpServerRequest.HttpServerRequest, request)
    const { headers } = await Effect.runPromise(Effect.scoped(run))
    return headers["location"]
  }

  it("leave no redirect to another origin (labstack/echo#1771, freshframework/fresh#2313)", async () => {
    for (const target of [
      "//evil.test",
      "//evil.test/..",
      "//evil.test/%2f..",
      "///evil.test",
      "/\\evil.test",
      "/\\/evil.test/",
      "/%5cevil.test",
      "/%5Cevil.test/",
      "/\\\\%5C////%5C\\\\\\evil.test",
      "/%5C%5C",
      "/%2fevil.test",
      "/%09/evil.test",
      "/\t/evil.test",
      "\\\\evil.test"
    ]) {
      assert.isUndefined(await locationFor(target), target)
    }
    assert.strictEqual(await locationFor("/a"), "/a/")
    const piece = fc.constantFrom(
      "/",
      "\\",
      ".",
      "..",
      "%2f",
      "%5C",
      "%09",
      "\t",
      "evil.test",
      "@",
      ":",
      "?",
      "a",
      "http:"
    )
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const location = await locationFor(pieces.join(""))
        if (location !== undefined) assert.strictEqual(new URL(location, "http://own.test").origin, "http://own.test")
      })
    )
  })

  it("leave one reading of a prefix, raw and decoded (CVE-2026-47676, GHSA-vfp3-v2gw-7wfq)", async () => {
    const piece = fc.oneof(
      fc.constantFrom(
        "/",
        "%2F",
        "%5c",
        "\\",
        "%C3%A9",
        "%c3",
        "%25",
        "%61",
        "..",
        "%2e",
        "a",
        ";",
        "%3b",
        "%E2%82%AC"
      ),
      fc.string({ maxLength: 3 })
    )
    const handler = (target: string) => Effect.runPromise(statusFor(target))
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const target = `/${pieces.join("")}`
        const [path = ""] = target.split("?")
        if ((await handler(target)) !== 200) return
        // The segments of the decoded path are the decoded segments of the raw one: a cut after the n-th segment is the same cut.
        assert.deepStrictEqual(decodeURIComponent(path).split("/"), path.split("/").map(decodeURIComponent))
        // A resolver of URLs leaves the path as it is, save the case of its encodings.
        assert.strictEqual(new URL(`http://own.test${path}`).pathname.length, path.length)
        assert.strictEqual(new URL(path, "http://own.test").origin, "http://own.test")
      }),
      { numRuns: 500 }
    )
  })

  it("reach a route below an encoded prefix, and none by another spelling (CVE-2026-47676)", async () => {
    const seen = Effect.map(HttpRouter.params, ({ rest }) => HttpServerResponse.text(String(rest)))
    const routes = Layer.effectDiscard(
      Effect.gen(function* () {
        const router = (yield* HttpRouter.HttpRouter).prefixed("/café")
        yield* router.add("GET", "/admin/:rest", seen)
      })
    )
    const firewall = Pipeline.globalMiddleware(Pipeline.make("fw").before(requestFirewall()).next().respond())
    const { dispose, handler } = HttpRouter.toWebHandler(Layer.provide(routes, firewall), { disableLogger: true })
    const answer = async (path: string) => {
      const response = await handler(new Request(`http://t${path}`), Context.empty())
      return [response.status, await response.text()] as const
    }
    assert.deepStrictEqual(await answer("/caf%C3%A9/admin/x"), [200, "x"])
    assert.deepStrictEqual(await answer("/caf%C3%A9/admin/%E2%82%AC"), [200, "€"])
    for (const path of ["/caf%C3%A9/admin%2fx", "/caf%C3%A9/%61dmin/x", "/caf%C3/admin/x", "/caf%C3%A9//admin/x"]) {
      assert.strictEqual((await answer(path))[0], 400, path)
    }
    await dispose()
  })
})
