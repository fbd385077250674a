import { createServer } from "node:http"
import type { Server } from "node:http"

import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import { Shutdown } from "fairlead"
import { App, Fairing } from "fairlead/app"
import { health } from "fairlead/app/fairings"

import { call, connecting, handshake, head, peer, raw, word } from "./Clients.ts"
import { launch, patient, portOf } from "./Served.ts"

/** Answers with the body, and counts how often it was run. */
const echoing = () => {
  let runs = 0
  const answer = Effect.gen(function* () {
    runs++
    const { method, text: body } = yield* HttpServerRequest.HttpServerRequest
    return HttpServerResponse.text(`${method}:${yield* body}`)
  })
  return { routes: HttpRouter.add("*", "/", Effect.orDie(answer)), runs: () => runs }
}

/** A Node server that knows how many requests reached it. */
const counted = () => {
  let count = 0
  let reached: (() => void) | undefined
  const made: { server?: Server } = {}
  const arrived = () => {
    count++
    reached?.()
  }
  return {
    made,
    count: () => count,
    make: () =>
      (made.server = createServer().on("request", arrived).on("checkContinue", arrived).on("upgrade", arrived)),
    until: (wanted: number) =>
      Effect.callback<void>((resume) => {
        reached = () => {
          if (count >= wanted) resume(Effect.void)
        }
        reached()
      })
  }
}

/** A fairing whose liftoff tells the port, and waits for a word. */
const holding = () => {
  const bound = Deferred.makeUnsafe<number>()
  const free = word()
  const hook = Fairing.onLiftoff("holding", ({ address }) =>
    Effect.asVoid(Effect.andThen(Deferred.succeed(bound, portOf(address)), free.heard))
  )
  return { hook, port: Deferred.await(bound), free: free.say }
}

describe.concurrent("between listening and liftoff", () => {
  it.live("app 9: 100 clients at once are answered afterwards, none is lost, none is answered before or twice", () =>
    Effect.gen(function* () {
      const { hook, free, port: bound } = holding()
      const { routes, runs } = echoing()
      const requests = counted()
      const launching = yield* Effect.forkScoped(
        launch(App.make("gate").attach(hook).mount(routes), { server: requests.make })
      )
      const port = yield* bound
      const body = "x".repeat(64_000)
      const clients = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => index),
        (index) => {
          const close = "Connection: close"
          if (index % 3 === 0) return raw(port, head("GET /", close))
          const length = `Content-Length: ${body.length}`
          return index % 3 === 1
            ? raw(port, head("POST /", close, length) + body)
            : raw(port, head("POST /", close, length, "Expect: 100-continue"))
        },
        { concurrency: "unbounded" }
      )
      yield* requests.until(100)
      assert.strictEqual(runs(), 0)
      assert.isTrue(clients.every(({ received }) => received() === ""))
      yield* free
      const answers = yield* Effect.forEach(
        clients,
        ({ closed, until, write }, index) =>
          index % 3 === 2 ? Effect.andThen(Effect.andThen(until(/ 100 Continue\r\n/), write(body)), closed) : closed,
        { concurrency: "unbounded" }
      )
      answers.forEach((answer, index) => {
        assert.match(answer, / 200 OK\r\n/)
        assert.isTrue(answer.endsWith(`\r\n\r\n${index % 3 === 0 ? "GET:" : `POST:${body}`}`))
      })
      assert.strictEqual(runs(), 100)
      assert.strictEqual(requests.count(), 100)
      yield* Fiber.join(launching)
    })
  )

  it.live("app 9: an upgrade waits too", () =>
    Effect.gen(function* () {
      const { hook, free, port: bound } = holding()
      const greet = Effect.gen(function* () {
        const socket = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ upgrade }) => upgrade)
        const pull = yield* Socket.readerString(socket)
        const writer = yield* socket.writer
        return yield* Effect.forever(Effect.flatMap(pull, (messages) => Effect.forEach(messages, writer.write)))
      })
      const requests = counted()
      const app = App.make("upgrade")
        .attach(hook)
        .mount(HttpRouter.add("GET", "/", Effect.as(Effect.ignore(Effect.scoped(greet)), HttpServerResponse.empty())))
      const launching = yield* Effect.forkScoped(launch(app, { server: requests.make }))
      const opening = yield* Effect.forkScoped(peer(yield* bound, "/"))
      yield* requests.until(1)
      yield* free
      const client = yield* Fiber.join(opening)
      client.socket.send("hello")
      assert.strictEqual(yield* client.message, "hello")
      client.socket.close(1000)
      assert.strictEqual(yield* client.code, 1000)
      yield* Fiber.join(launching)
    })
  )

  it.live("app 9: a keep-alive connection that waited goes on afterwards, and the gate is gone", () =>
    Effect.gen(function* () {
      const { hook, free, port: bound } = holding()
      const requests = counted()
      const app = App.make("kept").attach(hook).mount(echoing().routes)
      const launching = yield* Effect.forkScoped(launch(app, { server: requests.make }))
      const client = yield* raw(yield* bound, head("GET /") + head("GET /"))
      yield* requests.until(1)
      const before = requests.made.server?.listenerCount("request")
      yield* free
      yield* client.until(/GET:.*GET:$/s)
      yield* client.write(head("DELETE /"))
      yield* client.until(/DELETE:$/)
      yield* Fiber.join(launching)
      // Effect's listener came, the gate's went.
      assert.strictEqual(requests.made.server?.listenerCount("request"), before)
    })
  )

  it.live.each([undefined, "admin"] as const)(
    "app2 3.1: during liftoff /live answers and /ready says 503, by listener %s, while other requests wait",
    (listener) =>
      Effect.gen(function* () {
        const ports: Array<number> = []
        const noted = Fairing.onLiftoff("noted", ({ address, listeners }) => {
          ports.push(portOf(address), ...listeners.map((each) => portOf(each.address)))
        })
        const { hook, free, port: bound } = holding()
        const { routes, runs } = echoing()
        const requests = counted()
        let checks = 0
        const checked = health({
          ...(listener === undefined ? {} : { listener }),
          interval: 0,
          checks: { count: Effect.sync(() => checks++) }
        })
        const bare = App.make("warming").attach(noted).attach(hook).attach(checked).mount(routes)
        const app = listener === undefined ? bare : bare.listen(listener, { port: 0, host: "127.0.0.1" })
        const launching = yield* Effect.forkScoped(launch(app, { server: requests.make }))
        const port = yield* bound
        const watched = ports.at(-1)!
        const waiting = yield* raw(port, head("GET /", "Connection: close"))
        yield* requests.until(1)

        const live = yield* call(watched, "/live")
        assert.deepStrictEqual([live.status, live.text], [200, JSON.stringify({ status: "live" })])
        const early = yield* call(watched, "/ready")
        assert.deepStrictEqual([early.status, early.text], [503, JSON.stringify({ status: "not ready" })])
        assert.strictEqual((yield* call(watched, "/live", { method: "HEAD" })).status, 200)
        assert.deepStrictEqual([runs(), waiting.received(), checks], [0, "", 0])

        yield* free
        assert.match(yield* waiting.closed, /^HTTP\/1.1 200 .*GET:$/s)
        yield* Fiber.join(launching)
        assert.strictEqual((yield* call(watched, "/ready")).status, 200)
        assert.strictEqual(checks, 1)
      })
  )

  it.live("app 9: who hung up while waiting is not handled, and a reset while an upgrade waits does no harm", () =>
    Effect.gen(function* () {
      const { hook, free, port: bound } = holding()
      const { routes, runs } = echoing()
      const requests = counted()
      const closed: Array<Effect.Effect<void>> = []
      const make = () =>
        requests.make().on("connection", (socket) => {
          const gone = word()
          socket.once("close", () => gone.sayNow())
          closed.push(gone.heard)
        })
      const launching = yield* Effect.forkScoped(launch(App.make("gone").attach(hook).mount(routes), { server: make }))
      const port = yield* bound
      const clients = yield* Effect.all([raw(port, head("GET /")), raw(port, handshake("/"))])
      yield* requests.until(2)
      for (const { socket } of clients) socket.resetAndDestroy()
      yield* Effect.all(closed)
      yield* free
      yield* Fiber.join(launching)
      assert.strictEqual((yield* call(port, "/")).text, "GET:")
      assert.strictEqual(runs(), 1)
    })
  )
})

describe.concurrent("liftoff hooks", () => {
  it.live("app 9: they see the real address, where a client can already connect, and run concurrently", () =>
    Effect.gen(function* () {
      const [first, second] = [word(), word()]
      const seen: Array<number> = []
      const connected: Array<string> = []
      const meet = (name: string, mine: typeof first, other: typeof first) =>
        Fairing.onLiftoff(name, ({ address }) =>
          Effect.gen(function* () {
            seen.push(portOf(address))
            connected.push(yield* connecting(portOf(address)))
            yield* mine.say
            yield* other.heard
          })
        )
      const app = App.make("meet")
        .attach(meet("first", first, second))
        .attach(meet("second", second, first))
      const { port } = yield* launch(app.mount(echoing().routes))
      assert.isAbove(port, 0)
      assert.deepStrictEqual(seen, [port, port])
      assert.deepStrictEqual(connected, ["connected", "connected"])
    })
  )

  it.live("app 10: one that requests shutdown stops the application; who waited is answered first", () =>
    Effect.gen(function* () {
      const { hook, free, port: bound } = holding()
      const requests = counted()
      const told = Fairing.onLiftoff("told", () => Effect.flatMap(Shutdown.Shutdown, ({ notify }) => notify))
      const app = App.make("told").attach(told).attach(hook).mount(echoing().routes)
      const launching = yield* Effect.forkScoped(launch(app, { ...patient, server: requests.make }))
      const client = yield* raw(yield* bound, head("GET /"))
      yield* requests.until(1)
      yield* free
      const { launched, port } = yield* Fiber.join(launching)
      assert.match(yield* client.closed, /^HTTP\/1.1 200 .*GET:$/s)
      yield* launched.stopped
      assert.strictEqual(yield* connecting(port), "ECONNREFUSED")
    })
  )
})
