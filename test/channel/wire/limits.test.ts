import { assert, describe, it } from "@effect/vitest"

import { defaultLimits, Undecodable, V1, V2 } from "../../../src/channel/wire/Message.ts"
import type { Frame, Limits, Wire } from "../../../src/channel/wire/Message.ts"
import { bytes, fromClient } from "./Codec.ts"

const nested = (depth: number, open: string, inside: string, close: string) =>
  open.repeat(depth) + inside + close.repeat(depth)

const reasonOf = (wire: Wire, frame: Frame, limits: Partial<Limits> = {}): string | undefined => {
  const decoded = wire.decode(frame, { ...defaultLimits, ...limits })
  return decoded instanceof Undecodable ? decoded.reason : undefined
}

describe("the limits", () => {
  it("channel 1.2: are 64 levels and 255 bytes by default", () => {
    assert.deepStrictEqual(defaultLimits, { maxDepth: 64, maxName: 255 })
  })
})

describe.each([V1, V2])("the depth of a payload in version $version", (wire) => {
  const around = (payload: string) =>
    wire === V1 ? `{"topic":"t","event":"e","payload":${payload},"ref":"1"}` : `["1","1","t","e",${payload}]`

  const levels: Record<string, (inside: string) => string> = {
    arrays: (inside) => `[${inside}]`,
    objects: (inside) => `{"a":${inside}}`,
    "objects in arrays in objects": (inside) => (inside.startsWith("[") ? `{"a":${inside}}` : `[${inside}]`),
    "arrays with neighbours": (inside) => `["[[[",1,${inside},"}}}"]`,
    "arrays behind escaped quotes": (inside) => String.raw`["\"[[[","\\\"{{{","\\",${inside},"\\\\"]`,
    "objects behind escaped quotes": (inside) => String.raw`{"\"":"}","\\":${inside}}`
  }
  it.each(Object.keys(levels))("channel 1.2: is limited: %s", (kind) => {
    const payload = (depth: number) => Array.from({ length: depth }).reduce<string>(levels[kind]!, "0")
    for (const maxDepth of [1, 2, 7, 64]) {
      for (const depth of [maxDepth - 1, maxDepth]) {
        assert.strictEqual(reasonOf(wire, around(payload(depth)), { maxDepth }), undefined)
      }
      for (const depth of [maxDepth + 1, 2 * maxDepth, 5000]) {
        const reason = reasonOf(wire, around(payload(depth)), { maxDepth })
        assert.match(String(reason), new RegExp(`^nested more than ${maxDepth} deep`))
      }
    }
  })

  it("channel 1.2: is limited to nothing but scalars by 0", () => {
    assert.strictEqual(reasonOf(wire, around("1"), { maxDepth: 0 }), undefined)
    assert.strictEqual(reasonOf(wire, around(`"[{[{"`), { maxDepth: 0 }), undefined)
    assert.match(String(reasonOf(wire, around("[]"), { maxDepth: 0 })), /^nested more than 0 deep at character \d+$/)
  })

  it("channel 1.2: counts no brackets in strings, and no neighbours", () => {
    const strings = JSON.stringify(["[".repeat(1000), `\\"${"{".repeat(1000)}`, { ["[".repeat(1000)]: "\\" }])
    assert.strictEqual(reasonOf(wire, around(strings)), undefined)
    assert.strictEqual(reasonOf(wire, around(`[${"[],{},".repeat(1000)}[]]`)), undefined)
  })

  it("channel 1.2: is refused before it is parsed, at the first character too deep", () => {
    const frame = around("[".repeat(1_000_000))
    assert.strictEqual(reasonOf(wire, frame), `nested more than 64 deep at character ${frame.indexOf("[[") + 64}`)
    assert.match(String(reasonOf(wire, around(nested(500_000, `{"a":`, "1", "}")))), /^nested more than 64 deep/)
  })
})

describe("the depth", () => {
  it("channel 1.2: counts the elements that V2 ignores, too", () => {
    assert.match(String(reasonOf(V2, `["1","1","t","e",{},${nested(65, "[", "", "]")}]`)), /^nested/)
  })

  it("channel 1.2: counts for JSON of the binary opcode, too", () => {
    const frame = bytes(`{"topic":"t","event":"e","payload":${nested(65, "[", "", "]")},"ref":"1"}`)
    assert.match(String(reasonOf(V1, frame)), /^nested/)
  })

  it("channel 1.2: leaves invalid JSON to the parser", () => {
    const open = `["1","1","t","e","${"[".repeat(1000)}`
    assert.match(String(reasonOf(V2, open)), /^not JSON/)
    assert.match(String(reasonOf(V2, open + "\\".repeat(1001))), /^not JSON/)
    assert.match(String(reasonOf(V2, "]".repeat(1000))), /^not JSON/)
  })
})

describe("the size of names", () => {
  const message = { joinRef: "1", ref: "2", topic: "t", event: "e" }
  const cases = (["joinRef", "ref", "topic", "event"] as const).flatMap((key) =>
    [
      { wire: V1, kind: "JSON", payload: {} },
      { wire: V2, kind: "JSON", payload: {} },
      { wire: V2, kind: "binary", payload: bytes(1) }
    ].map((variant) => ({
      key,
      field: key === "joinRef" ? "join_ref" : key,
      version: variant.wire.version,
      ...variant
    }))
  )
  it.each(cases)("channel 1.2: is limited for $field in $kind of $version", ({ key, field, wire, payload }) => {
    const named = (name: string) => fromClient(wire.version, { ...message, [key]: name, payload })
    for (const [fits, exceeds, maxName] of [
      ["x".repeat(255), "x".repeat(256), 255],
      ["é".repeat(127), "é".repeat(128), 255],
      ["😀😀", "😀😀x", 8],
      ["\uffff\uffff", "\uffff\uffff\uffff", 8]
    ] as const) {
      assert.strictEqual(reasonOf(wire, named(fits), { maxName }), undefined)
      const size = Buffer.byteLength(exceeds)
      // A binary frame cannot even say that it has 256 bytes.
      if (payload instanceof Uint8Array && size > 255) continue
      assert.strictEqual(
        reasonOf(wire, named(exceeds), { maxName }),
        `${field} has ${size} bytes, and may have ${maxName}`
      )
    }
  })

  it("channel 1.2: may be larger than 255 in JSON", () => {
    const frame = fromClient("2.0.0", { ...message, topic: "x".repeat(1000), payload: {} })
    assert.strictEqual(reasonOf(V2, frame, { maxName: 1000 }), undefined)
  })

  it("channel 1.2: is no matter for a number", () => {
    assert.strictEqual(reasonOf(V2, `[1234567,7654321,"t","e",{}]`, { maxName: 1 }), undefined)
  })
})
