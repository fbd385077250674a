import { connect } from "node:net"

import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"

import { slowness } from "../kit/Slowness.ts"
import { dataFile, furnish, readAll, start } from "./Process.ts"
import type { Harbour } from "./Process.ts"

const path = "/api/rooms/quay/messages"

/** Sends raw bytes on a connection that stays open, and gives what comes back until it closes. */
const raw = (harbour: Harbour, bytes: string) =>
  Effect.gen(function* () {
    const socket = connect(harbour.port, "127.0.0.1")
    let received = ""
    socket.setEncoding("utf8").on("data", (chunk) => (received += chunk))
    const closed = new Promise<string>((resolve) =>
      socket.once("error", () => {}).once("close", () => resolve(received))
    )
    yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
    yield* Effect.promise(() => new Promise<void>((resolve) => socket.write(bytes, () => resolve())))
    return { received: Effect.promise(() => closed) }
  })

/** What a new connection comes to. */
const connecting = (harbour: Harbour) =>
  Effect.callback<string>((resume) => {
    const socket = connect(harbour.port, "127.0.0.1")
    socket.once("error", (error) => resume(Effect.succeed("code" in error ? String(error.code) : error.message)))
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed("connected"))
    })
    return Effect.sync(() => socket.destroy())
  })

/** Sends SIGTERM to the group and gives how it ended, and after how long. */
const terminate = (harbour: Harbour) =>
  Effect.gen(function* () {
    yield* harbour.signal("SIGTERM")
    return yield* harbour.ended
  }).pipe(Effect.timed)

describe.concurrent("stop", () => {
  it.live(
    "harbour: requests in flight at SIGTERM complete, no new connection is taken, and the data is whole after a restart",
    Effect.fn(function* () {
      const data = yield* dataFile
      const harbour = yield* start(data, "steered")
      const token = yield* furnish(harbour, "quay")
      const calls = yield* Effect.forEach([1, 2, 3, 4, 5], () =>
        Effect.gen(function* () {
          const call = yield* Effect.forkChild(harbour.call("POST", path, { token, body: { text: "wait" } }))
          assert.strictEqual(yield* harbour.heard, "held")
          return call
        })
      )
      const ended = yield* Effect.forkChild(terminate(harbour))
      yield* harbour.wrote(/Harbour is stopping/)
      // The line is written just before the listening ends, while the requests are still held.
      yield* connecting(harbour).pipe(
        Effect.repeat({ until: (outcome) => outcome === "ECONNREFUSED" }),
        Effect.timeout("1 minute")
      )
      yield* harbour.tell("go")
      const answers = yield* Fiber.joinAll(calls)
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [201, 201, 201, 201, 201]
      )
      const [took, end] = yield* Fiber.join(ended)
      assert.deepStrictEqual(end, { code: 0, signal: null }, harbour.output())
      // Sooner than the 3 s of grace: connections that the answers came on did not hold it.
      assert.isBelow(Duration.toMillis(took), 3000 * slowness())

      const again = yield* start(data)
      const stored = yield* readAll(again, "quay")
      assert.sameMembers(
        stored.map(({ id }) => id),
        answers.map(({ json }) => json.id)
      )
    })
  )

  it.live(
    "harbour: a request that never ends is interrupted at SIGTERM and answered 503, and the process ends within 5 s",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile, "steered")
      const token = yield* furnish(harbour, "quay")
      const call = yield* Effect.forkChild(harbour.call("POST", path, { token, body: { text: "stuck" } }))
      assert.strictEqual(yield* harbour.heard, "held")
      const [took, end] = yield* terminate(harbour)
      assert.isBelow(Duration.toMillis(took), 5000 * slowness())
      assert.strictEqual(end.code, 70, harbour.output())
      assert.strictEqual(yield* harbour.heard, "interrupted")
      assert.strictEqual((yield* Fiber.join(call)).status, 503)
      assert.match(harbour.output(), /POST \/api\/rooms\/quay\/messages 503/)
    })
  )

  it.live(
    "harbour: a request that cannot even be interrupted does not hold the process beyond 5 s of SIGTERM",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile, "steered")
      const token = yield* furnish(harbour, "quay")
      const call = yield* Effect.forkChild(Effect.exit(harbour.call("POST", path, { token, body: { text: "iron" } })))
      assert.strictEqual(yield* harbour.heard, "held")
      const [took, end] = yield* terminate(harbour)
      assert.isBelow(Duration.toMillis(took), 5000 * slowness())
      assert.strictEqual(end.code, 70, harbour.output())
      assert.notMatch(harbour.output(), /steered: interrupted/)
      yield* Fiber.join(call)
    })
  )

  it.live(
    "harbour: readiness is 200, and 503 from SIGTERM on, while Harbour serves for the readiness delay and then stops",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile, "main", { READINESS_DELAY: "1 second" })
      const ready = yield* harbour.call("GET", "/ready")
      assert.deepStrictEqual([ready.status, ready.json], [200, { status: "ready", checks: { storage: "up" } }])
      const ended = yield* Effect.forkChild(terminate(harbour))
      const told = yield* harbour.call("GET", "/ready").pipe(Effect.repeat({ until: ({ status }) => status !== 200 }))
      assert.deepStrictEqual([told.status, told.json], [503, { status: "stopping" }])
      assert.strictEqual((yield* harbour.call("GET", "/live")).status, 200)
      assert.strictEqual((yield* harbour.call("GET", "/api/rooms")).status, 200)
      const [took, end] = yield* Fiber.join(ended)
      assert.deepStrictEqual(end, { code: 0, signal: null }, harbour.output())
      assert.isAtLeast(Duration.toMillis(took), 1000)
      assert.isBelow(Duration.toMillis(took), 5000 * slowness())
    })
  )

  it.live("app2 1.8: SIGTERM to npm itself stops Harbour, which ends before npm does", () =>
    Effect.gen(function* () {
      const harbour = yield* start(yield* dataFile, "npm")
      yield* harbour.signalOne("SIGTERM")
      yield* harbour.ended
      assert.match(harbour.output(), /The app \\?"harbour\\?" stopped after/)
    })
  )

  it.live(
    "harbour: npm start prints its pipeline and address, and its process group stops within 5 s of SIGTERM with connections open",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile, "npm")
      const output = yield* harbour.wrote(/http:\/\//)
      for (const stage of ["accessLog", "bodyLimit", "harbour/Authenticate", "catchDefect", "securityHeaders"]) {
        assert.include(output, stage)
      }
      const kept = yield* raw(harbour, "GET /api/rooms HTTP/1.1\r\nHost: harbour\r\n\r\n")
      const halfBody = yield* raw(
        harbour,
        'POST /api/tokens HTTP/1.1\r\nHost: harbour\r\nContent-Length: 100\r\n\r\n{"name": "'
      )
      const halfHead = yield* raw(harbour, "GET /api/rooms HTTP/1.1\r\nHost: har")
      yield* harbour.wrote(/GET \/api\/rooms 200/)
      const [took] = yield* terminate(harbour)
      assert.isBelow(Duration.toMillis(took), 5000 * slowness())
      assert.match(yield* kept.received, /^HTTP\/1.1 200 /)
      assert.match(yield* halfBody.received, /^HTTP\/1.1 503 /)
      assert.strictEqual(yield* halfHead.received, "")
    })
  )
})
