import { createHash } from "node:crypto"
import { Readable } from "node:stream"

import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Stream } from "effect"
import { HttpEffect, HttpMiddleware, HttpServerRequest, HttpServerResponse } from "effect/http"
import { InvalidOption } from "fairlead"
import { Pipeline } from "fairlead/server"
import { conditional, securityHeaders } from "fairlead/server/middleware"
import type { ConditionalOptions, Validators } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"
import * as fc from "fast-check"

import { parseEntityTag } from "../../../src/core/heads/EntityTags.ts"
import { statusOf } from "../../../src/server/middleware/Preconditions.ts"
import { serving } from "../Socket.ts"

const modified = "Tue, 15 Nov 1994 12:45:26 GMT"
const before = "Tue, 15 Nov 1994 12:45:25 GMT"
const after = "Wed, 16 Nov 1994 12:45:26 GMT"

type Headers = Readonly<Record<string, string>>

const serverOf = (response: HttpServerResponse.HttpServerResponse, options?: ConditionalOptions) =>
  TestServer.make(Pipeline.make("p").outer(conditional(options)).handle(response))

const page = (headers: Headers = {}) => HttpServerResponse.text("page", { headers })

const statusFor = (response: Headers, request: Headers, method = "GET") =>
  Effect.map(
    Effect.flatMap(serverOf(page(response), { makesTags: false }), (server) =>
      server.send(method, "/", { headers: request })
    ),
    ({ status }) => status
  )

describe("conditional: GET and HEAD", () => {
  it.effect(
    "middleware 6: the preconditions are judged in the order of RFC 9110 §13.2.2, If-None-Match weakly (hono#4170)",
    () =>
      Effect.gen(function* () {
        const state = { etag: '"a"', "last-modified": modified }
        const rows: ReadonlyArray<readonly [Headers, number]> = [
          [{}, 200],
          [{ "if-match": '"a"' }, 200],
          [{ "if-match": "*" }, 200],
          [{ "if-match": '"b", "c"' }, 412],
          [{ "if-match": 'W/"a"' }, 412],
          [{ "if-unmodified-since": modified }, 200],
          [{ "if-unmodified-since": before }, 412],
          [{ "if-match": '"a"', "if-unmodified-since": before }, 200],
          [{ "if-none-match": '"a"' }, 304],
          [{ "if-none-match": 'W/"a"' }, 304],
          [{ "if-none-match": '"b",\t"a"' }, 304],
          [{ "if-none-match": "*" }, 304],
          [{ "if-none-match": '"b"' }, 200],
          [{ "if-modified-since": modified }, 304],
          [{ "if-modified-since": after }, 304],
          [{ "if-modified-since": before }, 200],
          [{ "if-none-match": '"b"', "if-modified-since": after }, 200],
          [{ "if-none-match": '"a"', "if-modified-since": before }, 304],
          [{ "if-match": '"b"', "if-none-match": '"a"' }, 412],
          [{ "if-match": '"a"', "if-none-match": '"a"' }, 304],
          [{ "if-unmodified-since": before, "if-none-match": '"a"' }, 412],
          [{ "if-modified-since": "yesterday" }, 200],
          [{ "if-unmodified-since": "0" }, 200]
        ]
        for (const [request, status] of rows) {
          for (const method of ["GET", "HEAD"]) {
            assert.strictEqual(yield* statusFor(state, request, method), status, JSON.stringify([method, request]))
          }
        }
      })
  )

  it.effect("middleware 6: without a validator only If-Match and * are judged", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* statusFor({}, { "if-none-match": '"a"' }), 200)
      assert.strictEqual(yield* statusFor({}, { "if-none-match": "*" }), 304)
      assert.strictEqual(yield* statusFor({}, { "if-match": '"a"' }), 412)
      assert.strictEqual(yield* statusFor({}, { "if-modified-since": after }), 200)
      assert.strictEqual(yield* statusFor({ etag: "bare", "last-modified": "never" }, { "if-none-match": "bare" }), 200)
    })
  )

  it.effect("middleware 6: a 304 has the headers of §15.4.5 and none that describes the body (hono#972)", () =>
    Effect.gen(function* () {
      const headers = {
        etag: 'W/"a"',
        "last-modified": modified,
        "cache-control": "max-age=60",
        "content-location": "/page.html",
        expires: after,
        vary: "Accept",
        "content-language": "en",
        "content-disposition": "inline",
        "x-own": "1"
      }
      const server = yield* TestServer.make(
        Pipeline.make("p")
          .sending(securityHeaders({ contentSecurityPolicy: false }))
          .outer(conditional())
          .handle(HttpServerResponse.setCookieUnsafe(page(headers), "a", "1"))
      )
      const reply = yield* server.get("/", { headers: { "if-none-match": 'W/"a"' } })
      assert.deepStrictEqual([reply.status, reply.bytes.length], [304, 0])
      const kept = [
        "etag",
        "cache-control",
        "content-location",
        "expires",
        "vary",
        "x-own",
        "set-cookie",
        "x-frame-options"
      ]
      for (const name of kept) assert.isTrue(reply.headers.has(name), name)
      const dropped = ["content-type", "content-length", "content-language", "content-disposition", "last-modified"]
      for (const name of dropped) assert.isFalse(reply.headers.has(name), name)
      const dated = yield* Effect.flatMap(
        serverOf(page({ "last-modified": modified }), { makesTags: false }),
        (server) => server.get("/", { headers: { "if-modified-since": modified } })
      )
      assert.strictEqual(dated.headers.get("last-modified"), modified)
    })
  )

  it.effect("middleware 6: only a 2xx response is judged (§13.2.1)", () =>
    Effect.gen(function* () {
      for (const status of [301, 404, 412, 500]) {
        const server = yield* serverOf(HttpServerResponse.text("no", { status, headers: { etag: '"a"' } }))
        assert.strictEqual((yield* server.get("/", { headers: { "if-none-match": '"a"' } })).status, status)
        assert.strictEqual((yield* server.get("/", { headers: { "if-match": '"b"' } })).status, status)
      }
    })
  )

  it.effect("middleware 6: the file of an unsent body is closed", () =>
    Effect.gen(function* () {
      const file = Readable.from(["page"])
      const server = yield* serverOf(HttpServerResponse.raw(file, { headers: { etag: '"a"' } }))
      assert.strictEqual((yield* server.get("/", { headers: { "if-none-match": '"a"' } })).status, 304)
      assert.isTrue(file.destroyed)
    })
  )
})

describe("conditional: tags", () => {
  it.effect("middleware 6: a response in memory gets a weak tag of its body, the same for HEAD", () =>
    Effect.gen(function* () {
      const server = yield* serverOf(page())
      const first = yield* server.get("/")
      const etag = first.headers.get("etag")!
      assert.match(etag, /^W\/"[\w+/]{22}"$/)
      const head = yield* server.send("HEAD", "/")
      assert.deepStrictEqual([head.headers.get("etag"), head.headers.get("content-length")], [etag, "4"])
      const again = yield* server.get("/", { headers: { "if-none-match": etag } })
      assert.deepStrictEqual([again.status, again.text, again.headers.get("etag")], [304, "", etag])
      const other = yield* Effect.flatMap(serverOf(HttpServerResponse.text("Page")), (server) => server.get("/"))
      assert.notStrictEqual(other.headers.get("etag"), etag)
    })
  )

  it.effect("middleware 6: the tag is the beginning of the body's SHA-256, whatever its size", () =>
    Effect.gen(function* () {
      for (const bytes of [1, 55, 56, 63, 64, 65, 8191, 8192, 8193, 100_000]) {
        const body = "x".repeat(bytes)
        const server = yield* serverOf(HttpServerResponse.text(body))
        const { headers } = yield* server.get("/")
        const digest = createHash("sha256").update(body).digest().subarray(0, 16)
        assert.strictEqual(headers.get("etag"), `W/"${digest.toString("base64").replaceAll("=", "")}"`)
      }
    })
  )

  it.effect("middleware 6: a tag is of the bytes alone, and a stream gets no tag (hono#4401)", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode("x".repeat(20_000))
      const halves = [bytes.subarray(0, 10_000), bytes.subarray(10_000)]
      const tagOf = (response: HttpServerResponse.HttpServerResponse) =>
        Effect.map(
          Effect.flatMap(serverOf(response), (server) => server.get("/")),
          ({ headers }) => headers.get("etag")
        )
      const tags = yield* Effect.forEach(
        [
          HttpServerResponse.text("x".repeat(20_000)),
          HttpServerResponse.uint8Array(bytes),
          HttpServerResponse.stream(Stream.fromIterable(halves)),
          HttpServerResponse.stream(Stream.succeed(bytes))
        ],
        tagOf
      )
      assert.isString(tags[0])
      assert.deepStrictEqual(tags, [tags[0], tags[0], null, null])
    })
  )

  it("middleware 6: a small body gets its tag without a wait", () => {
    let etag: string | undefined
    const app = Pipeline.make("p").outer(conditional()).handle(page())
    const sent = HttpEffect.toHandled(app, (_, response) => Effect.sync(() => void (etag = response.headers["etag"])))
    const request = HttpServerRequest.fromWeb(new Request("http://localhost/"))
    Effect.runSync(Effect.provideService(sent, HttpServerRequest.HttpServerRequest, request))
    assert.match(etag ?? "", /^W\/"/)
  })

  it.effect("middleware 6: no-store, errors, large bodies, POST, and bodies with a tag get none", () =>
    Effect.gen(function* () {
      const tagOf = (response: HttpServerResponse.HttpServerResponse, options?: ConditionalOptions, method = "GET") =>
        Effect.map(
          Effect.flatMap(serverOf(response, options), (server) => server.send(method, "/")),
          ({ headers }) => headers.get("etag")
        )
      assert.isNull(yield* tagOf(page({ "cache-control": "private, No-Store" })))
      assert.isNull(yield* tagOf(HttpServerResponse.text("no", { status: 404 })))
      assert.isNull(yield* tagOf(page(), { maxBytes: 3 }))
      assert.isNull(yield* tagOf(page(), { makesTags: false }))
      assert.isNull(yield* tagOf(page(), {}, "POST"))
      assert.strictEqual(yield* tagOf(page({ etag: '"own"' })), '"own"')
    })
  )

  it.live("middleware 6: with Effect's compression, GET and HEAD have one tag, and a 304 varies as the 200 does", () =>
    Effect.gen(function* () {
      const text = "page ".repeat(1000)
      const app = Pipeline.make("p")
        .outer(conditional())
        .handle(HttpServerResponse.text(text), HttpMiddleware.compression() as never)
      const { call } = yield* serving(Pipeline.serve(app as never) as Layer.Layer<never>)
      const headers = { "accept-encoding": "gzip" }
      const first = yield* call("/", { headers })
      assert.deepStrictEqual([first.headers.get("content-encoding"), first.text], ["gzip", text])
      const etag = first.headers.get("etag")!
      assert.match(etag, /^W\//)
      assert.strictEqual((yield* call("/", { headers, method: "HEAD" })).headers.get("etag"), etag)
      const again = yield* call("/", { headers: { ...headers, "if-none-match": etag } })
      assert.deepStrictEqual(
        [again.status, again.headers.get("vary"), again.headers.get("content-encoding")],
        [304, first.headers.get("vary"), null]
      )
    })
  )

  it.live("middleware 6: with Effect's compression, the app's strong tag is sent as a weak one (hono#4845)", () =>
    Effect.gen(function* () {
      const text = HttpServerResponse.text("page ".repeat(1000), { headers: { etag: '"a"' } })
      const app = Pipeline.make("p")
        .outer(conditional())
        .handle(text, HttpMiddleware.compression() as never)
      const { call } = yield* serving(Pipeline.serve(app as never) as Layer.Layer<never>)
      const gzip = { "accept-encoding": "gzip" }
      const plain = { "accept-encoding": "identity" }
      for (const [headers, etag] of [
        [gzip, 'W/"a"'],
        [plain, '"a"']
      ] as const) {
        const first = yield* call("/", { headers })
        assert.deepStrictEqual([first.status, first.headers.get("etag")], [200, etag])
        for (const known of ['"a"', 'W/"a"']) {
          const again = yield* call("/", { headers: { ...headers, "if-none-match": known } })
          assert.deepStrictEqual([again.status, again.headers.get("etag")], [304, etag], known)
        }
      }
    })
  )
})

describe("conditional: other methods", () => {
  class Pages extends Context.Service<Pages, ReadonlyMap<string, Validators>>()("test/Pages") {}
  const current = (request: HttpServerRequest.HttpServerRequest) => Effect.map(Pages, (pages) => pages.get(request.url))
  const pages = Layer.succeed(
    Pages,
    new Map<string, Validators>([
      ["/a", { etag: '"1"', lastModified: new Date(modified) }],
      ["/weak", { etag: 'W/"1"' }]
    ])
  )
  const app = Pipeline.make("p").outer(conditional({ current })).handle(HttpServerResponse.empty())

  it.effect("middleware 6: a failed precondition is 412, and the handler does not run", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.make(app, pages)
      const rows: ReadonlyArray<readonly [string, string, Headers, boolean]> = [
        ["PUT", "/a", {}, true],
        ["PUT", "/a", { "if-match": '"1"' }, true],
        ["PUT", "/a", { "if-match": '"0", "1"' }, true],
        ["PUT", "/a", { "if-match": "*" }, true],
        ["PUT", "/a", { "if-match": '"2"' }, false],
        ["DELETE", "/a", { "if-match": 'W/"1"' }, false],
        ["PATCH", "/weak", { "if-match": 'W/"1"' }, false],
        ["PUT", "/new", { "if-match": "*" }, false],
        ["PUT", "/new", { "if-none-match": "*" }, true],
        ["PUT", "/a", { "if-none-match": "*" }, false],
        ["POST", "/a", { "if-none-match": '"1"' }, false],
        ["PUT", "/a", { "if-unmodified-since": before }, false],
        ["PUT", "/a", { "if-unmodified-since": modified }, true],
        ["PUT", "/a", { "if-modified-since": after }, true]
      ]
      for (const [method, path, headers, runs] of rows) {
        const reply = yield* server.send(method, path, { headers })
        const label = JSON.stringify([method, path, headers])
        assert.strictEqual(reply.status, runs ? 204 : 412, label)
        TestServer.expect(reply, runs ? { ran: ["handler"] } : { skipped: ["handler"] })
      }
    })
  )

  it.effect("middleware 6: without a state to compare with, the app judges", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* statusFor({ etag: '"a"' }, { "if-match": '"b"' }, "PUT"), 200)
    })
  )

  it.effect("middleware 6: mounted twice, one response is judged once", () =>
    Effect.gen(function* () {
      const twice = Pipeline.make("outer")
        .outer(conditional())
        .handle(Pipeline.make("inner").outer(conditional()).handle(page()))
      const server = yield* TestServer.make(twice)
      const etag = (yield* server.get("/")).headers.get("etag")!
      assert.strictEqual((yield* server.get("/", { headers: { "if-none-match": etag } })).status, 304)
    })
  )

  it.effect("middleware 6: options that cannot work throw InvalidOption", () =>
    Effect.sync(() => {
      for (const options of [{ maxBytes: Number.NaN }, { maxBytes: 0 }, { makesTags: "no" }, { name: "" }]) {
        assert.throws(() => conditional(options as ConditionalOptions), InvalidOption as never)
      }
    })
  )
})

describe("preconditions", () => {
  it.effect("middleware 6: a malformed list matches nothing", () =>
    Effect.gen(function* () {
      for (const list of ["a", '*, "a"', 'w/"a"', '"a" b', '"a', '"a""a"']) {
        assert.strictEqual(yield* statusFor({ etag: '"a"' }, { "if-none-match": list }), 200, list)
        assert.strictEqual(yield* statusFor({ etag: '"a"' }, { "if-match": list }), 412, list)
      }
    })
  )

  it.effect("middleware 6: a list is read in linear time, and whatever it is, the status is one of three", () =>
    Effect.sync(() => {
      const state = { etag: parseEntityTag('"a"'), lastModified: 0 }
      const start = performance.now()
      for (const part of ['"a', ',"', 'W/"', '"a" ', ",", '"a",']) {
        statusOf("GET", { "if-none-match": part.repeat(100_000) }, state, 0)
      }
      assert.isBelow(performance.now() - start, 3000)
      const list = fc.string({ unit: fc.constantFrom(...Array.from('"W/,* \ta')), maxLength: 20 })
      fc.assert(
        fc.property(list, list, fc.constantFrom("GET", "PUT"), (ifMatch, ifNoneMatch, method) => {
          const headers = { "if-match": ifMatch, "if-none-match": ifNoneMatch }
          assert.include([undefined, 304, 412], statusOf(method, headers, state, 0))
        }),
        { numRuns: 500 }
      )
    })
  )
})
