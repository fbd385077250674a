/**
 * Sockets that live on without the request that opened them: its end, their resources, and the end of the application.
 */
import { createServer } from "node:http"

import { NodeHttpServer } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Latch, Layer, Option, Scope, Tracer } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { App } from "fairlead/app"
import { Broadcaster, ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
import { NodeUpgrade } from "fairlead/channel/node"
import { RequestView } from "fairlead/server"

import { brief, launch, patient, portOf, soon } from "../app/node/Served.ts"
import { keepLogs } from "../server/Logs.ts"
import { serve, upgrades } from "./Conformance.ts"
import { Peer } from "./Peer.ts"

class Room extends ChannelApi.make("room:{id}", { incoming: { ping: { reply: ChannelApi.AnyPayload } } }) {}

class Store extends Context.Service<Store, { readonly note: (line: string) => Effect.Effect<void> }>()("test/Store") {}

/** What happened, in order. */
const journal = () => {
  const lines: Array<string> = []
  return { lines, note: (line: string) => Effect.sync(() => void lines.push(line)) }
}

/** Notes in a store how a channel and its socket end. */
const noting = (leave: Effect.Effect<void> = Effect.void) =>
  Room.layer({
    join: () => Effect.void,
    on: { ping: () => Effect.succeed("pong") },
    leave: (reason) => Effect.flatMap(Store, ({ note }) => Effect.andThen(leave, note(`left: ${reason}`)))
  })

const acquiring = (note: (line: string) => Effect.Effect<void>) =>
  ChannelHandler.make("acquiring", {
    connect: () =>
      Effect.as(
        Effect.acquireRelease(note("acquired"), () => note("released")),
        ChannelHandler.accept({ id: "one" })
      ),
    disconnect: ({ code }) => note(`disconnected: ${code}`)
  })

const served = (note: (line: string) => Effect.Effect<void>, room: Layer.Layer<Room, never, Store> = noting()) =>
  ChannelServer.layer(ChannelServer.make("rooms").use(acquiring(note)).mount(Room), { path: "/socket" }).pipe(
    Layer.provide([
      room.pipe(
        Layer.provide(
          Layer.effect(
            Store,
            Effect.acquireRelease(Effect.succeed({ note }), () => note("store released"))
          )
        )
      ),
      Broadcaster.layer
    ])
  )

const socket = (port: number) =>
  Effect.promise(async () => (await Peer.connect(`ws://127.0.0.1:${port}/socket/websocket?vsn=2.0.0`)).joins("room:1"))

const until = (holds: () => boolean): Effect.Effect<void> =>
  Effect.promise(async () => {
    while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve))
  })

describe("a socket", () => {
  it.live.each([
    ["NodeUpgrade", true],
    ["the default upgrade", false]
  ] as const)("channel2 5: over %s, its request ended with the handshake: %s", ([name, endsEarly]) =>
    Effect.gen(function* () {
      const { lines, note } = journal()
      const watching = HttpRouter.middleware((app) => Effect.onExit(app, ({ _tag }) => note(`request: ${_tag}`)), {
        global: true
      })
      const routes = Layer.merge(watching, served(note))
      const upgrade = upgrades.find(([present]) => present === name)![1]
      const { close, port } = yield* Effect.promise(() => serve(upgrade, routes))
      const peer = yield* socket(port)
      const opened = endsEarly ? ["acquired", "request: Success"] : ["acquired"]
      assert.deepStrictEqual(lines, opened)
      peer.send(["1", "2", "room:1", "ping", {}])
      yield* Effect.promise(() => peer.gets(["1", "2", "room:1", "phx_reply", { status: "ok", response: "pong" }]))
      peer.socket.close(1000)
      yield* until(() => lines.includes("released"))
      const ended = ["left: disconnected", "disconnected: 1000", "released"]
      assert.deepStrictEqual(
        lines.filter((line) => !line.startsWith("request")),
        ["acquired", ...ended]
      )
      yield* Effect.promise(close)
    })
  )

  it.live("channel2 5: its request ends with the handshake as well where a stage changed the request", () =>
    Effect.gen(function* () {
      const { lines, note } = journal()
      const changing = HttpRouter.middleware(
        (app) =>
          Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
            const view = RequestView.modify(request, { remoteAddress: Option.some("192.0.2.1") })
            return Effect.onExit(Effect.provideService(app, HttpServerRequest.HttpServerRequest, view), ({ _tag }) =>
              note(`request: ${_tag}`)
            )
          }),
        { global: true }
      )
      const { close, port } = yield* Effect.promise(() => serve(NodeUpgrade.layer, Layer.merge(changing, served(note))))
      const peer = yield* socket(port)
      assert.deepStrictEqual(lines, ["acquired", "request: Success"])
      peer.send(["1", "2", "room:1", "ping", {}])
      yield* Effect.promise(() => peer.gets(["1", "2", "room:1", "phx_reply", { status: "ok", response: "pong" }]))
      yield* Effect.promise(close)
    })
  )

  it.live.each(upgrades)("channel2 5: over %s, a server that closes waits for its end", ([, upgrade]) =>
    Effect.gen(function* () {
      const { lines, note } = journal()
      const slow = noting(Effect.sleep(50))
      const { close, port } = yield* Effect.promise(() => serve(upgrade, served(note, slow)))
      const peer = yield* socket(port)
      yield* Effect.promise(close)
      assert.strictEqual((yield* Effect.promise(() => peer.closed)).code, 1012)
      const reason = lines[1]
      assert.deepStrictEqual(lines, ["acquired", reason, lines[2], "released", "store released"])
      assert.match(`${reason} ${lines[2]}`, /^left: (?:shutdown|disconnected) disconnected: \d+$/)
    })
  )

  it.live("channel2 5: where the request cannot note its upgrade, it ends with the socket", () =>
    Effect.gen(function* () {
      const { lines, note } = journal()
      const hiding = HttpRouter.middleware(
        (app) =>
          Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
            const hidden = Object.create(request, { upgradeState: { value: undefined } })
            return Effect.onExit(Effect.provideService(app, HttpServerRequest.HttpServerRequest, hidden), ({ _tag }) =>
              note(`request: ${_tag}`)
            )
          }),
        { global: true }
      )
      const { close, port } = yield* Effect.promise(() => serve(NodeUpgrade.layer, Layer.merge(hiding, served(note))))
      const [peer, other] = [yield* socket(port), yield* socket(port)]
      assert.deepStrictEqual(lines, ["acquired", "acquired"])
      peer.socket.close(1000)
      yield* until(() => lines.some((line) => line.startsWith("request")))
      yield* Effect.promise(close)
      assert.strictEqual((yield* Effect.promise(() => other.closed)).code, 1012)
    })
  )
})

describe("the span of a socket's request", () => {
  it.live("channel2 5: ends with the handshake, with the status 101", () =>
    Effect.gen(function* () {
      const { note } = journal()
      const spans: Array<Tracer.NativeSpan> = []
      const tracer = Tracer.make({
        span: (options) => {
          const span = new Tracer.NativeSpan(options)
          spans.push(span)
          return span
        }
      })
      const app = App.make("rooms")
        .manage(Layer.merge(NodeUpgrade.layer, Layer.succeed(Tracer.Tracer, tracer)))
        .mount(served(note))
      const { port } = yield* launch(app)
      yield* socket(port)
      const [span] = spans
      assert.strictEqual(span!.status._tag, "Ended")
      assert.strictEqual(span!.attributes.get("http.response.status_code"), 101)
    })
  )
})

describe("an application that stops", () => {
  const appOf = (note: (line: string) => Effect.Effect<void>, room: Layer.Layer<Room, never, Store>) =>
    App.make("rooms").manage(NodeUpgrade.layer).mount(served(note, room))

  it.live("channel2 5: waits within grace for the leave hooks of its sockets, and releases services after them", () => {
    const logs = keepLogs()
    return Effect.gen(function* () {
      const { lines, note } = journal()
      const gate = yield* Latch.make()
      const { launched, port, stop } = yield* launch(appOf(note, noting(gate.await)), patient)
      const peer = yield* socket(port)
      yield* launched.shutdown.notify
      assert.strictEqual((yield* Effect.promise(() => peer.closed)).code, 1012)
      assert.deepStrictEqual(lines, ["acquired"])
      yield* gate.open
      assert.deepStrictEqual((yield* launched.stopped).cut, [])
      assert.isBelow(yield* stop, soon)
      assert.deepStrictEqual(lines, ["acquired", "left: shutdown", "disconnected: 1012", "released", "store released"])
      assert.deepStrictEqual(
        logs.lines.filter(({ level }) => level !== "Info"),
        []
      )
    }).pipe(Effect.provide(logs.layer))
  })

  it.live("channel2 5: waits for its sockets on a server that it does not know, too", () =>
    Effect.gen(function* () {
      const { lines, note } = journal()
      const options = { port: 0, host: "127.0.0.1", gracefulShutdownTimeout: 0 }
      const server = NodeHttpServer.layerServer(() => createServer(), options)
      const scope = yield* Scope.make()
      const layer = App.launch(appOf(note, noting(Effect.sleep(50))), server, patient)
      const { address } = Context.get(yield* Layer.buildWithScope(layer, scope), App.Launched)
      const peer = yield* socket(portOf(address))
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Effect.promise(() => peer.closed)).code, 1012)
      assert.deepStrictEqual(lines, ["acquired", "left: shutdown", "disconnected: 1012", "released", "store released"])
    })
  )

  it.live("channel2 5: names sockets whose leave hook hangs, and waits no longer than grace and mercy", () =>
    Effect.gen(function* () {
      const { lines, note } = journal()
      const { launched, port, stop } = yield* launch(appOf(note, noting(Effect.never)), brief)
      yield* socket(port)
      yield* launched.shutdown.notify
      assert.deepStrictEqual((yield* launched.stopped).cut, [`work in the background "the sockets of rooms"`])
      assert.isBelow(yield* stop, soon)
      assert.deepStrictEqual(lines, ["acquired", "store released"])
    })
  )
})
