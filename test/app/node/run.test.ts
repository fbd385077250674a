import { createServer } from "node:net"
import type { AddressInfo, Server } from "node:net"

import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"

import { start } from "./Child.ts"
import { call, head, raw } from "./Clients.ts"

describe.concurrent("NodeApp.run", () => {
  it.live.each(["SIGTERM", "SIGINT"] as const)(
    "app 15: %s shuts down, releases everything and exits with 0",
    (signal) =>
      Effect.gen(function* () {
        const program = yield* start("serves", "0", "60000")
        const port = yield* program.port
        const kept = yield* raw(port, head("GET /"))
        yield* kept.until(/hello$/)
        const slow = yield* raw(port, head("GET /slow"))
        yield* program.wrote(/handling/)
        yield* program.signal(signal)
        const [took, ended] = yield* Effect.timed(program.ended)
        assert.deepStrictEqual(ended, { code: 0, signal: null }, program.output())
        assert.isBelow(Duration.toMillis(took), 30_000)
        assert.match(yield* slow.closed, /Connection: close.*done$/s)
        assert.match(program.output(), /shutdown hook\n.*released\n/s)
      })
  )

  it.live("app 15: Shutdown.notify from a handler shuts down and exits with 0", () =>
    Effect.gen(function* () {
      const program = yield* start("serves")
      const { text } = yield* call(yield* program.port, "/stop")
      assert.strictEqual(text, "bye")
      assert.strictEqual((yield* program.ended).code, 0, program.output())
      assert.match(program.output(), /shutdown hook\n.*released\n/s)
    })
  )

  it.live.each([
    ["SIGTERM", 143],
    ["SIGINT", 130]
  ] as const)("app 16: a second %s exits at once, with %d", ([signal, code]) =>
    Effect.gen(function* () {
      const program = yield* start("serves", "0", "60000")
      yield* raw(yield* program.port, head("GET /never"))
      yield* program.wrote(/handling/)
      yield* program.signal(signal)
      yield* program.wrote(/shutdown hook/)
      // Within 250 ms the same signal counts once: npm and a terminal both pass it on.
      yield* program.signal(signal)
      yield* Effect.sleep("300 millis")
      assert.isFalse(program.output().includes("released"))
      yield* program.signal(signal)
      const [took, ended] = yield* Effect.timed(program.ended)
      assert.strictEqual(ended.code, code)
      assert.isBelow(Duration.toMillis(took), 30_000)
    })
  )

  it.live("app 17: a handler that cannot be interrupted does not hold the process beyond grace and mercy", () =>
    Effect.gen(function* () {
      const program = yield* start("serves")
      const client = yield* raw(yield* program.port, head("GET /stubborn"))
      yield* program.wrote(/handling/)
      yield* program.signal("SIGTERM")
      const [took, ended] = yield* Effect.timed(program.ended)
      assert.strictEqual(ended.code, 70, program.output())
      assert.match(program.output(), /Cut by the stop of "program": GET \/stubborn/)
      assert.isAtLeast(Duration.toMillis(took), 990)
      assert.isBelow(Duration.toMillis(took), 30_000)
      assert.strictEqual(yield* client.closed, "")
    })
  )

  it.live(
    "app 15: a signal during ignition ends it: nothing is bound, its resources are released, and it exits with 0",
    () =>
      Effect.gen(function* () {
        const program = yield* start("ignites")
        yield* program.wrote(/igniting/)
        yield* program.signal("SIGTERM")
        assert.strictEqual((yield* program.ended).code, 0, program.output())
        assert.strictEqual(program.output(), "igniting\nreleased\n")
      })
  )

  it.live("app 16: a second signal exits at once, also when ignition cannot be interrupted", () =>
    Effect.gen(function* () {
      const program = yield* start("insists")
      yield* program.wrote(/igniting/)
      // Signals of one kind that are pending together are one: the two are of different kinds.
      yield* program.signal("SIGTERM")
      yield* program.signal("SIGINT")
      assert.include([130, 143], (yield* program.ended).code)
    })
  )

  it.live("app 15: notified during ignition, it is not bound, and exits with 0", () =>
    Effect.gen(function* () {
      const program = yield* start("tells")
      assert.strictEqual((yield* program.ended).code, 0, program.output())
      assert.strictEqual(program.output(), "released\n")
    })
  )

  it.live("app 7: an ignition that fails exits with 1 and says why, step by step, without a stack", () =>
    Effect.gen(function* () {
      const program = yield* start("fails")
      assert.strictEqual((yield* program.ended).code, 1)
      const output = program.output()
      assert.match(output, /The app "program" did not ignite: nothing was bound/)
      assert.match(output, /database: NoDatabase: No database answers at db\.test\. Start it, or name another/)
      assert.match(output, /config: ConfigError: .*SOME_PORT/s)
      assert.notMatch(output, /\n\s+at .*:\d+:\d+/)
      assert.match(output, /released/)
      assert.notMatch(output, /port \d/)
    })
  )

  it.live("app 9: a port in use exits with 1 and says what to do, and everything acquired is released", () =>
    Effect.gen(function* () {
      const other = yield* Effect.acquireRelease(
        Effect.callback<Server>((resume) => {
          const server = createServer()
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const { port } = other.address() as AddressInfo
      const program = yield* start("serves", String(port))
      assert.strictEqual((yield* program.ended).code, 1)
      assert.match(
        program.output(),
        new RegExp(`The app "program" cannot listen: .*EADDRINUSE.*:${port}\\. Choose another port or host`)
      )
      assert.notMatch(program.output(), /\n\s+at .*:\d+:\d+/)
      assert.match(program.output(), /released/)
    })
  )

  it.live("app 10: a liftoff hook that dies exits with 1, and the shutdown runs", () =>
    Effect.gen(function* () {
      const program = yield* start("dies")
      assert.strictEqual((yield* program.ended).code, 1)
      assert.match(program.output(), /Fairing "dying" died at liftoff.*no moon/s)
      assert.match(program.output(), /shutdown hook\n.*released/s)
    })
  )
})
