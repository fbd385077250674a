/**
 * Every frame is decoded as the second decoder of `Codec.ts` does it, and none throws. `FAIRLEAD_RUNS` says how many frames are tried,
 * `FAIRLEAD_SEED=… npx vitest run test/channel/wire/fuzz.test.ts` repeats a run.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"

import { Undecodable, V1, V2 } from "../../../src/channel/wire/Message.ts"
import type { Frame, Incoming, Limits, Wire } from "../../../src/channel/wire/Message.ts"
import { seed } from "../../Seed.ts"
import { taken } from "./Codec.ts"
import { frame, random } from "./Fuzz.ts"

const runs = Number(process.env["FAIRLEAD_RUNS"] ?? 1_000_000)
const batch = Math.min(runs, 1000)

// Small enough that a fault or two exceeds them.
const limits: Limits = { maxDepth: 4, maxName: 9 }

const show = (wire: Wire, frame: Frame): string =>
  `${wire.version}, ${typeof frame === "string" ? JSON.stringify(frame) : `bytes ${Buffer.from(frame).toString("hex")}`}`

const same = (left: Incoming, right: Incoming): boolean =>
  (["joinRef", "ref", "topic", "event"] as const).every((field) => Object.is(left[field], right[field])) &&
  (left.payload instanceof Uint8Array && right.payload instanceof Uint8Array
    ? Buffer.compare(left.payload, right.payload) === 0
    : JSON.stringify(left.payload) === JSON.stringify(right.payload))

describe("any frame", () => {
  it("channel 1.2: is a valid message or an invalid one, and nothing is thrown", () => {
    const counts = { text: 0, bytes: 0, refused: 0 }
    const reasons = new Set<string>()
    const check = (wire: Wire, frame: Frame): void => {
      const decoded = wire.decode(frame, limits)
      const expected = taken(wire.version, frame, limits)
      if (decoded instanceof Undecodable) {
        if (expected !== undefined) assert.fail(`${show(wire, frame)} is refused: ${decoded.reason}`)
        if (!/^[\x20-\x7e]{1,400}$/.test(decoded.reason))
          assert.fail(`${show(wire, frame)} is quoted: ${decoded.reason}`)
        counts.refused++
        reasons.add(decoded.reason.replaceAll(/not JSON.*|\d+/g, ""))
        return
      }
      if (expected === undefined) assert.fail(`${show(wire, frame)} is taken`)
      if (!same(decoded, expected)) assert.fail(`${show(wire, frame)} is ${JSON.stringify(decoded)}`)
      counts[decoded.payload instanceof Uint8Array ? "bytes" : "text"]++
    }
    fc.assert(
      fc.property(fc.integer(), (start) => {
        const below = random(start)
        for (let tried = 0; tried < batch; tried++) {
          const wire = below(2) === 0 ? V1 : V2
          check(wire, frame(below, wire.version))
        }
      }),
      { numRuns: Math.ceil(runs / batch), endOnFailure: true }
    )
    const tried = counts.text + counts.bytes + counts.refused
    console.log(`FAIRLEAD_SEED=${seed}: ${tried} frames, of which ${counts.text} had JSON, ${counts.bytes} bytes`)
    assert.isAtLeast(tried, runs)
    // Else it would prove little: a good part was taken, and refused for every reason.
    assert.isAbove(counts.text, tried / 20)
    assert.isAbove(counts.bytes, tried / 20)
    assert.isAtLeast(reasons.size, runs < 100_000 ? 10 : 30, [...reasons].join("\n"))
  })
})
