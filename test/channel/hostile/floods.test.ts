import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { attacked, eventually, memory } from "./Attack.ts"
import type { Target } from "./Attack.ts"
import * as Raw from "./Raw.ts"

const mib = 1024 * 1024

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Succeeds when a figure of the server is this. */
const reaches = (figure: () => number, expected: number) => eventually(Effect.sync(figure), (now) => now === expected)

/** Whether the server reads every socket but the one of the client that keeps the rules. */
const read = ({ hub }: Target) => Array.from(hub.connections).filter(({ reads }) => reads).length

const replies = (raw: Raw.Raw) => raw.messages().filter((message) => message[3] === "phx_reply")

describe("floods", { timeout: 60_000 }, () => {
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

  it.live("channel 1.5: a topic that is joined 10,000 times is joined once", () =>
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

  it.live("channel 0.4: a socket whose messages wait for a stuck handler is read no further, and then read on", () =>
    attacked(
      (target) =>
        Effect.gen(function* () {
          const { counts, gate, port, works } = target
          const raw = yield* Raw.joined(port, "room:1")
          const count = 5000
          const filler = "x".repeat(10_000)
          const flood = numbers(count).map((n) => Raw.push("room:1", "stuck", { n, filler }, `s${n}`))
          raw.send(...flood)
          yield* reaches(() => counts.begun, 1)
          yield* reaches(() => read(target), 1)
          yield* works
          // The most of it is still with the client: the operating system holds the rest.
          assert.isAbove(raw.socket.writableLength, 35 * mib)
          yield* gate.open
          yield* raw.answer(`s${count - 1}`)
          assert.deepStrictEqual(
            replies(raw).map((message) => message[1]),
            ["1", ...numbers(count).map((n) => `s${n}`)]
          )
          assert.strictEqual(read(target), 2)
        }),
      { maxPending: 20 }
    )
  )

  it.live("channel 0.4: large messages that wait are bounded by their bytes", () =>
    attacked((target) =>
      Effect.gen(function* () {
        const { counts, gate, port } = target
        const raw = yield* Raw.joined(port, "room:1")
        const flood = numbers(40).map((n) => Raw.push("room:1", "stuck", `${n}${"x".repeat(mib - 100)}`, `s${n}`))
        raw.send(...flood)
        yield* reaches(() => counts.begun, 1)
        yield* reaches(() => read(target), 1)
        assert.isAbove(raw.socket.writableLength, 20 * mib)
        yield* gate.open
        yield* raw.answer("s39")
      })
    )
  )

  it.live("channel 0.4: joins that wait for a stuck one are bounded too, and end with their socket", () =>
    attacked(
      (target) =>
        Effect.gen(function* () {
          const raw = yield* Raw.connecting(target.port)
          yield* raw.opened
          raw.send(Buffer.concat(numbers(100).map((n) => Raw.join("room:1", { stuck: true }, `${n}`))))
          yield* reaches(() => target.counts.begun, 1)
          yield* reaches(() => read(target), 1)
        }),
      { maxPending: 20 }
    )
  )

  it.live.each(["destroy", "resetAndDestroy"] as const)(
    "channel 0.4: a socket that is not read for its stuck handler is given up when its client is gone (%s)",
    (end) =>
      attacked(
        (target) =>
          Effect.gen(function* () {
            const { counts, hub, port, works } = target
            const raw = yield* Raw.joined(port, "room:1")
            raw.send(...numbers(2000).map((n) => Raw.push("room:1", "stuck", "x".repeat(1000), `s${n}`)))
            yield* reaches(() => counts.begun, 1)
            yield* reaches(() => read(target), 1)
            raw.socket[end]()
            // It is asked whether it is there, as the sweeper asks it when it has been silent for too long.
            while (hub.connections.size === 2) {
              for (const connection of hub.connections) if (!connection.reads) connection.sweep(Infinity)
              yield* works
            }
          }),
        { maxPending: 20 }
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
        yield* reaches(() => hub.connections.size, 1)
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
        while (hub.connections.size === 2) {
          raw.send(pings)
          yield* works
        }
        assert.isUndefined(yield* raw.ended)
      })
    )
  )
})
