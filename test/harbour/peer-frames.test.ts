/** The frames between two Harbours, from a stream that cuts them anywhere. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import type { EndpointConnection } from "fairlead/endpoint"
import * as fc from "fast-check"

import { limits } from "../../examples/harbour/Domain.ts"
import { BadFrame, encode, reader } from "../../examples/harbour/PeerFrames.ts"
import { Known, Origin } from "../../examples/harbour/PeerNews.ts"
import type { News } from "../../examples/harbour/PeerNews.ts"

/** A stream of these bytes, in pieces of these sizes, again and again, and how much of it was read. */
const streamOf = (bytes: Uint8Array, sizes: ReadonlyArray<number> = [bytes.length]) => {
  let [at, turn] = [0, 0]
  const recv: EndpointConnection.RecvStream = {
    read: () =>
      Effect.sync(() => {
        if (at >= bytes.length) return Option.none()
        const piece = bytes.slice(at, at + Math.max(1, sizes[turn++ % sizes.length] ?? 1))
        at += piece.length
        return Option.some(piece)
      }),
    stop: () => Effect.void
  }
  return { recv, read: () => at }
}

const all = (recv: EndpointConnection.RecvStream) =>
  Effect.gen(function* () {
    const next = reader(recv)
    const frames: Array<Known | News> = []
    for (let frame = yield* next; Option.isSome(frame); frame = yield* next) frames.push(frame.value)
    return frames
  })

const head = (size: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(size)
  return bytes
}

const framed = (body: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(body as string)
  return Buffer.concat([head(bytes.length), bytes])
}

const last = fc
  .array(fc.tuple(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), fc.integer({ min: 1 })), { maxLength: 3 })
  .map((entries) =>
    Object.fromEntries(entries.map(([n, number]) => [Origin.make(n.toString(16).padStart(32, "0")), number]))
  )
const known = fc.record({ rooms: last, messages: last }).map((value) => Known.make(value))

describe("the frames of peers", () => {
  it.effect("harbour: frames are read as they were written, however the stream cuts them", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(known, { maxLength: 4 }),
          fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
          async (frames, sizes) => {
            const { recv } = streamOf(Buffer.concat(frames.map(encode)), sizes)
            assert.deepStrictEqual(await Effect.runPromise(all(recv)), frames)
          }
        )
      )
    )
  )

  it.effect("harbour: whatever bytes come, they are frames or a BadFrame", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.oneof(
            fc.uint8Array({ maxLength: 300 }),
            fc.uint8Array({ maxLength: 300 }).map(framed),
            fc.json().map(framed),
            fc.tuple(known, fc.nat(), fc.nat({ max: 255 })).map(([frame, at, byte]) => {
              const bytes = encode(frame)
              bytes[at % bytes.length] = byte
              return bytes
            })
          ),
          async (bytes) => {
            const outcome = await Effect.runPromise(Effect.result(all(streamOf(bytes, [7]).recv)))
            if (outcome._tag === "Failure") assert.instanceOf(outcome.failure, BadFrame)
          }
        )
      )
    )
  )

  it.effect("harbour: a too long frame is refused by its length alone", () =>
    Effect.gen(function* () {
      const { read, recv } = streamOf(Buffer.concat([head(limits.peer.frame + 1), Buffer.alloc(1000)]), [4])
      assert.strictEqual(
        (yield* Effect.flip(all(recv))).message,
        "not the protocol harbour/1: a frame has 1 to 1048576 bytes"
      )
      assert.strictEqual(read(), 4)
    })
  )

  it.effect.each([
    ["nothing", head(0), "a frame has 1 to 1048576 bytes"],
    ["half a length", head(9).subarray(0, 2), "a frame has 1 to 1048576 bytes"],
    ["a cut frame", framed("{}").subarray(0, 5), "a frame is cut off"],
    ["no UTF-8", framed(Uint8Array.of(0xff)), "a frame is not UTF-8"],
    ["no JSON", framed("<secret>"), "a frame is not what it should be"],
    ["another frame", framed('{"_tag":"Secret"}'), "a frame is not what it should be"]
  ] as const)("harbour: %s is refused with a reason that does not repeat it", ([, bytes, reason]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(all(streamOf(bytes).recv))
      assert.strictEqual(error.message, `not the protocol harbour/1: ${reason}`)
    })
  )

  it.effect("harbour: positions of an invalid origin are passed over, and more origins than agreed are refused", () =>
    Effect.gen(function* () {
      const told = (rooms: object) => streamOf(framed(JSON.stringify({ _tag: "Known", rooms, messages: {} }))).recv
      const [origin = "", ...others] = Array.from({ length: limits.peer.origins + 1 }, (_, n) =>
        `${n}`.padStart(32, "0")
      )
      const nobody = { x: 1, constructor: 1, [origin]: 7 }
      assert.deepStrictEqual(yield* all(told(nobody)), [
        Known.make({ rooms: { [Origin.make(origin)]: 7 }, messages: {} })
      ])
      const counted = (origins: ReadonlyArray<string>) => Object.fromEntries(origins.map((one) => [one, 1]))
      assert.strictEqual((yield* all(told(counted(others)))).length, 1)
      assert.instanceOf(yield* Effect.flip(all(told(counted([origin, ...others])))), BadFrame)
    })
  )

  it.effect("harbour: a batch longer than agreed, and an invalid origin, are refused", () =>
    Effect.gen(function* () {
      const entry = {
        origin: "0".repeat(32),
        number: 1,
        name: "quay",
        topic: "",
        createdBy: "Ada",
        createdAt: "1970-01-01T00:00:00.000Z"
      }
      const told = (rooms: ReadonlyArray<object>) =>
        streamOf(framed(JSON.stringify({ _tag: "News", rooms, messages: [] }))).recv
      assert.strictEqual((yield* all(told(Array.from({ length: limits.peer.batch }, () => entry)))).length, 1)
      for (const rooms of [
        Array.from({ length: limits.peer.batch + 1 }, () => entry),
        [{ ...entry, origin: "x" }],
        [{ ...entry, number: 0 }]
      ]) {
        assert.instanceOf(yield* Effect.flip(all(told(rooms))), BadFrame)
      }
    })
  )
})
