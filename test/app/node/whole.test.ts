import http, { Agent } from "node:http"
import { connect } from "node:net"

import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { App, Fairing } from "fairlead/app"

import { call, head, raw, word } from "./Clients.ts"
import { launch, patient, soon } from "./Served.ts"

const great = new Uint8Array(20_000_000)

/** Reads a response to its end, and pauses until it is resumed after the first bytes. Gives how much came. */
const slowReader = (port: number, resumed: Promise<void>) =>
  Effect.callback<number>((resume) => {
    let bytes = 0
    const socket = connect(port, "127.0.0.1", () => socket.write(head("GET /great")))
    socket.once("data", () => {
      socket.pause()
      void resumed.then(() => socket.resume())
    })
    socket.on("data", (chunk: Buffer) => (bytes += chunk.length))
    socket.on("error", () => {})
    socket.once("close", () => resume(Effect.succeed(bytes)))
    return Effect.sync(() => socket.destroy())
  })

/** Asks again and again on one connection, and gives how that ended. */
const askUntilClosed = (port: number, answered: () => void) =>
  Effect.promise(async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = () =>
      new Promise<string | undefined>((resolve) => {
        const request = http.get({ port, host: "127.0.0.1", agent }, (response) => {
          response.resume()
          response.once("end", () => resolve(response.headers.connection === "close" ? "told to close" : undefined))
        })
        request.once("error", (error: NodeJS.ErrnoException) => resolve(error.code))
      })
    for (;;) {
      const end = await ask()
      if (end !== undefined) return end
      answered()
    }
  })

describe.concurrent("answers that could have been whole", () => {
  it.live("app2 1.1: 20 MB that a slow client takes before grace ends are whole, and the stop cuts nothing", () =>
    Effect.gen(function* () {
      const began = word()
      const app = App.make("great").mount(
        HttpRouter.add("GET", "/great", Effect.as(began.say, HttpServerResponse.uint8Array(great)))
      )
      const { launched, port } = yield* launch(app, { grace: 10_000, mercy: 300 })
      let resumeReading = () => {}
      const resumed = new Promise<void>((resolve) => (resumeReading = resolve))
      const reading = yield* Effect.forkScoped(slowReader(port, resumed))
      yield* began.heard
      yield* Effect.sleep(100)
      yield* launched.shutdown.notify
      const stopped = yield* Effect.forkScoped(launched.stopped)
      yield* Effect.sleep(200)
      resumeReading()
      assert.isAbove(yield* Fiber.join(reading), great.length)
      assert.deepStrictEqual((yield* Fiber.join(stopped)).cut, [])
    })
  )

  it.live("app2 1.2: slow, fast, slow, fast, pipelined before the stop, are all answered, in order", () =>
    Effect.gen(function* () {
      let handled = 0
      const [began, stopping] = [word(), word()]
      const answer = Effect.gen(function* () {
        const { url } = yield* HttpServerRequest.HttpServerRequest
        if (++handled === 4) yield* began.say
        if (url.startsWith("/slow")) yield* Effect.andThen(stopping.heard, Effect.sleep(50))
        return HttpServerResponse.text(url)
      })
      const { launched, port } = yield* launch(
        App.make("pipelined").mount(HttpRouter.add("GET", "/*", answer)),
        patient
      )
      const paths = ["/slow/1", "/fast/2", "/slow/3", "/fast/4"]
      const client = yield* raw(port, paths.map((path) => head(`GET ${path}`)).join(""))
      yield* began.heard
      yield* launched.shutdown.notify
      yield* stopping.say
      const bodies = (yield* client.closed).match(/\/(?:slow|fast)\/\d/g)
      assert.deepStrictEqual(bodies, paths)
      assert.deepStrictEqual((yield* launched.stopped).cut, [])
    })
  )

  it.live(
    "app2 1.5: 20 keep-alive clients that keep asking get Connection: close from the signal on; none is reset",
    () =>
      Effect.gen(function* () {
        const app = App.make("asked").mount(
          HttpRouter.add("GET", "/", Effect.succeed(HttpServerResponse.text("hello")))
        )
        const { launched, port } = yield* launch(app, { ...patient, readinessDelay: 3000 })
        const words = Array.from({ length: 20 }, word)
        const asking = yield* Effect.forEach(words, ({ sayNow }) => Effect.forkScoped(askUntilClosed(port, sayNow)))
        for (const { heard } of words) yield* heard
        yield* launched.shutdown.notify
        const ends = yield* Effect.forEach(asking, Fiber.join)
        assert.deepStrictEqual(
          ends,
          Array.from({ length: 20 }, () => "told to close")
        )
        assert.isBelow(Duration.toSeconds((yield* launched.stopped).duration), soon)
      })
  )

  it.live("app2 1.6: 100 clients that hang up leave no fiber in a hook that waits", () =>
    Effect.gen(function* () {
      let waiting = 0
      let left = 0
      const all = yield* Deferred.make<void>()
      const none = yield* Deferred.make<void>()
      const waits = Effect.onInterrupt(
        Effect.suspend(() =>
          Effect.andThen(++waiting === 100 ? Deferred.succeed(all, undefined) : Effect.void, Effect.never)
        ),
        () => (++left === 100 ? Deferred.succeed(none, undefined) : Effect.void)
      )
      const app = App.make("hanging")
        .attach(
          Fairing.make("waits", {
            onRequest: ({ url }) => (url === "/request" ? waits : Effect.void),
            onResponse: (_, { url }) => (url === "/response" ? waits : Effect.void)
          })
        )
        .mount(
          Layer.mergeAll(
            HttpRouter.add("GET", "/request", Effect.succeed(HttpServerResponse.text("a"))),
            HttpRouter.add("GET", "/response", Effect.succeed(HttpServerResponse.text("b")))
          )
        )
      const { port } = yield* launch(app, patient)
      const clients = yield* Effect.forEach(
        Array.from({ length: 100 }, (_, index) => index),
        (index) => raw(port, head(`GET ${index % 2 === 0 ? "/request" : "/response"}`))
      )
      yield* Deferred.await(all)
      for (const { socket } of clients) socket.destroy()
      yield* Deferred.await(none)
      assert.strictEqual(left, 100)
    })
  )

  it.live("app2 1.6: response hooks after an interruption have a second to end", () =>
    Effect.gen(function* () {
      const [began, interrupted] = [word(), word()]
      const app = App.make("after")
        .attach(Fairing.onResponse("waits", () => Effect.onInterrupt(Effect.never, () => interrupted.say)))
        .mount(HttpRouter.add("GET", "/", Effect.andThen(began.say, Effect.never)))
      const { port } = yield* launch(app, patient)
      const client = yield* raw(port, head("GET /"))
      yield* began.heard
      client.socket.destroy()
      yield* interrupted.heard
    })
  )

  it.live("app2 1.7: cut work is named in the report; work that ended by the shutdown it observed was not cut", () =>
    Effect.gen(function* () {
      const began = word()
      const app = App.make("named").mount(
        Layer.mergeAll(
          HttpRouter.add("GET", "/never", Effect.andThen(began.say, Effect.never)),
          HttpRouter.add("GET", "/quick", Effect.succeed(HttpServerResponse.text("quick")))
        )
      )
      const { launched, port } = yield* launch(app, { grace: 100, mercy: 300 })
      assert.strictEqual((yield* call(port, "/quick")).text, "quick")
      yield* raw(port, head("GET /never?token=secret"))
      yield* began.heard
      yield* launched.shutdown.notify
      assert.deepStrictEqual((yield* launched.stopped).cut, ["GET /never"])
    })
  )
})
