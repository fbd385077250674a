/**
 * Messages there and back: what a client writes is read as it was meant, and what the server writes is read by a client so.
 */
import { assert, describe, it } from "@effect/vitest"
import type * as Schema from "effect/Schema"
import * as fc from "fast-check"

import { defaultLimits, negotiate } from "../../../src/channel/wire/Message.ts"
import type { Incoming } from "../../../src/channel/wire/Message.ts"
import { fromClient, fromServer } from "./Codec.ts"

const limits = { ...defaultLimits, maxDepth: 8 }
// At most 4 bytes each: 252 in all.
const name = fc.string({ unit: "binary", maxLength: 63 })
const ref = fc.oneof(
  name,
  fc.nat().map(String),
  fc.constant(null),
  fc.nat(),
  fc.double({ noNaN: true, noDefaultInfinity: true })
)
const json = fc.jsonValue({ maxDepth: 6, stringUnit: "binary" }) as fc.Arbitrary<Schema.Json>
const bytes = fc.uint8Array({ maxLength: 300 })
const message: fc.Arbitrary<Incoming & { readonly payload: Schema.Json }> = fc.record({
  joinRef: ref,
  ref,
  topic: name,
  event: name,
  payload: json
})
const binary: fc.Arbitrary<Incoming> = fc.record({ joinRef: name, ref: name, topic: name, event: name, payload: bytes })

// JSON has one zero only.
const asSent = <A>(message: A): A => JSON.parse(JSON.stringify(message))
const asText = (ref: Incoming["ref"]) => (ref === null ? "" : String(ref))

describe.each(["1.0.0", "2.0.0"] as const)("version %s", (version) => {
  const wire = negotiate(version)!

  it("channel 1.2: reads every message as the client meant it", () => {
    fc.assert(
      fc.property(message, (message) => {
        const expected = asSent(message)
        assert.deepStrictEqual(wire.decode(fromClient(version, message), limits), expected)
      }),
      { numRuns: 1000 }
    )
  })

  it("channel 1.2: writes every message so that the client reads it as it was meant", () => {
    fc.assert(
      fc.property(message, name, (message, status) => {
        const { joinRef, ref, topic, event, payload } = asSent(message)
        const joined = version === "1.0.0" ? null : joinRef
        const read = (frame: ReturnType<typeof wire.broadcast>) => fromServer(version, frame!)
        const pushed = { ref: null, topic, event, payload }
        fc.pre(event !== "phx_reply")
        assert.deepStrictEqual(read(wire.push(joinRef, topic, event, payload)), { joinRef: joined, ...pushed })
        assert.deepStrictEqual(read(wire.broadcast(topic, event, payload)), { joinRef: null, ...pushed })
        const replied = { joinRef: joined, ref, topic, event: "phx_reply", status, payload }
        assert.deepStrictEqual(read(wire.reply(joinRef, ref, topic, status, payload)), replied)
        for (const end of ["phx_close", "phx_error"] as const) {
          const ended = { joinRef: joined, ref: joinRef, topic, event: end, payload }
          assert.deepStrictEqual(read(wire.ended(joinRef, topic, end, payload)), ended)
        }
      }),
      { numRuns: 1000 }
    )
  })
})

describe("binary frames", () => {
  const wire = negotiate("2.0.0")!

  it("channel 1.2: are read as the client meant them", () => {
    fc.assert(
      fc.property(binary, (message) => {
        assert.deepStrictEqual(wire.decode(fromClient("2.0.0", message), limits), message)
      }),
      { numRuns: 1000 }
    )
  })

  it("channel 1.2: are written so that the client reads them as they were meant", () => {
    fc.assert(
      fc.property(message, bytes, name, (message, payload, status) => {
        const { joinRef, ref, topic, event } = message
        const read = (frame: ReturnType<typeof wire.broadcast>) => fromServer("2.0.0", frame!)
        const [joined, asked] = [asText(joinRef), asText(ref)]
        const pushed = { ref: null, topic, event, payload }
        assert.deepStrictEqual(read(wire.push(joinRef, topic, event, payload)), { joinRef: joined, ...pushed })
        assert.deepStrictEqual(read(wire.broadcast(topic, event, payload)), { joinRef: null, ...pushed })
        const replied = { joinRef: joined, ref: asked, topic, event: "phx_reply", status, payload }
        assert.deepStrictEqual(read(wire.reply(joinRef, ref, topic, status, payload)), replied)
      }),
      { numRuns: 1000 }
    )
  })
})
