// @effect-diagnostics layerMergeAllWithDependencies:off
import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import type { HttpServer } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { App } from "fairlead/app"
import { Pipeline } from "fairlead/server"
import { methodNotAllowed, problemDetails, securityHeaders } from "fairlead/server/middleware"
import { TestApp } from "fairlead/testing/app"
import * as fc from "fast-check"

import { MethodTable } from "../../../src/server/middleware/MethodNotAllowed.ts"
import { serving } from "../Socket.ts"

const text = (name: string) => HttpServerResponse.text(name)

const prefixed = Layer.provide(
  HttpRouter.add("PATCH", "/items/:id", text("patched")),
  Layer.effect(
    HttpRouter.HttpRouter,
    Effect.map(HttpRouter.HttpRouter, (router) => router.prefixed("/v1"))
  )
)

const Api = HttpApi.make("api").add(
  HttpApiGroup.make("rooms").add(HttpApiEndpoint.get("list", "/api/rooms", { success: Schema.String }))
)
const rooms = HttpApiBuilder.layer(Api).pipe(
  Layer.provide(HttpApiBuilder.group(Api, "rooms", (handlers) => handlers.handle("list", () => Effect.succeed("all"))))
)

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/rooms/:id", text("room")),
  HttpRouter.add("DELETE", "/rooms/:id", HttpServerResponse.empty()),
  HttpRouter.add("POST", "/rooms", text("made")),
  HttpRouter.add("OPTIONS", "/own", text("own")),
  HttpRouter.add("PUT", "/own", text("own")),
  HttpRouter.add("*", "/any", text("any")),
  HttpRouter.add("GET", "/files/*", text("file")),
  prefixed
)

const appOf = (options?: Parameters<typeof methodNotAllowed>[1]) =>
  Layer.unwrap(
    Effect.map(Pipeline.routes(methodNotAllowed(Layer.merge(routes, rooms), options)), (handler) =>
      Pipeline.serve(Pipeline.make("p").sending(securityHeaders()).sending(problemDetails()).handle(handler) as never)
    )
  )

const served = (options?: Parameters<typeof methodNotAllowed>[1]) =>
  serving(
    // oxlint-disable-next-line typescript/no-unnecessary-type-assertion -- the layer is of a pipeline whose types were given up
    Layer.provide(appOf(options), NodeHttpServer.layerHttpServices) as Layer.Layer<never, never, HttpServer.HttpServer>
  )

describe("methodNotAllowed", () => {
  it.live("middleware 5: a path with another method is a 405 with its methods; a path of no route stays a 404", () =>
    Effect.gen(function* () {
      const { call } = yield* served()
      const cases: ReadonlyArray<readonly [string, string, number, string | null]> = [
        ["GET", "/rooms/7", 200, null],
        ["HEAD", "/rooms/7", 200, null],
        ["PUT", "/rooms/7", 405, "DELETE, GET, HEAD, OPTIONS"],
        ["PURGE", "/rooms/7?q=1", 405, "DELETE, GET, HEAD, OPTIONS"],
        ["GET", "/rooms", 405, "POST, OPTIONS"],
        ["HEAD", "/rooms", 405, "POST, OPTIONS"],
        ["POST", "/files/a/b", 405, "GET, HEAD, OPTIONS"],
        ["POST", "/files", 405, "GET, HEAD, OPTIONS"],
        ["GET", "/v1/items/3", 405, "PATCH, OPTIONS"],
        ["POST", "/api/rooms", 405, "GET, HEAD, OPTIONS"],
        ["PATCH", "/any", 200, null],
        ["GET", "/nowhere", 404, null],
        ["OPTIONS", "/nowhere", 404, null],
        ["OPTIONS", "/rooms/7", 204, "DELETE, GET, HEAD, OPTIONS"],
        ["OPTIONS", "/own", 200, null],
        ["GET", "/own", 405, "PUT, OPTIONS"]
      ]
      for (const [method, path, status, allow] of cases) {
        const answer = yield* call(path, { method })
        assert.deepStrictEqual([answer.status, answer.headers.get("allow")], [status, allow], `${method} ${path}`)
        assert.strictEqual(answer.headers.get("x-content-type-options"), "nosniff")
        if (status >= 400 && method !== "HEAD") assert.strictEqual(JSON.parse(answer.text).status, status)
      }
    })
  )

  it.live("middleware 5: OPTIONS * is the server as a whole, and hostile targets are answered", () =>
    Effect.gen(function* () {
      const { send } = yield* served()
      const lineOf = (head: string) =>
        Effect.flatMap(send(`${head} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n`), (socket) =>
          Effect.promise(async () => {
            const parts: Array<string> = await socket.setEncoding("utf8").toArray()
            const text = parts.join("")
            return [text.split(" ")[1], /^allow: (.*)\r$/im.exec(text)?.[1]] as const
          })
        )
      const [status, allow] = yield* lineOf("OPTIONS *")
      assert.deepStrictEqual([status, allow], ["204", "DELETE, GET, HEAD, PATCH, POST, PUT, OPTIONS"])
      for (const target of ["/%zz", "/rooms/%2e%2e", "//rooms//7", `/rooms/${"a".repeat(4000)}`, "/rooms/7;x#y"]) {
        assert.include(["400", "404", "405"], (yield* lineOf(`PUT ${target}`))[0], target)
      }
    })
  )

  it.live("middleware 5: OPTIONS is left to the app where the options say so", () =>
    Effect.gen(function* () {
      const { call } = yield* served({ answersOptions: false })
      assert.strictEqual((yield* call("/rooms/7", { method: "OPTIONS" })).status, 404)
      assert.strictEqual((yield* call("/rooms/7", { method: "PUT" })).headers.get("allow"), "DELETE, GET, HEAD")
    })
  )

  it.effect("middleware 5: it wraps the mounted routes of an application, and twice is as good as once", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.make(
        App.make("a").mount(methodNotAllowed(methodNotAllowed(routes, { name: "inner" })))
      )
      const reply = yield* app.send("PUT", "/rooms/7")
      assert.deepStrictEqual([reply.status, reply.headers.get("allow")], [405, "DELETE, GET, HEAD, OPTIONS"])
      assert.strictEqual((yield* app.get("/nowhere")).status, 404)
    })
  )

  it.effect("middleware 5: a table has the methods that its routes have, whatever the target", () =>
    Effect.sync(() => {
      const table = new MethodTable({})
      table.add({ method: "GET", path: "/a/:b" })
      table.add({ method: "POST", path: "/a/:b" })
      fc.assert(
        fc.property(fc.string({ unit: fc.constantFrom(...Array.from("/ab%2f?#;.:*")), maxLength: 20 }), (target) => {
          const methods = table.methodsOf(`/${target}`)
          assert.include([0, 3], methods.length)
        })
      )
    })
  )
})
