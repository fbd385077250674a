import { afterAll, assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
import { Shutdown } from "fairlead"

import { goingAway, handshake, head, peer, raw, word } from "./Clients.ts"
import { brief, compare, merciful, patient, soon, table, tooLong } from "./Served.ts"
import type { Situation } from "./Served.ts"

const times = table()
const compared = compare(times)

const get = <E>(
  path: HttpRouter.PathInput,
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, HttpServerRequest.HttpServerRequest>
) => HttpRouter.add("GET", path, Effect.orDie(answer))

/** Greets the peer of an upgraded connection, and echoes until it is told to end. */
const echoUntil = (end: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const socket = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ upgrade }) => upgrade)
    const pull = yield* Socket.readerString(socket)
    const writer = yield* socket.writer
    yield* writer.write("welcome")
    const loop = Effect.forever(Effect.flatMap(pull, (messages) => Effect.forEach(messages, writer.write)))
    yield* Effect.raceFirst(loop, end)
    return HttpServerResponse.empty()
  }).pipe(Effect.scoped)

const echo = echoUntil(Effect.never)

describe.concurrent("shutdown, and its sockets", () => {
  afterAll(times.print)

  it.live("app 17: a connection that never sent a byte, or half a head, does not hold the shutdown", () =>
    compared("half-open socket: no bytes, partial headers", patient, () => ({
      routes: get("/", Effect.succeed(HttpServerResponse.text("hello"))),
      clients: Effect.fnUntraced(function* ({ port }) {
        const half = yield* raw(port, "GET / HTTP/1.1\r\nHost: te")
        const silent = yield* raw(port, "")
        // Answered only when the server has taken the two connections before.
        const whole = yield* raw(port, head("GET /"))
        yield* whole.until(/hello$/)
        return Effect.fnUntraced(function* (took) {
          assert.isBelow(took, soon)
          assert.strictEqual(yield* half.closed, "")
          assert.strictEqual(yield* silent.closed, "")
        })
      })
    }))
  )

  it.live("app 17: a request whose body never comes whole is interrupted after grace, and answered 503", () =>
    compared("half-open socket: partial body", merciful, () => {
      const began = word()
      const read = Effect.gen(function* () {
        yield* began.say
        const { text } = yield* HttpServerRequest.HttpServerRequest
        return HttpServerResponse.text(yield* text)
      })
      return {
        routes: HttpRouter.add("POST", "/", Effect.orDie(read)),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, `${head("POST /", "Content-Length: 100")}half`)
          yield* began.heard
          return Effect.fnUntraced(function* (took) {
            assert.match(yield* client.closed, /^HTTP\/1.1 503 /)
            assert.isAtLeast(took, 0.29)
            assert.isBelow(took, soon)
          })
        })
      }
    })
  )

  it.live("app 17: a client that reads nothing of a great response is cut off after grace and mercy", () =>
    compared("client that does not read its response", brief, () => {
      const endless = Stream.forever(Stream.make(new Uint8Array(65_536)))
      const began = word()
      return {
        routes: get("/", Effect.as(began.say, HttpServerResponse.stream(endless))),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, head("GET /"))
          client.socket.pause()
          yield* began.heard
          return Effect.fnUntraced(function* () {
            client.socket.resume()
            yield* client.closed
          })
        })
      }
    })
  )

  it.live("app 16: a WebSocket peer that behaves sees 1001 after grace", () =>
    compared("WebSocket peer that answers Close", merciful, () => ({
      routes: get("/", echo),
      clients: Effect.fnUntraced(function* ({ port }) {
        const client = yield* peer(port, "/")
        assert.strictEqual(yield* client.message, "welcome")
        return Effect.fnUntraced(function* (took) {
          assert.strictEqual(yield* client.code, 1001)
          assert.isAtLeast(took, 0.29)
          assert.isBelow(took, soon, "it does not wait for mercy to end")
        })
      })
    }))
  )

  it.live("app 17: a WebSocket peer that ignores Close gets 1001, and is destroyed after mercy", () =>
    compared("WebSocket peer that ignores Close", brief, () => ({
      routes: get("/", echo),
      clients: Effect.fnUntraced(function* ({ port }) {
        const client = yield* raw(port, handshake("/"))
        yield* client.until(/welcome$/)
        return Effect.fnUntraced(function* (took) {
          const received = yield* client.closed
          assert.include(received, `welcome${goingAway}`)
          assert.isAtLeast(took, 0.59)
        })
      })
    }))
  )

  it.live("app 15: a WebSocket handler that observes the shutdown ends itself within grace, with 1000", () => {
    const observing = Effect.flatMap(Shutdown.Shutdown, (shutdown) => echoUntil(shutdown.await))
    return compared("WebSocket handler that observes the shutdown", patient, () => ({
      routes: get("/", observing),
      clients: Effect.fnUntraced(function* ({ port }) {
        const client = yield* peer(port, "/")
        assert.strictEqual(yield* client.message, "welcome")
        return Effect.fnUntraced(function* (took) {
          assert.strictEqual(yield* client.code, 1000)
          assert.isBelow(took, soon)
        })
      })
    }))
  })

  it.live("app 17: a connection that was upgraded to another protocol is destroyed too", () =>
    compared("raw upgrade that nobody ends", brief, () => ({
      routes: get("/", echo),
      clients: Effect.fnUntraced(function* ({ port }) {
        const client = yield* raw(port, head("GET /", "Connection: Upgrade", "Upgrade: echo"))
        yield* client.until(/ 101 .*welcome/s)
        return Effect.fnUntraced(function* () {
          yield* client.closed
        })
      })
    }))
  )

  it.live("app 16: an answer that does not read its body is not lost to a reset", () =>
    compared("answer before the body was read", patient, (stopping) => {
      const began = word()
      const refusal = HttpServerResponse.text("too large", { status: 413 })
      return {
        routes: HttpRouter.add("POST", "/", Effect.as(Effect.all([began.say, stopping]), refusal)),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, `${head("POST /", "Content-Length: 10000000")}${"x".repeat(1_000_000)}`)
          yield* began.heard
          return Effect.fnUntraced(function* () {
            assert.match(yield* client.closed, /^HTTP\/1.1 413 .*Connection: close.*too large$/is)
            assert.isTrue(client.ended())
          })
        })
      }
    })
  )

  it.live("app 16: a client that waits for 100 Continue during the drain is served", () =>
    compared("Expect: 100-continue while it drains", patient, (stopping) => {
      const began = word()
      const read = Effect.gen(function* () {
        yield* began.say
        yield* stopping
        const { text } = yield* HttpServerRequest.HttpServerRequest
        return HttpServerResponse.text(yield* text)
      })
      return {
        routes: HttpRouter.add("POST", "/", Effect.orDie(read)),
        clients: Effect.fnUntraced(function* ({ port }) {
          const client = yield* raw(port, head("POST /", "Content-Length: 4", "Expect: 100-continue"))
          yield* began.heard
          yield* Effect.forkScoped(Effect.andThen(client.until(/ 100 Continue/), client.write("body")))
          return Effect.fnUntraced(function* (took) {
            assert.match(yield* client.closed, / 100 Continue\r\n\r\nHTTP\/1.1 200 .*Connection: close.*body$/s)
            assert.isBelow(took, soon)
          })
        })
      }
    })
  )

  it.live("app 16: a request that comes during mercy is answered 503, and not handled", () =>
    compared("request that comes during mercy", brief, () => {
      const began = word()
      let late = false
      const stubborn = Effect.uninterruptible(Effect.andThen(began.say, Effect.sleep(tooLong)))
      return {
        routes: Layer.mergeAll(
          get("/stubborn", Effect.as(stubborn, HttpServerResponse.empty())),
          get("/never", Effect.never),
          get(
            "/late",
            Effect.sync(() => {
              late = true
              return HttpServerResponse.text("late")
            })
          )
        ),
        clients: Effect.fnUntraced(function* ({ port }) {
          const half = yield* raw(port, "GET /late HTTP/1.1\r\nHost: te")
          const never = yield* raw(port, head("GET /never"))
          yield* raw(port, head("GET /stubborn"))
          yield* began.heard
          yield* Effect.forkScoped(Effect.andThen(never.closed, half.write("st\r\n\r\n")))
          return Effect.fnUntraced(function* () {
            assert.match(yield* half.closed, /^HTTP\/1.1 503 .*connection: close/is)
            assert.isFalse(late)
          })
        })
      }
    })
  )

  it.live("app 17: all of them together, and 100 requests that never end, take no longer", () =>
    compared("all of them, and 100 requests that never end", brief, () => {
      let running = 0
      const began = word()
      const never = Effect.andThen(
        Effect.suspend(() => (++running === 100 ? began.say : Effect.void)),
        Effect.never
      )
      return {
        routes: Layer.mergeAll(get("/never", never), get("/echo", echo)),
        clients: Effect.fnUntraced(function* ({ port }) {
          const clients = yield* Effect.replicateEffect(raw(port, head("GET /never")), 100)
          const ignoring = yield* Effect.replicateEffect(raw(port, handshake("/echo")), 10)
          yield* Effect.forEach(ignoring, ({ until }) => until(/welcome$/))
          const half = yield* Effect.replicateEffect(raw(port, "GET / HTTP/1.1\r\n"), 10)
          yield* began.heard
          return Effect.fnUntraced(function* () {
            const answers = yield* Effect.forEach(clients, ({ closed }) => closed)
            assert.isTrue(answers.every((answer) => answer.startsWith("HTTP/1.1 503 ")))
            yield* Effect.forEach([...ignoring, ...half], ({ closed }) => closed)
          })
        })
      } satisfies Situation
    })
  )
})
