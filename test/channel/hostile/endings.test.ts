import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { attacked, eventually } from "./Attack.ts"
import * as Raw from "./Raw.ts"

const reaches = (figure: () => number, expected: number) => eventually(Effect.sync(figure), (now) => now === expected)

const ends = {
  "says goodbye": (raw: Raw.Raw) => raw.send(Raw.frame(8, Buffer.from([3, 232]))),
  "ends its connection": (raw: Raw.Raw) => raw.socket.end(),
  "breaks its connection": (raw: Raw.Raw) => raw.socket.destroy(),
  "resets its connection": (raw: Raw.Raw) => raw.socket.resetAndDestroy(),
  "breaks the protocol": (raw: Raw.Raw) => raw.send(Raw.frame(3, "x")),
  "sends no message": (raw: Raw.Raw) => raw.send(Raw.frame(1, "x"))
}

describe.each(["node", "default"] as const)("endings, over the %s upgrade", (upgrade) => {
  it.live.each(Object.entries(ends))("channel 0.3: a client that %s in the midst of a join leaves nothing", ([, end]) =>
    attacked(
      ({ counts, port }) =>
        Effect.gen(function* () {
          const raw = yield* Raw.connecting(port)
          yield* raw.opened
          raw.send(Raw.join("room:1", { stuck: true }), Raw.join("room:2", { stuck: true }))
          yield* reaches(() => counts.handlers, 2)
          end(raw)
          yield* reaches(() => counts.handlers, 0)
          yield* reaches(() => counts.members, 1)
        }),
      { upgrade }
    )
  )

  it.live.each(Object.entries(ends))(
    "channel 0.3: a client that %s in the midst of a handler leaves nothing",
    ([, end]) =>
      attacked(
        ({ counts, port }) =>
          Effect.gen(function* () {
            const raw = yield* Raw.joined(port, "room:1")
            raw.send(Raw.push("room:1", "stuck"), Raw.push("room:1", "stuck"), Raw.push("room:1", "shout"))
            yield* reaches(() => counts.begun, 1)
            end(raw)
            yield* reaches(() => counts.handlers, 0)
            yield* reaches(() => counts.members, 1)
            // What waited behind it is not begun.
            assert.strictEqual(counts.begun, 1)
          }),
        { upgrade }
      )
  )

  it.live.each(Object.entries(ends))(
    "channel 0.3: a client that %s in the midst of broadcasts takes nothing from the others",
    ([, end]) =>
      attacked(
        ({ counts, heard, port, publish, works }) =>
          Effect.gen(function* () {
            const others = yield* Effect.forEach([1, 2, 3], () => Raw.joined(port, "room:calm"))
            for (let n = 0; n < 60; n++) {
              publish({ topic: "room:calm", event: "said", payload: n })
              if (n % 20 === 10) end(others[(n - 10) / 20]!)
              yield* works
            }
            assert.deepStrictEqual(
              heard(),
              Array.from({ length: 60 }, (_, n) => n)
            )
            yield* reaches(() => counts.members, 1)
          }),
        { upgrade }
      )
  )

  it.live("channel 0.3: a client whose channel crashes in every message keeps its socket, and others theirs", () =>
    attacked(
      ({ counts, port, works }) =>
        Effect.gen(function* () {
          const raw = yield* Raw.joined(port, "room:1")
          for (let n = 0; n < 100; n++) {
            raw.send(Raw.push("room:1", "crash", {}, null), Raw.join("room:1", {}, `j${n}`))
            yield* raw.answer(`j${n}`)
          }
          yield* works
          assert.lengthOf(
            raw.messages().filter((message) => message[3] === "phx_error"),
            100
          )
          assert.strictEqual(counts.members, 2)
        }),
      { upgrade }
    )
  )
})

describe("silent peers", () => {
  it.live("channel 1.1: a half-open connection is closed with 1002 when it has been silent for too long", () =>
    attacked(({ counts, hub, port }) =>
      Effect.gen(function* () {
        const raw = yield* Raw.joined(port, "room:1")
        raw.socket.pause()
        // What the sweeper does, for the one that is silent.
        const [, silent] = hub.sockets
        silent!.sweep(Infinity)
        assert.strictEqual(counts.members, 1)
        raw.socket.resume()
        assert.strictEqual(yield* raw.ended, 1002)
      })
    )
  )

  it.live(
    "channel 0.4: a client that ignores a Close is cut off after 5 seconds, whoever began to close",
    () =>
      attacked(({ disconnect, port, works }) =>
        Effect.gen(function* () {
          const quiet = (first: string) => Raw.connecting(port, first, { ignoresClose: true })
          const [told, wrong] = [yield* quiet(Raw.handshake()), yield* quiet(Raw.handshake())]
          for (const raw of [told, wrong]) {
            yield* raw.opened
            raw.send(Raw.join("room:1"))
            yield* raw.answer("1")
          }
          // The one that keeps the rules was the first.
          disconnect("socket:2")
          wrong.send(Raw.frame(3, "x"))
          assert.strictEqual(yield* told.ended, 1001)
          assert.strictEqual(yield* wrong.ended, 1002)
          yield* works
        })
      ),
    30_000
  )
})
