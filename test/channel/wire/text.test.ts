import { assert, describe, it } from "@effect/vitest"
import type * as Schema from "effect/Schema"

import { defaultLimits, Undecodable, V1, V2 } from "../../../src/channel/wire/Message.ts"
import type { Frame, Incoming, Wire } from "../../../src/channel/wire/Message.ts"
import { bytes } from "./Codec.ts"

const decode = (wire: Wire, frame: Frame) => wire.decode(frame, defaultLimits)

const reasonOf = (wire: Wire, frame: Frame): string => {
  const decoded = decode(wire, frame)
  assert.instanceOf(decoded, Undecodable, `${wire.version} takes ${String(frame)}`)
  assert.strictEqual(decoded._tag, "Undecodable")
  return decoded.reason
}

const message: Incoming = { joinRef: "1", ref: "2", topic: "room:1", event: "echo", payload: { text: "hi" } }

describe("a text frame of V2", () => {
  it("channel 1.2: is an array of join_ref, ref, topic, event and payload", () => {
    assert.deepStrictEqual(decode(V2, `["1","2","room:1","echo",{"text":"hi"}]`), message)
    // phoenix.js's own test vector
    const vector = { joinRef: "0", ref: "1", topic: "t", event: "e", payload: { foo: 1 } }
    assert.deepStrictEqual(decode(V2, `["0","1","t","e",{"foo":1}]`), vector)
  })

  it("channel 1.2: may have elements beyond the fifth, which are ignored", () => {
    assert.deepStrictEqual(decode(V2, `["1","2","room:1","echo",{"text":"hi"},6,[7]]`), message)
  })

  it.each([
    [`["1","2","room:1","echo"]`, "V2: 4 elements instead of 5"],
    ["[]", "V2: 0 elements instead of 5"],
    [`{"0":"1","1":"2","2":"t","3":"e","4":{},"length":5}`, "V2: not a JSON array"],
    [`"12345"`, "V2: not a JSON array"],
    ["null", "V2: not a JSON array"],
    [`[true,"2","t","e",{}]`, "join_ref is of the type boolean instead of a string, a number or null"],
    [`["1",["2"],"t","e",{}]`, "ref is an array instead of a string, a number or null"],
    [`["1",{},"t","e",{}]`, "ref is of the type object instead of a string, a number or null"],
    [`["1",1e999,"t","e",{}]`, "ref is too large a number to be returned"],
    [`[-1e999,"2","t","e",{}]`, "join_ref is too large a number to be returned"],
    [`["1","2",null,"e",{}]`, "topic is null instead of a string"],
    [`["1","2",3,"e",{}]`, "topic is of the type number instead of a string"],
    [`["1","2","t",["e"],{}]`, "event is an array instead of a string"]
  ])("channel 1.2: %s is invalid", (frame, reason) => {
    assert.strictEqual(reasonOf(V2, frame), reason)
  })
})

describe("a frame of V1", () => {
  it("channel 1.2: is an object of topic, event, payload and ref, with or without a join_ref", () => {
    const frame = `{"topic":"room:1","event":"echo","payload":{"text":"hi"},"ref":"2"}`
    assert.deepStrictEqual(decode(V1, frame), { ...message, joinRef: null })
    assert.deepStrictEqual(decode(V1, `{"join_ref":"1",${frame.slice(1)}`), message)
    assert.deepStrictEqual(decode(V1, `{"more":[],${frame.slice(1)}`), { ...message, joinRef: null })
  })

  it("channel 1.2: may have the binary opcode", () => {
    const text = `{"topic":"tøpic","event":"echo","payload":{"text":"hi"},"ref":"2","join_ref":"1"}`
    assert.deepStrictEqual(decode(V1, bytes(text)), { ...message, topic: "tøpic" })
    // A view into the middle of a buffer, as a WebSocket hands it over.
    assert.deepStrictEqual(decode(V1, bytes("xx", text, "x").subarray(2, -1)), { ...message, topic: "tøpic" })
    const reason = "the binary frame is not UTF-8, and V1 has JSON only"
    assert.strictEqual(reasonOf(V1, bytes(text.slice(0, 10), 0xff, text.slice(10))), reason)
    assert.match(reasonOf(V1, bytes(0xef, 0xbb, 0xbf, text)), /^not JSON: .*\\ufeff/)
  })

  it.each(["topic", "event", "payload", "ref"])("channel 1.2: is invalid without the key %s", (key) => {
    const { [key]: _, ...rest } = { topic: "t", event: "e", payload: {}, ref: "1" } as Record<string, Schema.Json>
    assert.strictEqual(reasonOf(V1, JSON.stringify(rest)), `${key} is missing`)
  })

  it.each([
    ["[]", "V1: not a JSON object"],
    ["null", "V1: not a JSON object"],
    [`"topic"`, "V1: not a JSON object"],
    [`["1","2","room:1","echo",{"text":"hi"}]`, "V1: not a JSON object"],
    [`{"topic":1,"event":"e","payload":{},"ref":"1"}`, "topic is of the type number instead of a string"],
    [`{"topic":"t","event":null,"payload":{},"ref":"1"}`, "event is null instead of a string"],
    [
      `{"topic":"t","event":"e","payload":{},"ref":{}}`,
      "ref is of the type object instead of a string, a number or null"
    ],
    [
      `{"topic":"t","event":"e","payload":{},"ref":"1","join_ref":false}`,
      "join_ref is of the type boolean instead of a string, a number or null"
    ],
    [`{"__proto__":{"topic":"t"},"event":"e","payload":{},"ref":"1"}`, "topic is missing"]
  ])("channel 1.2: %s is invalid", (frame, reason) => {
    assert.strictEqual(reasonOf(V1, frame), reason)
  })
})

describe.each([V1, V2])("JSON in version $version", (wire) => {
  const around = (payload: string, topic = `"t"`, ref = `"1"`) =>
    wire === V1
      ? `{"topic":${topic},"event":"e","payload":${payload},"ref":${ref}}`
      : `[null,${ref},${topic},"e",${payload}]`
  const decoded = (frame: string): Incoming => {
    const result = decode(wire, frame)
    if (result instanceof Undecodable) assert.fail(`${frame}: ${result.reason}`)
    return result
  }

  it.each([`"1"`, `""`, "1", "0", "-1.5", "9007199254740991", "null"])(
    "channel 1.2: a ref %s is returned unchanged",
    (ref) => {
      const { joinRef, ref: given, topic } = decoded(around("{}", undefined, ref))
      assert.strictEqual(given, JSON.parse(ref))
      assert.strictEqual(joinRef, null)
      assert.include(String(wire.reply(null, given, topic, "ok", {})), wire === V1 ? `"ref":${ref}}` : `[null,${ref},`)
    }
  )

  it.each(["{}", "[]", "null", "0", `"text"`, "true", `[1,{"a":[]}]`])("channel 1.2: %s is a payload", (payload) => {
    assert.deepStrictEqual(decoded(around(payload)).payload, JSON.parse(payload))
  })

  it("channel 1.2: a payload is the result of JSON.parse", () => {
    const payload = `{"__proto__":{"admin":true},"constructor":1,"a":1,"a":2,"big":1e999,"lone":"\\ud800"}`
    const read = decoded(around(payload)).payload as Schema.JsonObject
    assert.deepStrictEqual(Object.keys(read), ["__proto__", "constructor", "a", "big", "lone"])
    assert.strictEqual(Object.getPrototypeOf(read), Object.prototype)
    assert.deepStrictEqual([read["a"], read["big"], read["lone"]], [2, Infinity, "\ud800"])
    const written = `{"__proto__":{"admin":true},"constructor":1,"a":2,"big":null,"lone":"\\ud800"}`
    assert.include(String(wire.push(null, "t", "e", read)), written)
    assert.include(String(wire.reply(null, "1", "t", "ok", read)), written)
  })

  it("channel 1.2: a name is any string", () => {
    for (const name of ["", "__proto__", "constructor", "phx_reply", "ø", "\u0000", "\ufeff", "\ud800", "😀"]) {
      const text = JSON.stringify(name)
      assert.strictEqual(decoded(around("{}", text)).topic, name)
      assert.strictEqual(decoded(around("{}").replace(`"e"`, () => text)).event, name)
      assert.include(String(wire.push("1", name, "e", {})), text)
    }
  })

  it.each(["", " ", "{", "[1", "{]", "undefined", "NaN", "'t'", "\ufeff[]", `["1","2","t","e",{}]]`, "\u0000"])(
    "channel 1.2: %o is invalid",
    (frame) => {
      assert.match(reasonOf(wire, frame), /^not JSON: [\x20-\x7e]+$/)
    }
  )

  it("channel 1.2: an invalid frame is quoted shortly, as printable ASCII", () => {
    const reason = reasonOf(wire, `[${"1,".repeat(500)}\u001b[2J\u202e\ud800${"2".repeat(500)}]`)
    assert.match(reason, /^not JSON: [\x20-\x7e]+$/)
    assert.include(reason, "\\u001b[2J\\u202e\\ud800")
    assert.notMatch(reason, /(?:1,){10}|2{10}/)
  })
})

describe("a message of the server", () => {
  const reason = { reason: "unmatched topic" }
  it.each<[what: string, v1: Frame | undefined, v2: Frame | undefined, send: (wire: Wire) => Frame | undefined]>([
    [
      "a reply has the channel's join_ref and the ref of the request",
      `{"topic":"t","event":"phx_reply","payload":{"status":"ok","response":{"a":1}},"ref":"2"}`,
      `["1","2","t","phx_reply",{"status":"ok","response":{"a":1}}]`,
      (wire) => wire.reply("1", "2", "t", "ok", { a: 1 })
    ],
    [
      "a status is any word of the application, a response any JSON",
      `{"topic":"t","event":"phx_reply","payload":{"status":"busy","response":null},"ref":2}`,
      `[1,2,"t","phx_reply",{"status":"busy","response":null}]`,
      (wire) => wire.reply(1, 2, "t", "busy", null)
    ],
    [
      "a push to one client has the channel's join_ref and no ref",
      `{"topic":"t","event":"e","payload":{"a":1},"ref":null}`,
      `["1",null,"t","e",{"a":1}]`,
      (wire) => wire.push("1", "t", "e", { a: 1 })
    ],
    [
      "a broadcast has neither",
      `{"topic":"t","event":"e","payload":{"a":1},"ref":null}`,
      `[null,null,"t","e",{"a":1}]`,
      (wire) => wire.broadcast("t", "e", { a: 1 })
    ],
    [
      "the normal end of a channel has the join_ref for ref",
      `{"topic":"t","event":"phx_close","payload":{},"ref":"1"}`,
      `["1","1","t","phx_close",{}]`,
      (wire) => wire.ended("1", "t", "phx_close", {})
    ],
    [
      "and so has a crash",
      `{"topic":"t","event":"phx_error","payload":{"reason":"channel_crash"},"ref":null}`,
      `[null,null,"t","phx_error",{"reason":"channel_crash"}]`,
      (wire) => wire.ended(null, "t", "phx_error", { reason: "channel_crash" })
    ],
    [
      "the reply to an unmatched topic has no join_ref",
      `{"topic":"t","event":"phx_reply","payload":{"status":"error","response":{"reason":"unmatched topic"}},"ref":"2"}`,
      `[null,"2","t","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`,
      (wire) => wire.reply(null, "2", "t", "error", reason)
    ],
    [
      "nor has the reply to a heartbeat",
      `{"topic":"phoenix","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"2"}`,
      `[null,"2","phoenix","phx_reply",{"status":"ok","response":{}}]`,
      (wire) => wire.reply(null, "2", "phoenix", "ok", {})
    ],
    [
      "a reply of bytes is none in V1",
      undefined,
      bytes(1, 1, 1, 1, 2, "12tok", 255),
      (wire) => wire.reply("1", "2", "t", "ok", bytes(255))
    ],
    ["a push of bytes is none in V1", undefined, bytes(0, 1, 1, 1, "1te"), (wire) => wire.push("1", "t", "e", bytes())],
    [
      "a broadcast of bytes is none in V1",
      undefined,
      bytes(2, 1, 1, "te", 0),
      (wire) => wire.broadcast("t", "e", bytes(0))
    ]
  ])("channel 1.2: %s", (_, v1, v2, send) => {
    assert.deepStrictEqual(send(V1), v1)
    assert.deepStrictEqual(send(V2), v2)
  })
})
