/**
 * The end of the process, seen from outside: exit codes, what is written, and that it always ends.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"

import { run, start } from "./Child.ts"
import { call, goingAway, handshake, head, peer, raw } from "./Clients.ts"

const shop = App.make("shop").mount(HttpRouter.add("GET", "/", HttpServerResponse.text("hello")))

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "fairlead-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

describe.concurrent("the end of the process", () => {
  it.live("app2 1.3: two applications in one process end it together, when the last has stopped", () =>
    Effect.gen(function* () {
      const program = yield* start("two", "0", "5000")
      const slow = yield* raw(Number(yield* program.wrote(/^other (\d+)$/m)), head("GET /slow"))
      yield* program.port
      yield* program.wrote(/handling/)
      yield* program.signal("SIGTERM")
      assert.match(yield* slow.closed, /Connection: close.*done$/s)
      assert.strictEqual((yield* program.ended).code, 0, program.output())
      assert.match(program.output(), /shutdown hook/)
      assert.match(program.output(), /other has stopped/)
    })
  )

  it.live("app2 1.3: one application that stops by itself leaves the other", () =>
    Effect.gen(function* () {
      const program = yield* start("two")
      const other = Number(yield* program.wrote(/^other (\d+)$/m))
      yield* call(yield* program.port, "/stop")
      yield* program.wrote(/The app "program" stopped/)
      assert.strictEqual((yield* call(other, "/")).text, "hello")
      yield* program.signal("SIGTERM")
      assert.strictEqual((yield* program.ended).code, 0, program.output())
    })
  )

  it.live("app2 1.3: two launched layers are merged under separate keys", () =>
    Effect.gen(function* () {
      class Shop extends Context.Service<Shop, App.Launched["Service"]>()("test/Shop") {}
      class Admin extends Context.Service<Admin, App.Launched["Service"]>()("test/Admin") {}
      const options = { port: 0, host: "127.0.0.1" }
      const both = Layer.merge(
        NodeApp.launchAs(shop, Shop, options),
        NodeApp.launchAs(App.make("admin"), Admin, options)
      )
      const [one, two] = yield* Effect.provide(Effect.all([Shop, Admin]), both)
      assert.deepStrictEqual([one.app, two.app], ["shop", "admin"])
      assert.notDeepEqual(one.address, two.address)
    })
  )

  it.live("app2 1.3: a further listener serves its own routes, until the application's requests have ended", () =>
    Effect.gen(function* () {
      const program = yield* start("listens", "0", "60000")
      const admin = Number(yield* program.wrote(/^admin port (\d+)$/m))
      const port = yield* program.port
      assert.strictEqual((yield* call(admin, "/live")).text, "live")
      assert.strictEqual((yield* call(port, "/live")).status, 404)
      const held = yield* raw(port, head("GET /held"))
      yield* program.wrote(/handling/)
      yield* program.signal("SIGTERM")
      yield* program.wrote(/is stopping/)
      assert.strictEqual((yield* call(admin, "/live")).headers.get("connection"), "close")
      assert.strictEqual((yield* call(admin, "/release")).text, "released")
      assert.match(yield* held.closed, /done$/)
      assert.strictEqual((yield* program.ended).code, 0, program.output())
    })
  )

  it.live.each([
    ["acquires", /acquiring/, "ignition"],
    ["releases", /^port/m, "release"]
  ] as const)("app2 1.4: a layer that never %s is forced to end with 70", ([name, ready, what]) =>
    Effect.gen(function* () {
      const program = yield* start(name, "0", "100")
      yield* program.wrote(ready)
      yield* program.signal("SIGTERM")
      const ended = yield* program.ended
      assert.strictEqual(ended.code, 70, program.output())
      assert.match(program.output(), new RegExp(`did not stop in time and is forced to end. It waited for .*${what}`))
    })
  )

  it.live("app2 1.4: when the event loop is blocked, a worker writes what was waited for and sends SIGKILL", () =>
    Effect.gen(function* () {
      const program = yield* start("blocks", "0", "100")
      yield* program.port
      yield* program.signal("SIGTERM")
      const ended = yield* program.ended
      assert.deepStrictEqual(ended, { code: null, signal: "SIGKILL" }, program.output())
      assert.match(program.output(), /The app "program" did not stop in time/)
      assert.match(program.output(), /The event loop is blocked: SIGKILL/)
    })
  )

  it.live("app2 1.7: cut work is named, one line each, the begin and the end are logged, and the exit code is 70", () =>
    Effect.gen(function* () {
      const program = yield* start("serves", "0", "100")
      const port = yield* program.port
      yield* raw(port, head("GET /never?secret=1"))
      yield* raw(port, head("GET /never"))
      yield* program.wrote(/handling\n[^]*handling/)
      yield* program.signal("SIGTERM")
      assert.strictEqual((yield* program.ended).code, 70, program.output())
      const output = program.output()
      assert.match(output, /The app "program" is stopping/)
      assert.lengthOf(output.match(/Cut by the stop of "program": GET \/never\n/g) ?? [], 2)
      assert.match(output, /The app "program" stopped after \d+ ms/)
    })
  )

  it.live("app2 1.7: a stream that observes the shutdown and a socket closed with 1001 were not cut: 0", () =>
    Effect.gen(function* () {
      const program = yield* start("streams", "0", "300")
      const port = yield* program.port
      const stream = yield* raw(port, head("GET /observes"))
      yield* stream.until(/tick/)
      const socket = yield* peer(port, "/echo")
      yield* socket.message
      yield* program.signal("SIGTERM")
      assert.strictEqual(yield* socket.code, 1001)
      assert.match(yield* stream.closed, /0\r\n\r\n$/)
      assert.strictEqual((yield* program.ended).code, 0, program.output())
    })
  )

  it.live("app2 1.7: a socket that ignores Close is destroyed, and named: 70", () =>
    Effect.gen(function* () {
      const program = yield* start("streams", "0", "100")
      const client = yield* raw(yield* program.port, handshake("/echo"))
      yield* client.until(/welcome/)
      yield* program.signal("SIGTERM")
      assert.include(yield* client.closed, goingAway)
      assert.strictEqual((yield* program.ended).code, 70, program.output())
      assert.match(program.output(), /Cut by the stop of "program": GET \/echo \(websocket\)/)
    })
  )

  it.live("app2 1.7: SIGHUP stops it by option", () =>
    Effect.gen(function* () {
      const program = yield* start("streams")
      yield* program.port
      yield* program.signal("SIGHUP")
      assert.strictEqual((yield* program.ended).code, 0, program.output())
      assert.match(program.output(), /shutdown hook/)
    })
  )

  it.live.each(["throws", "rejects"] as const)(
    "app2 1.7: an uncaught error (%s) leads to the same shutdown by option, and to 1",
    (name) =>
      Effect.gen(function* () {
        const program = yield* start(name)
        yield* call(yield* program.port, "/throw")
        assert.strictEqual((yield* program.ended).code, 1, program.output())
        assert.match(program.output(), /nobody caught this/)
        assert.match(program.output(), /shutdown hook\n.*released/s)
      })
  )

  it.live("app2 2.2: a failed start is logged through the app's own loggers", () =>
    Effect.gen(function* () {
      const program = yield* start("failsInJson")
      assert.strictEqual((yield* program.ended).code, 1, program.output())
      const line = program.output().match(/^\{.*\}$/m)?.[0] ?? "{}"
      assert.match(JSON.stringify(JSON.parse(line)), /did not ignite.*No database answers at db\.test/s)
    })
  )

  it.live("app2 1.9: Layer.launch(NodeApp.launch(app)) ends after Shutdown.notify", () =>
    Effect.gen(function* () {
      const program = yield* start("layer")
      yield* call(yield* program.port, "/stop")
      yield* program.wrote(/released\n(?:.*\n)*ended/)
      assert.strictEqual((yield* program.ended).code, 0)
    })
  )

  it.live("app2 1.9: a stale unix socket is removed; one that somebody listens on, and a file, stay", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "app.sock")
      // A process that is killed leaves its socket behind.
      const killed = yield* run(new URL("./Stale.ts", import.meta.url), path)
      yield* killed.wrote(/listening/)
      yield* killed.signal("SIGKILL")
      yield* killed.ended
      const launched = yield* Layer.build(NodeApp.launch(shop, { path }))
      assert.strictEqual(Context.get(launched, App.Launched).address?._tag, "UnixPathAddress")
      const second = yield* Effect.exit(Effect.scoped(Layer.build(NodeApp.launch(shop, { path }))))
      assert.isTrue(Exit.isFailure(second))
      const file = join(yield* folder, "file")
      writeFileSync(file, "mine")
      const error = yield* Effect.flip(Effect.scoped(Layer.build(NodeApp.launch(shop, { path: file }))))
      assert.strictEqual(error._tag, "ServeError")
    })
  )

  it.live("app2 1.9: the port 70000 is a typed error", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.scoped(Layer.build(NodeApp.launch(shop, { port: 70_000 }))))
      assert.strictEqual(error._tag, "ServeError")
      assert.match(String(error.cause), /70000/)
    })
  )
})
