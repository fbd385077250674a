import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"

import { byteLength, decodeUtf8 } from "../../../src/channel/wire/Utf8.ts"
import { bytes } from "./Codec.ts"

const encoder = new TextEncoder()

describe("UTF-8", () => {
  it("channel 1.2: every code unit counts as many bytes as TextEncoder makes of it", () => {
    for (let unit = 0; unit <= 0xffff; unit++) {
      const text = String.fromCharCode(unit)
      const size = encoder.encode(text).length
      if (byteLength(text) !== size) assert.fail(`U+${unit.toString(16)} counts ${byteLength(text)} and not ${size}`)
    }
  })

  it("channel 1.2: surrogates count as many bytes as TextEncoder makes of them, paired and alone", () => {
    const edges = fc.constantFrom(0x61, 0xe9, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000)
    fc.assert(
      fc.property(fc.array(fc.oneof(edges, fc.integer({ min: 0, max: 0xffff })), { maxLength: 8 }), (units) => {
        const text = String.fromCharCode(...units)
        assert.strictEqual(byteLength(text), encoder.encode(text).length)
      }),
      { numRuns: 5000 }
    )
  })

  it("channel 1.2: is read unchanged or not at all", () => {
    assert.strictEqual(decodeUtf8(bytes("\ufeffé😀\u0000")), "\ufeffé😀\u0000")
    for (const illFormed of [[0x80], [0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]]) {
      assert.strictEqual(decodeUtf8(bytes(...illFormed)), undefined)
    }
  })
})
