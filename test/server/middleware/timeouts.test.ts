import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Layer, Schedule, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import { problemDetails, ResponseTimeout, timeouts } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { received, serving } from "../Socket.ts"

const bytes = (length: number) => new Uint8Array(length)

/** A handler that never responds, and notes its interruption. */
const stuck = (ended: Deferred.Deferred<string>) =>
  Effect.onInterrupt(Effect.never, () => Effect.asVoid(Deferred.succeed(ended, "interrupted")))

const answerOf = (options: Parameters<typeof timeouts>[0], wait: string) =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<string>()
    const app = Pipeline.make("p").outer(timeouts(options)).handle(stuck(ended))
    const server = yield* TestServer.make(app)
    const call = yield* Effect.forkChild(server.get("/"), { startImmediately: true })
    yield* TestClock.adjust(wait as Duration.Input)
    return { call, ended, server }
  })

describe("timeouts", () => {
  it.effect("interrupts the handler at the limit, and responds 503 after it has ended", () =>
    Effect.gen(function* () {
      const { call, ended } = yield* answerOf({ handler: "2 seconds" }, "1999 millis")
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const reply = yield* Fiber.join(call)
      assert.strictEqual(reply.status, 503)
      assert.strictEqual(yield* Deferred.await(ended), "interrupted")
    })
  )

  it.effect("ends a handler that waits in a promise for ever, and aborts its signal (gofiber/fiber#4347)", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<AbortSignal>()
      let isReleased = false
      const app = Pipeline.make("p")
        .outer(timeouts({ handler: "1 second" }))
        .handle(
          Effect.promise((signal) => {
            Deferred.doneUnsafe(reached, Effect.succeed(signal))
            return new Promise<never>(() => {})
          }).pipe(Effect.ensuring(Effect.sync(() => void (isReleased = true))))
        )
      const server = yield* TestServer.make(app)
      const call = yield* Effect.forkChild(server.get("/"), { startImmediately: true })
      const signal = yield* Deferred.await(reached)
      assert.isFalse(signal.aborted)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(call)).status, 503)
      assert.deepStrictEqual([signal.aborted, isReleased], [true, true])
    })
  )

  it.effect("responds 504 in a gateway, and never 408 (tower-http#300)", () =>
    Effect.gen(function* () {
      const { call } = yield* answerOf({ handler: "1 second", status: 504 }, "1 second")
      assert.strictEqual((yield* Fiber.join(call)).status, 504)
      // @ts-expect-error - 408 asks the client to repeat the request
      assert.throws(() => timeouts({ status: 408 }), InvalidOption)
    })
  )

  it.effect("limits the handler to 30 seconds by default, and to a smaller total", () =>
    Effect.gen(function* () {
      for (const [options, wait] of [
        [{}, "30 seconds"],
        [{ total: "3 seconds" }, "3 seconds"]
      ] as const) {
        const { call } = yield* answerOf(options, wait)
        assert.strictEqual((yield* Fiber.join(call)).status, 503)
      }
    })
  )

  it.effect("waits for the finalizers of the work before it responds", () =>
    Effect.gen(function* () {
      const closing = Effect.onInterrupt(Effect.never, () => Effect.sleep("5 seconds"))
      const app = Pipeline.make("p")
        .outer(timeouts({ handler: "1 second" }))
        .handle(closing)
      const server = yield* TestServer.make(app)
      const call = yield* Effect.forkChild(server.get("/"), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(call)).status, 503)
    })
  )

  it.effect("makes the response by onTimeout, and sending stages see it", () =>
    Effect.gen(function* () {
      const own = Pipeline.make("own")
        .outer(
          timeouts({
            handler: "1 second",
            onTimeout: ({ duration, phase }, { url }) =>
              HttpServerResponse.text(`${phase} ${Duration.format(duration)} ${url}`, { status: 503 })
          })
        )
        .handle(Effect.never)
      const problem = Pipeline.make("problem")
        .sending(problemDetails())
        .outer(timeouts({ handler: "1 second" }))
        .handle(Effect.never)
      for (const [app, text] of [
        [own, "handler 1s /a?b"],
        [problem, '{"type":"about:blank","status":503,"title":"Service Unavailable"}']
      ] as const) {
        const server = yield* TestServer.make(app)
        const call = yield* Effect.forkChild(server.get("/a?b"), { startImmediately: true })
        yield* TestClock.adjust("1 second")
        assert.strictEqual((yield* Fiber.join(call)).text, text)
      }
    })
  )

  it.effect("passes responses, failures and defects of the app unchanged", () =>
    Effect.gen(function* () {
      const fine = yield* TestServer.make(
        Pipeline.make("f").outer(timeouts()).handle(HttpServerResponse.text("in time"))
      )
      assert.strictEqual((yield* fine.get("/")).text, "in time")
      const dying = yield* TestServer.make(Pipeline.make("d").outer(timeouts()).handle(Effect.die("bug")))
      assert.strictEqual((yield* dying.get("/")).status, 500)
    })
  )

  it.effect("does not limit an exempt request", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .outer(timeouts({ handler: "1 second", isExempt: ({ url }) => url === "/events" }))
        .handle(Effect.as(Effect.sleep("1 hour"), HttpServerResponse.text("late")))
      const server = yield* TestServer.make(app)
      const call = yield* Effect.forkChild(server.get("/events"), { startImmediately: true })
      yield* TestClock.adjust("1 hour")
      assert.strictEqual((yield* Fiber.join(call)).text, "late")
    })
  )

  it.effect("counts the reading of the request's body as the handler's time", () =>
    Effect.gen(function* () {
      const cancelled = yield* Deferred.make<void>()
      const body = new ReadableStream<Uint8Array>({
        cancel: () => void Effect.runSync(Deferred.succeed(cancelled, undefined))
      })
      const app = Pipeline.make("p")
        .outer(timeouts({ handler: "1 second" }))
        .handle(
          Effect.as(
            Effect.orDie(Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ stream }) => Stream.runDrain(stream))),
            HttpServerResponse.empty()
          )
        )
      const server = yield* TestServer.make(app)
      const call = yield* Effect.forkChild(server.post("/", { body }), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(call)).status, 503)
      yield* Deferred.await(cancelled)
    })
  )

  it("rejects options that cannot work", () => {
    for (const value of [NaN, -1, 0, "soon" as "1 second"]) {
      assert.throws(() => timeouts({ handler: value }), InvalidOption)
      assert.throws(() => timeouts({ idle: value }), InvalidOption)
      assert.throws(() => timeouts({ total: value }), InvalidOption)
    }
    assert.doesNotThrow(() => timeouts({ handler: Infinity, idle: Infinity, total: Infinity }))
  })
})

describe("timeouts of a streamed body", () => {
  const streaming = (options: Parameters<typeof timeouts>[0], stream: Stream.Stream<Uint8Array>) =>
    Effect.gen(function* () {
      const ends: Array<Exit.Exit<void, unknown>> = []
      const released = yield* Deferred.make<void>()
      const app = Pipeline.make("p")
        .ended(Middleware.ended("ends", (exit) => void ends.push(exit)))
        .outer(timeouts(options))
        .handle(
          HttpServerResponse.stream(Stream.ensuring(stream, Effect.asVoid(Deferred.succeed(released, undefined))))
        )
      const server = yield* TestServer.make(app)
      const open = yield* server.open("GET", "/")
      return { ends, released, open }
    })

  const failureOf = (exit: Exit.Exit<void, unknown> | undefined) =>
    exit !== undefined && Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

  it.effect("fails at a producer that stalls for `idle`, and releases it", () =>
    Effect.gen(function* () {
      const stream = Stream.concat(Stream.make(bytes(3)), Stream.never)
      const { ends, open, released } = yield* streaming({ idle: "2 seconds" }, stream)
      const read = yield* Effect.forkChild(Effect.exit(Stream.runDrain(open.body)), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* Deferred.await(released)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(read)))
      const failure = failureOf(ends[0])
      assert.instanceOf(failure, ResponseTimeout)
      assert.strictEqual(failure.phase, "idle")
    })
  )

  it.effect("lets a producer go on for as long as each piece comes within `idle`", () =>
    Effect.gen(function* () {
      const stream = Stream.fromSchedule(Schedule.spaced("1900 millis")).pipe(
        Stream.map(() => bytes(1)),
        Stream.take(5)
      )
      const { open } = yield* streaming({ idle: "2 seconds" }, stream)
      const read = yield* Effect.forkChild(Stream.runCollect(open.body), { startImmediately: true })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(read)).length, 5)
    })
  )

  it.effect("fails a body that goes on beyond `total`", () =>
    Effect.gen(function* () {
      const stream = Stream.map(Stream.fromSchedule(Schedule.spaced("1 second")), () => bytes(1))
      const { ends, open } = yield* streaming({ total: "10 seconds" }, stream)
      const read = yield* Effect.forkChild(Effect.exit(Stream.runDrain(open.body)), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(read)))
      assert.strictEqual((failureOf(ends[0]) as ResponseTimeout).phase, "total")
    })
  )
})

describe("timeouts on a socket", () => {
  const get = "GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"

  it.live("cuts a client that stops reading", () =>
    Effect.gen(function* () {
      const ended = yield* Deferred.make<boolean>()
      const app = Pipeline.make("p")
        .ended(Middleware.ended("end", (_, { aborted }) => Deferred.succeed(ended, aborted)))
        .outer(timeouts({ idle: "200 millis" }))
        .handle(HttpServerResponse.stream(Stream.forever(Stream.succeed(bytes(64 * 1024)))))
      const server = yield* serving(Pipeline.serve(app))
      const socket = yield* server.send(get)
      socket.pause()
      assert.isTrue(yield* Deferred.await(ended))
    })
  )

  it.live("cuts the connection of a stream whose producer stalls, so that it cannot read as whole", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .outer(timeouts({ idle: "100 millis" }))
        .handle(HttpServerResponse.stream(Stream.concat(Stream.make(bytes(3)), Stream.never)))
      const server = yield* serving(Pipeline.serve(app))
      const text = yield* received(yield* server.send(get))
      assert.match(text, /^HTTP\/1\.1 200 /)
      assert.notInclude(text, "\r\n0\r\n\r\n")
    })
  )

  it.live("does not limit a WebSocket, and the route stays known to observers", () =>
    Effect.gen(function* () {
      const routes: Array<string | undefined> = []
      const handler = yield* Pipeline.routes(
        Layer.mergeAll(
          HttpRouter.add("GET", "/rooms/:id", HttpServerResponse.text("room")),
          HttpRouter.add(
            "GET",
            "/socket",
            Effect.scoped(
              Effect.gen(function* () {
                const request = yield* HttpServerRequest.HttpServerRequest
                const socket = yield* request.upgrade
                const pull = yield* Socket.readerString(socket)
                const { write } = yield* socket.writer
                yield* Effect.forkScoped(Effect.andThen(Effect.sleep("300 millis"), write("late")))
                yield* Effect.ignore(Effect.forever(pull))
                return HttpServerResponse.empty()
              })
            )
          )
        )
      )
      const app = Pipeline.make("p")
        .ended(Middleware.ended("routes", (_, { route }) => void routes.push(route)))
        .outer(timeouts({ handler: "150 millis" }))
        .handle(handler)
        .catch(() => HttpServerResponse.empty({ status: 500 }))
      const server = yield* serving(Pipeline.serve(app))
      yield* server.call("/rooms/3")
      assert.deepStrictEqual(routes, ["/rooms/:id"])
      const message = yield* Effect.promise(
        async () =>
          new Promise<unknown>((resolve, reject) => {
            const socket = new WebSocket(`${server.url.replace("http", "ws")}/socket`)
            socket.addEventListener("message", ({ data }) => {
              resolve(data)
              socket.close()
            })
            socket.addEventListener("close", () => reject(new Error("closed early")))
          })
      )
      assert.strictEqual(message, "late")
    })
  )
})
