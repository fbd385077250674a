import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { Headers, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline, RequestView } from "fairlead/server"

import type { ModifyOptions } from "../../src/server/RequestView.ts"
import { endOf, requestOf, response, run } from "./Journal.ts"
import { serving } from "./Socket.ts"

const original = requestOf("/old?a=1", { method: "POST", body: "sent", headers: { "x-kept": "yes", cookie: "c=1" } })

const change = (changes: ModifyOptions) =>
  Middleware.mapRequest("change", (request) => RequestView.modify(request, changes))

describe("RequestView.modify", () => {
  it("server 2: omitted members stay unchanged", () => {
    const same = RequestView.modify(original, {})
    for (const key of ["method", "url", "originalUrl", "protocol", "source"] as const) {
      assert.strictEqual(same[key], original[key], key)
    }
    assert.deepStrictEqual(same.headers, original.headers)
    assert.deepStrictEqual(same.cookies, { c: "1" })
    assert.deepStrictEqual(same.remoteAddress, original.remoteAddress)
    assert.deepStrictEqual(same.peerAddress, original.peerAddress)
  })

  it("server 2: each change is seen, and the request it was made from stays as it was", () => {
    const changed = RequestView.modify(original, {
      method: "PUT",
      url: "/new",
      headers: { "X-New": "1", cookie: "d=2" },
      remoteAddress: Option.some("192.0.2.1"),
      peerAddress: Option.some("192.0.2.2"),
      protocol: "https"
    })
    assert.deepInclude(
      { ...changed, protocol: changed.protocol, cookies: changed.cookies },
      { method: "PUT", url: "/new", protocol: "https", cookies: { d: "2" } }
    )
    assert.deepStrictEqual(changed.headers, Headers.fromInput({ "x-new": "1", cookie: "d=2" }))
    assert.deepStrictEqual(changed.remoteAddress, Option.some("192.0.2.1"))
    assert.deepStrictEqual(changed.peerAddress, Option.some("192.0.2.2"))
    assert.strictEqual(changed.originalUrl, original.originalUrl)
    assert.strictEqual(original.method, "POST")
    assert.strictEqual(original.url, "/old?a=1")
    assert.strictEqual(original.headers["x-kept"], "yes")
  })

  it("server 2: later changes add to earlier ones, whoever makes them", () => {
    const first = RequestView.modify(original, { method: "PUT", url: "/1" })
    const second = RequestView.modify(first, { url: "/2" })
    const third = second.modify({ headers: Headers.fromInput({ "x-new": "1" }) })
    assert.deepStrictEqual([third.method, third.url, third.headers["x-new"]], ["PUT", "/2", "1"])
    assert.deepStrictEqual([first.url, second.url, second.headers["x-kept"]], ["/1", "/2", "yes"])
  })

  it("server 2: a view is an HttpServerRequest, and shows itself without the secrets of its URL", () => {
    const view = RequestView.modify(original, { url: "/new?Signature=s3cret" })
    assert.isTrue(HttpServerRequest.TypeId in view)
    assert.strictEqual(Option.getOrThrow(HttpServerRequest.toURL(view)).pathname, "/new")
    assert.match(String(view), /^RequestView\(POST \/new/)
    const shown = JSON.stringify(view.toJSON())
    assert.include(shown, '"_id":"RequestView"')
    assert.notInclude(shown + String(view), "s3cret")
  })

  it.effect("server 2: upgrading is the original request's affair", () =>
    Effect.gen(function* () {
      const view = RequestView.modify(original, { method: "GET" })
      for (const upgrade of [view.upgrade, view.upgradeWith({})]) {
        assert.strictEqual(
          (yield* Effect.flip(upgrade)).reason.message,
          (yield* Effect.flip(original.upgrade)).reason.message
        )
      }
    })
  )
})

describe("a changed request", () => {
  it.effect("server 2: the router routes by its method and URL, and the route sees it", () =>
    Effect.gen(function* () {
      const routes = Layer.mergeAll(
        HttpRouter.add("POST", "/rooms/:id", response("posted")),
        HttpRouter.add("DELETE", "/rooms/:id", (request) =>
          Effect.map(HttpRouter.params, (params) => response(`${request.method} ${params["id"]} ${request.url}`))
        )
      )
      const app = Pipeline.make("p")
        .before(
          Middleware.mapRequest("override", (request) => {
            const method = request.headers["x-http-method-override"]
            return method === undefined ? request : RequestView.modify(request, { method, url: `${request.url}7` })
          })
        )
        .handle(yield* Pipeline.routes(routes))
      const headers = { "x-http-method-override": "DELETE" }
      assert.strictEqual(
        endOf(yield* run(app, requestOf("/rooms/1", { method: "POST", headers }))),
        "DELETE 17 /rooms/17"
      )
      assert.strictEqual(endOf(yield* run(app, requestOf("/rooms/1", { method: "POST" }))), "posted")
    })
  )

  it.effect("server 2: schemas decode its headers, cookies, search parameters and body", () =>
    Effect.gen(function* () {
      const Page = Schema.Struct({ page: Schema.FiniteFromString })
      const app = Pipeline.make("p")
        .before(
          change({ url: "/new?page=1", headers: { page: "2", cookie: "page=3", "content-type": "application/json" } })
        )
        .handle(
          Effect.gen(function* () {
            const header = yield* HttpServerRequest.schemaHeaders(Page)
            const cookie = yield* HttpServerRequest.schemaCookies(Page)
            const body = yield* HttpServerRequest.schemaBodyJson(Schema.Struct({ page: Schema.Number }))
            const request = yield* HttpServerRequest.HttpServerRequest
            return response(`${request.url} ${header.page} ${cookie.page} ${body.page}`)
          })
        )
      const request = requestOf("/old", { method: "POST", body: '{"page":4}', headers: { page: "9" } })
      assert.strictEqual(endOf(yield* run(app, request)), "/new?page=1 2 3 4")
    })
  )

  it.live("server 2: on a socket the handler sees the change, and the body as it came", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(change({ method: "PATCH", url: "/changed?b=2", headers: { "x-new": "1" } }))
        .handle((request) =>
          Effect.map(Effect.orDie(request.text), (body) =>
            HttpServerResponse.text(`${request.method} ${request.url} ${JSON.stringify(request.headers)} ${body}`)
          )
        )
      const { call } = yield* serving(Pipeline.serve(app))
      const answer = yield* call("/old?a=1", { method: "POST", body: "sent", headers: { cookie: "c=1" } })
      assert.strictEqual(answer.text, 'PATCH /changed?b=2 {"x-new":"1"} sent')
    })
  )

  it.live("server 2: a request that came as HEAD is answered without a body, whatever method it has now", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(change({ method: "GET" }))
        .handle((request) => HttpServerResponse.text(request.method))
      const { call } = yield* serving(Pipeline.serve(app))
      const answer = yield* call("/", { method: "HEAD" })
      assert.deepStrictEqual([answer.status, answer.text, answer.headers.get("content-length")], [200, "", "3"])
    })
  )
})
