import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { attacked, eventually, memory } from "./Attack.ts"
import type { Target } from "./Attack.ts"
import * as Raw from "./Raw.ts"
import type { Setting } from "./Served.ts"

const mib = 1024 * 1024
const filler = "x".repeat(20_000)
const count = 2500

/** Broadcasts to everybody, no faster than the client that reads can read. */
const broadcasting = ({ heard, publish, works }: Target) =>
  Effect.gen(function* () {
    for (let n = 0; n < count;) {
      for (let more = 0; more < 25; more++) {
        publish({ topic: "room:calm", event: "said", payload: { n: n++, filler } })
      }
      yield* works
      yield* eventually(Effect.sync(heard), (all) => all.length === n)
    }
  })

const numbersOf = (messages: ReadonlyArray<unknown>) => messages.map((message) => (message as { readonly n: number }).n)

/** A client that reads nothing until all is broadcast: what it has got then, and what it was closed with. */
const slow = (
  slowReader: Setting["slowReader"],
  check: (raw: Raw.Raw, target: Target) => Effect.Effect<void, never, any>
) =>
  attacked(
    (target) =>
      Effect.gen(function* () {
        const before = memory()
        const raw = yield* Raw.joined(target.port, "room:calm")
        raw.socket.pause()
        yield* broadcasting(target)
        assert.deepStrictEqual(
          numbersOf(target.heard()),
          Array.from({ length: count }, (_, n) => n)
        )
        // The client that reads has kept its 50 MB; what nobody reads would be as much again.
        assert.isBelow(memory() - before, count * 20_000 + 20 * mib)
        raw.socket.resume()
        yield* check(raw, target) as Effect.Effect<void>
      }),
    slowReader === undefined ? {} : { slowReader }
  )

const got = (raw: Raw.Raw) =>
  numbersOf(
    raw
      .messages()
      .filter((message) => message[3] === "said")
      .map(([, , , , all]) => all)
  )

/** All that was sent has come when the answer to a message behind it has. */
const last = (raw: Raw.Raw) => {
  raw.send(Raw.push("room:calm", "echo", {}, "last"))
  return raw.answer("last")
}

describe("slow readers", () => {
  it.live("channel 0.7: a client that does not read is closed with 1013, and the others get all in order", () =>
    slow(undefined, (raw, { hub }) =>
      Effect.gen(function* () {
        assert.strictEqual(yield* raw.ended, 1013)
        const numbers = got(raw)
        assert.isBelow(numbers.length, count)
        assert.deepStrictEqual(
          numbers,
          numbers.map((_, index) => index)
        )
        yield* eventually(
          Effect.sync(() => hub.sockets.size),
          (size) => size === 1
        )
      })
    )
  )

  it.live("channel 0.7: with drop-newest it gets the beginning, and later messages after the gap", () =>
    slow({ onOverflow: "drop-newest", maxMessages: 50 }, (raw, { publish }) =>
      Effect.gen(function* () {
        yield* last(raw)
        const numbers = got(raw)
        assert.isAtLeast(numbers.length, 50)
        assert.isBelow(numbers.length, count)
        assert.deepStrictEqual(
          numbers,
          numbers.map((_, index) => index)
        )
        publish({ topic: "room:calm", event: "said", payload: { n: count, filler } })
        yield* raw.until(() => got(raw).at(-1) === count, "what is sent anew")
      })
    )
  )

  it.live("channel 0.7: with drop-oldest it gets the end, in order", () =>
    slow({ onOverflow: "drop-oldest", maxBytes: 60 * 20_100 }, (raw) =>
      Effect.gen(function* () {
        yield* last(raw)
        const numbers = got(raw)
        assert.isBelow(numbers.length, count)
        const behind = numbers.slice(-50)
        assert.deepStrictEqual(
          behind,
          behind.map((_, index) => count - 50 + index)
        )
        assert.deepStrictEqual(
          numbers,
          numbers.toSorted((a, b) => a - b)
        )
      })
    )
  )

  it.live("channel 0.7: a slow reader cut while messages wait for it leaves nothing", () =>
    attacked(
      (target) =>
        Effect.gen(function* () {
          const raw = yield* Raw.joined(target.port, "room:calm")
          raw.socket.pause()
          yield* broadcasting(target)
          raw.socket.resetAndDestroy()
          yield* eventually(
            Effect.sync(() => target.hub.sockets.size),
            (size) => size === 1
          )
        }),
      { slowReader: { onOverflow: "drop-oldest", maxMessages: 50 } }
    )
  )

  it.live.each([
    ["drop-newest", [0, 1, 2, 3, 4, 5]],
    ["drop-oldest", [0, 995, 996, 997, 998, 999]],
    ["close", undefined]
  ] as const)("channel 0.7: broadcasts that wait to be intercepted are bounded as well: %s", ([policy, kept]) =>
    attacked(
      ({ counts, gate, port, publish, works }) =>
        Effect.gen(function* () {
          const raw = yield* Raw.joined(port, "room:1")
          for (let n = 0; n < 1000; n++) publish({ topic: "room:1", event: "held", payload: n })
          yield* works
          if (kept === undefined) {
            // The channel alone ends: that its broadcasts wait is not its client's fault.
            assert.strictEqual(counts.members, 1)
            yield* raw.until(
              () => raw.messages().some((message) => message[3] === "phx_error"),
              "the end of the channel"
            )
            raw.send(Raw.push("phoenix", "heartbeat", {}, "beat"))
            yield* raw.answer("beat")
            return
          }
          yield* gate.open
          raw.send(Raw.push("room:1", "echo", {}, "last"))
          yield* raw.answer("last")
          const held = raw.messages().filter((message) => message[3] === "held")
          assert.deepStrictEqual(
            held.map((message) => message[4]),
            [...kept]
          )
        }),
      { slowReader: { onOverflow: policy, maxMessages: 5 } }
    )
  )
})
