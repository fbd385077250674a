import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { attacked, eventually, memory } from "./Attack.ts"
import * as Raw from "./Raw.ts"

const mib = 1024 * 1024

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Succeeds when a figure of the server is this. */
const reaches = (figure: () => number, expected: number) => eventually(Effect.sync(figure), (now) => now === expected)

const replies = (raw: Raw.Raw) => raw.messages().filter((message) => message[3] === "phx_reply")

describe("floods", () => {
  it.live("channel 1.1: of 100,000 topics that a socket joins, a hundred are joined and the others are refused", () =>
    attacked(({ counts, port, works }) =>
      Effect.gen(function* () {
        const raw = yield* Raw.connecting(port)
        yield* raw.opened
        const count = 100_000
        for (let start = 0; start < count; start += 10_000) {
          raw.send(Buffer.concat(numbers(10_000).map((n) => Raw.join(`room:${start + n}`, {}, `${start + n}`))))
          yield* raw.until(() => raw.opcodes.length >= start + 10_000, "all answers")
          yield* works
        }
        const answers = replies(raw).map((message) => message[4].status)
        assert.lengthOf(answers, count)
        assert.isTrue(answers.every((status, index) => status === (index < 100 ? "ok" : "error")))
        assert.strictEqual(counts.members, 101)
      })
    )
  )

  it.live("channel 1.5: 10,000 joins of a topic leave one joined channel", () =>
    attacked(({ counts, port, works }) =>
      Effect.gen(function* () {
        const raw = yield* Raw.connecting(port)
        yield* raw.opened
        const count = 10_000
        raw.send(Buffer.concat(numbers(count).map((n) => Raw.join("room:1", {}, `${n}`))))
        yield* raw.until(() => raw.opcodes.length >= 2 * count - 1, "all answers")
        yield* works
        assert.strictEqual(replies(raw).filter((message) => message[4].status === "ok").length, count)
        const closes = raw.messages().filter((message) => message[3] === "phx_close")
        assert.deepStrictEqual(
          closes.map((message) => message[0]),
          numbers(count - 1).map(String)
        )
        assert.strictEqual(counts.members, 2)
        assert.strictEqual(counts.topics.get("room:1"), 1)
      })
    )
  )

  it.live("channel2 1.3: messages for a stuck handler are answered busy beyond the limit, and hold no memory", () =>
    attacked(
      ({ counts, gate, port, works }) =>
        Effect.gen(function* () {
          const raw = yield* Raw.joined(port, "room:1")
          const before = memory()
          const count = 5000
          const filler = "x".repeat(10_000)
          for (let start = 0; start < count; start += 500) {
            raw.send(...numbers(500).map((n) => Raw.push("room:1", "stuck", { filler }, `s${start + n}`)))
            yield* reaches(() => counts.begun, 1)
            yield* works
          }
          raw.send(Raw.push("phoenix", "heartbeat", {}, "beat"))
          yield* raw.answer("beat")
          const busy = replies(raw).filter((message) => message[4].response.reason === "busy")
          assert.lengthOf(busy, count - 21)
          assert.isBelow(memory() - before, 16 * mib)
          yield* gate.open
          yield* raw.answer("s20")
        }),
      { maxPendingMessages: 20 }
    )
  )

  it.live("channel2 1.3: large messages that wait are bounded by their bytes", () =>
    attacked(({ counts, gate, port }) =>
      Effect.gen(function* () {
        const raw = yield* Raw.joined(port, "room:1")
        const flood = numbers(40).map((n) => Raw.push("room:1", "stuck", `${n}${"x".repeat(mib / 2 - 100)}`, `s${n}`))
        raw.send(...flood)
        yield* reaches(() => counts.begun, 1)
        yield* raw.answer("s39")
        assert.lengthOf(replies(raw), 38)
        yield* gate.open
        yield* raw.answer("s2")
      })
    )
  )

  it.live("channel2 1.3: joins that wait for a stuck one are bounded too, and end with their socket", () =>
    attacked(
      (target) =>
        Effect.gen(function* () {
          const raw = yield* Raw.connecting(target.port)
          yield* raw.opened
          raw.send(Buffer.concat(numbers(100).map((n) => Raw.join("room:1", { stuck: true }, `${n}`))))
          yield* reaches(() => target.counts.begun, 1)
          yield* raw.answer("99")
          assert.isTrue(replies(raw).every((message) => message[4].response.reason === "busy"))
        }),
      { maxPendingMessages: 20 }
    )
  )

  it.live.each(["destroy", "resetAndDestroy"] as const)(
    "channel2 1.4: a socket with a stuck handler ends when its client is gone (%s)",
    (end) =>
      attacked(
        ({ counts, hub, port }) =>
          Effect.gen(function* () {
            const raw = yield* Raw.joined(port, "room:1")
            raw.send(...numbers(2000).map((n) => Raw.push("room:1", "stuck", "x".repeat(1000), `s${n}`)))
            yield* reaches(() => counts.begun, 1)
            raw.socket[end]()
            yield* reaches(() => hub.sockets.size, 1)
          }),
        { maxPendingMessages: 20 }
      )
  )

  it.live("channel 1.4: heartbeats whose answers nobody reads close their socket, and hold no memory", () =>
    attacked(({ counts, hub, port, works }) =>
      Effect.gen(function* () {
        const before = memory()
        const raw = yield* Raw.joined(port, "room:1")
        raw.socket.pause()
        const beats = Buffer.concat(numbers(1000).map((n) => Raw.push("phoenix", "heartbeat", {}, `${n}`)))
        while (counts.members === 2) {
          raw.send(beats)
          yield* works
        }
        raw.socket.resume()
        assert.strictEqual(yield* raw.ended, 1013)
        yield* reaches(() => hub.sockets.size, 1)
        assert.isBelow(memory() - before, 16 * mib)
      })
    )
  )

  it.live("channel 0.4: pings whose answers nobody reads cut their socket off", () =>
    attacked(({ hub, port, works }) =>
      Effect.gen(function* () {
        const raw = yield* Raw.joined(port, "room:1")
        raw.socket.pause()
        const pings = Buffer.concat(numbers(1000).map(() => Raw.frame(9, "x".repeat(125))))
        while (hub.sockets.size === 2) {
          raw.send(pings)
          yield* works
        }
        assert.isUndefined(yield* raw.ended)
      })
    )
  )
})
