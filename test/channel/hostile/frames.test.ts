import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { attacked, memory } from "./Attack.ts"
import * as Raw from "./Raw.ts"

const mib = 1024 * 1024

/** Frames that break RFC 6455, and the close code that each is owed. */
const broken: ReadonlyArray<readonly [what: string, code: number, ...frames: ReadonlyArray<Uint8Array>]> = [
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
    (opcode) => [`of the reserved opcode ${opcode}`, 1002, Raw.frame(opcode, "x")] as const
  ),
  ...[1, 2, 4, 7].map(
    (reserved) => [`with the reserved bits ${reserved}`, 1002, Raw.frame(1, "x", { reserved })] as const
  ),
  ["that is not masked", 1002, Raw.frame(1, "[]", { masked: false })],
  ["that goes on with nothing", 1002, Raw.frame(0, "x")],
  ["that begins a message inside of another", 1002, Raw.frame(1, "[", { fin: false }), Raw.frame(1, "]")],
  ["that is a ping in parts", 1002, Raw.frame(9, "x", { fin: false })],
  ["that is a ping of 126 bytes", 1002, Raw.frame(9, "x".repeat(126))],
  ["that is a pong of 70,000 bytes", 1002, Raw.frame(10, "x".repeat(70_000))],
  ["that is a close of 126 bytes", 1002, Raw.frame(8, Buffer.concat([Buffer.from([3, 232]), Buffer.alloc(124, "x")]))],
  ["that is a close of one byte", 1002, Raw.frame(8, "x")],
  ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535].map(
    (code) => [`that is a close of the code ${code}`, 1002, Raw.frame(8, Buffer.from([code >> 8, code & 255]))] as const
  ),
  ["that is a close whose reason is no UTF-8", 1007, Raw.frame(8, Buffer.from([3, 232, 0xff]))],
  ...(
    [
      ["a lone continuation", [0x80]],
      ["an overlong slash", [0xc0, 0xaf]],
      ["a surrogate", [0xed, 0xa0, 0x80]],
      ["more than Unicode", [0xf4, 0x90, 0x80, 0x80]],
      ["half a character", [0xe2, 0x82]]
    ] as const
  ).map(([what, bytes]) => [`of text that has ${what}`, 1007, Raw.frame(1, Buffer.from(bytes))] as const),
  [
    "of text whose parts are no UTF-8 together",
    1007,
    Raw.frame(1, Buffer.from([0xe2]), { fin: false }),
    Raw.frame(0, Buffer.from([0xff]))
  ],
  ["that claims 2^53 bytes", 1009, Raw.frame(2, "", { claims: 2 ** 53 })],
  ["that claims 2^62 bytes", 1009, Raw.frame(2, "", { claims: 2 ** 62 })]
]

describe.each(["node", "default"] as const)("frames, over the %s upgrade", (upgrade) => {
  it.live("channel 0.4: a breach of RFC 6455 closes its own socket with the right code", () =>
    attacked(
      ({ port }) =>
        Effect.gen(function* () {
          const codes = yield* Effect.forEach(
            broken,
            ([what, , ...frames]) =>
              Effect.gen(function* () {
                const raw = yield* Raw.joined(port, "room:1")
                raw.send(...frames)
                return [what, yield* raw.ended]
              }),
            { concurrency: 8 }
          )
          assert.deepStrictEqual(
            codes,
            broken.map(([what, code]) => [what, code])
          )
        }),
      { upgrade }
    )
  )

  it.live("channel 0.4: a frame that breaks off ends with its connection", () =>
    attacked(
      ({ port }) =>
        Effect.gen(function* () {
          const whole = Raw.push("room:1", "echo", "x".repeat(300))
          for (const length of [1, 3, 6, 100, whole.length - 1]) {
            const raw = yield* Raw.joined(port, "room:1")
            raw.send(whole.subarray(0, length))
            raw.socket.end()
            assert.isUndefined(yield* raw.ended)
            assert.isUndefined(raw.messages().find((message) => message[1] === "2"))
          }
        }),
      { upgrade }
    )
  )

  it.live("channel 0.4: a frame may come one byte at a time, in many parts, and with pings in between", () =>
    attacked(
      ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* Raw.joined(port, "room:1")
          for (const byte of Raw.push("room:1", "echo", "in bytes")) raw.send(Uint8Array.of(byte))
          const message = JSON.stringify([null, "3", "room:1", "echo", "in parts"])
          raw.send(Raw.frame(1, "", { fin: false }))
          for (const unit of message) raw.send(Raw.frame(0, unit, { fin: false }), Raw.frame(9, "?"))
          raw.send(Raw.frame(0, ""))
          assert.strictEqual((yield* raw.answer("2")).response, "in bytes")
          assert.strictEqual((yield* raw.answer("3")).response, "in parts")
          yield* raw.until(() => raw.opcodes.includes(10), "a pong")
        }),
      { upgrade }
    )
  )

  it.live("channel 0.4: a message of endless parts is closed before it is large", () =>
    attacked(
      ({ port }) =>
        Effect.gen(function* () {
          const before = memory()
          for (const part of ["", "x"]) {
            const raw = yield* Raw.joined(port, "room:1")
            raw.send(Raw.frame(1, "", { fin: false }))
            const parts = Buffer.concat(Array.from({ length: 10_000 }, () => Raw.frame(0, part, { fin: false })))
            for (let times = 0; times < 10; times++) raw.send(parts)
            assert.strictEqual(yield* raw.ended, 1008)
          }
          assert.isBelow(memory() - before, 8 * mib)
        }),
      { upgrade }
    )
  )
})

describe("large frames", () => {
  const maxFrame = 1000
  const sized = (bytes: number) => {
    const empty = JSON.stringify([null, "2", "room:1", "echo", ""]).length
    return Raw.push("room:1", "echo", "x".repeat(bytes - empty))
  }

  it.live.each(["node", "default"] as const)(
    "channel 0.4: a frame of maxFrame bytes is taken, one of a byte more is closed with 1009, over the %s upgrade",
    (upgrade) =>
      attacked(
        ({ port }) =>
          Effect.gen(function* () {
            const taken = yield* Raw.joined(port, "room:1")
            taken.send(sized(maxFrame))
            assert.strictEqual((yield* taken.answer("2")).status, "ok")
            const refused = yield* Raw.joined(port, "room:1")
            refused.send(sized(maxFrame + 1), Raw.push("room:1", "echo", "behind it", "3"))
            assert.strictEqual(yield* refused.ended, 1009)
            assert.lengthOf(refused.messages(), 1)
          }),
        { upgrade, maxFrameBytes: maxFrame }
      )
  )

  it.live.each(["node", "default"] as const)(
    "channel 0.4: the bytes of a text count, not its characters, over the %s upgrade",
    (upgrade) =>
      attacked(
        ({ port }) =>
          Effect.gen(function* () {
            const raw = yield* Raw.joined(port, "room:1")
            raw.send(Raw.push("room:1", "echo", "€".repeat(400)))
            assert.strictEqual(yield* raw.ended, 1009)
            assert.lengthOf(raw.messages(), 1)
          }),
        { upgrade, maxFrameBytes: maxFrame }
      )
  )

  it.live("channel 0.4: a frame too large is refused by its header: nothing of its body is waited for", () =>
    attacked(
      ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* Raw.joined(port, "room:1")
          raw.send(Raw.frame(1, "", { claims: maxFrame + 1 }))
          assert.strictEqual(yield* raw.ended, 1009)
        }),
      { maxFrameBytes: maxFrame }
    )
  )

  it.live("channel 0.4: a message too large in all its parts is closed with 1009", () =>
    attacked(
      ({ port }) =>
        Effect.gen(function* () {
          const raw = yield* Raw.joined(port, "room:1")
          raw.send(Raw.frame(1, "x".repeat(600), { fin: false }), Raw.frame(0, "x".repeat(600)))
          assert.strictEqual(yield* raw.ended, 1009)
        }),
      { maxFrameBytes: maxFrame }
    )
  )
})
