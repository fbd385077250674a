import { assert, describe, it } from "@effect/vitest"

import { defaultLimits, FieldTooLong, Undecodable, V1, V2 } from "../../../src/channel/wire/Message.ts"
import type { Frame, Incoming } from "../../../src/channel/wire/Message.ts"
import { bytes } from "./Codec.ts"

const decode = (frame: Uint8Array): Incoming => {
  const result = V2.decode(frame, defaultLimits)
  if (result instanceof Undecodable) assert.fail(result.reason)
  return result
}

const reasonOf = (frame: Uint8Array): string => {
  const result = V2.decode(frame, defaultLimits)
  assert.instanceOf(result, Undecodable)
  return result.reason
}

// Phoenix's own vector.
const push = bytes(0, 2, 3, 5, 5, "12", "123", "topic", "event", 101, 102, 103)

describe("a binary frame of a client", () => {
  it("channel 1.2: is a push with join_ref, ref, topic, event and bytes", () => {
    const payload = bytes(101, 102, 103)
    assert.deepStrictEqual(decode(push), { joinRef: "12", ref: "123", topic: "topic", event: "event", payload })
  })

  // phoenix.js's own vectors.
  it.each([
    [bytes(0, 1, 1, 1, 1, "01te", 1), ["0", "1", "t", "e"]],
    [bytes(0, 2, 1, 3, 2, "101topev", 1), ["10", "1", "top", "ev"]]
  ])("channel 1.2: has names of any length: %o", (frame, [joinRef, ref, topic, event]) => {
    assert.deepStrictEqual(decode(frame), { joinRef, ref, topic, event, payload: bytes(1) } as Incoming)
  })

  it("channel 1.2: counts names in bytes of UTF-8, up to 255", () => {
    const [long, wide] = ["é".repeat(127) + "x", "\ufeff😀"]
    const frame = bytes(0, 255, 7, 0, 255, long, wide, "", "e".repeat(255))
    const expected = { joinRef: long, ref: wide, topic: "", event: "e".repeat(255), payload: bytes() }
    assert.deepStrictEqual(decode(frame), expected)
  })

  it("channel 1.2: has a view of the frame for its payload", () => {
    // As ws hands it over: a Buffer within a larger one.
    const frame = Buffer.from(bytes("xx", push, "x")).subarray(2, -1)
    const { payload } = decode(frame)
    assert.instanceOf(payload, Uint8Array)
    assert.strictEqual(payload.constructor, Uint8Array)
    assert.deepStrictEqual(payload, bytes(101, 102, 103))
    frame[frame.length - 1] = 7
    assert.strictEqual(payload[2], 7)
    const copy = payload.slice()
    frame[frame.length - 1] = 8
    assert.strictEqual(copy[2], 7)
  })

  it.each([
    [bytes(), "the binary frame is empty"],
    [bytes(1, 1, 1, 1, 2, "12tok"), "byte 0: a client sends no binary frame of kind 1"],
    [bytes(2, 1, 1, "te"), "byte 0: a client sends no binary frame of kind 2"],
    [bytes(3, push.subarray(1)), "byte 0: a client sends no binary frame of kind 3"],
    [bytes(255), "byte 0: a client sends no binary frame of kind 255"],
    [bytes(`["1","2","t","e",{}]`), "byte 0: a client sends no binary frame of kind 91"],
    [bytes(0), "the frame ends after 1 bytes, inside its header of 5"],
    [bytes(0, 0, 0, 0), "the frame ends after 4 bytes, inside its header of 5"],
    [bytes(0, 0, 0, 0, 1), "the frame ends after 5 bytes, inside event, which has 1 from byte 5"],
    [push.subarray(0, 7), "the frame ends after 7 bytes, inside ref, which has 3 from byte 7"],
    [push.subarray(0, 19), "the frame ends after 19 bytes, inside event, which has 5 from byte 15"],
    [bytes(0, 1, 1, 1, 1, 0xff, "1te"), "join_ref is not UTF-8: 1 bytes from byte 5"],
    [bytes(0, 1, 1, 1, 1, "0", 0x80, "te"), "ref is not UTF-8: 1 bytes from byte 6"],
    [bytes(0, 1, 1, 2, 1, "01", 0xc0, 0x80, "e"), "topic is not UTF-8: 2 bytes from byte 7"],
    [bytes(0, 1, 1, 3, 1, "01", 0xed, 0xa0, 0x80, "e"), "topic is not UTF-8: 3 bytes from byte 7"],
    // One character whose bytes are shared out among two names.
    [bytes(0, 1, 1, 1, 1, "01", "é"), "topic is not UTF-8: 1 bytes from byte 7"]
  ])("channel 1.2: %o is invalid", (frame, reason) => {
    assert.strictEqual(reasonOf(frame), reason)
    // One bad frame leaves nothing behind for the next.
    assert.strictEqual(decode(bytes(0, 0, 0, 2, 0, "é")).topic, "é")
  })
})

describe("a binary frame of the server", () => {
  const payload = bytes(101, 102, 103)
  // The vectors of Phoenix and of phoenix.js.
  it.each<[what: string, frame: Frame | undefined, expected: Uint8Array]>([
    ["a reply", V2.reply("12", "123", "topic", "ok", payload), bytes(1, 2, 3, 5, 2, "12123topicok", 101, 102, 103)],
    ["a reply", V2.reply("100", "12", "top", "ok", bytes(1, 1)), bytes(1, 3, 2, 3, 2, "10012topok", 1, 1)],
    ["a push", V2.push("12", "topic", "event", payload), bytes(0, 2, 5, 5, "12topicevent", 101, 102, 103)],
    ["a push", V2.push("123", "top", "some-event", bytes(1, 1)), bytes(0, 3, 3, 10, "123topsome-event", 1, 1)],
    ["a broadcast", V2.broadcast("topic", "event", payload), bytes(2, 5, 5, "topicevent", 101, 102, 103)],
    ["a broadcast", V2.broadcast("top", "some-event", bytes(1, 1)), bytes(2, 3, 10, "topsome-event", 1, 1)],
    ["empty", V2.reply("", "", "", "", bytes()), bytes(1, 0, 0, 0, 0)]
  ])("channel 1.2: %s is %o", (_, frame, expected) => {
    assert.deepStrictEqual(frame, expected)
  })

  it("channel 1.2: has a number for a ref as its digits, and none as the empty string, as Phoenix has it", () => {
    assert.deepStrictEqual(V2.reply(1, 23, "t", "ok", payload), V2.reply("1", "23", "t", "ok", payload))
    assert.deepStrictEqual(V2.reply(null, null, "t", "ok", payload), V2.reply("", "", "t", "ok", payload))
    assert.deepStrictEqual(V2.push(null, "t", "e", payload), V2.push("", "t", "e", payload))
    // What comes back is the string that stands there.
    const { joinRef, ref } = decode(bytes(0, 0, 0, 1, 1, "te"))
    assert.deepStrictEqual([joinRef, ref], ["", ""])
  })

  it("channel 1.2: counts names in bytes, and writes a lone surrogate as U+FFFD", () => {
    assert.deepStrictEqual(V2.broadcast("é😀", "\ud800", payload), bytes(2, 6, 3, "é😀", 0xef, 0xbf, 0xbd, payload))
    assert.deepStrictEqual(V2.broadcast("é", "eé", bytes()), bytes(2, 2, 3, "éeé"))
    // The two halves of a pair in two names are no pair.
    assert.deepStrictEqual(V2.broadcast("\ud83d", "\ude00", bytes()), bytes(2, 3, 3, "\ufffd\ufffd"))
  })

  it("channel 1.2: is a copy of the payload, of whatever view of a buffer", () => {
    const source = Buffer.from(bytes("xx", payload, "x"))
    const frame = V2.broadcast("t", "e", source.subarray(2, 5)) as Uint8Array
    source.fill(0)
    assert.deepStrictEqual(frame, bytes(2, 1, 1, "te", payload))
  })

  const fits = "x".repeat(255)
  const wide = "é".repeat(128)
  it.each<[field: string, send: (name: string) => Frame | undefined]>([
    ["join_ref", (name) => V2.reply(name, "1", "t", "ok", payload)],
    ["ref", (name) => V2.reply("1", name, "t", "ok", payload)],
    ["topic", (name) => V2.reply("1", "2", name, "ok", payload)],
    ["status", (name) => V2.reply("1", "2", "t", name, payload)],
    ["join_ref", (name) => V2.push(name, "t", "e", payload)],
    ["topic", (name) => V2.push("1", name, "e", payload)],
    ["event", (name) => V2.push("1", "t", name, payload)],
    ["topic", (name) => V2.broadcast(name, "e", payload)],
    ["event", (name) => V2.broadcast("t", name, payload)]
  ])("channel 1.2: a %s of more than 255 bytes is an encoding error: case %#", (field, send) => {
    assert.include(Buffer.from(send(fits) as Uint8Array).toString(), fits)
    for (const name of [`${fits}x`, wide]) {
      try {
        send(name)
      } catch (error) {
        assert.instanceOf(error, FieldTooLong)
        assert.deepStrictEqual([error._tag, error.field, error.bytes], ["FieldTooLong", field, 256])
        const advice = `The ${field} has 256 bytes, and a binary frame has room for 255: shorten it, or send the payload as JSON`
        assert.strictEqual(error.message, advice)
        continue
      }
      assert.fail(`${field}: ${name.length} characters were sent`)
    }
  })

  it("channel 1.2: is the only one whose names are limited", () => {
    const name = "x".repeat(256)
    assert.strictEqual(V2.broadcast(name, "e", {}), `[null,null,"${name}","e",{}]`)
    assert.strictEqual(V1.broadcast(name, "e", bytes()), undefined)
  })
})
