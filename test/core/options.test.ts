import { assert, describe, it } from "@effect/vitest"
import { Duration } from "effect"
import { InvalidOption } from "fairlead"

import { checkOptions, nameOr } from "../../src/core/Options.ts"

const check = checkOptions("rateLimit")

const faultOf = (make: () => unknown): InvalidOption => {
  try {
    make()
  } catch (error) {
    if (error instanceof InvalidOption) return error
    throw error
  }
  return assert.fail("the option was accepted")
}

describe("an option check", () => {
  it("says the interceptor, the option, the value and the allowed ones", () => {
    const fault = faultOf(() => check.atLeast("limit", Number.NaN, 1))
    assert.deepInclude(fault, { interceptor: "rateLimit", option: "limit" })
    assert.strictEqual(fault.message, "rateLimit: option limit: NaN is not allowed: use a number of 1 or more")
  })

  it("returns a value that is allowed", () => {
    assert.deepStrictEqual(
      [
        check.atLeast("limit", 1.5, 1),
        check.positive("ratio", 0.1),
        check.between("threshold", 1, 0, 1),
        check.integer("times", 0, 0),
        check.maximum("maxKeys", Infinity),
        check.maximum("maxKeys", 1),
        check.oneOf("otherwise", "allow", ["allow", "reject"])
      ],
      [1.5, 0.1, 1, 0, Infinity, 1, "allow"]
    )
  })

  const numbers: ReadonlyArray<readonly [string, (value: number) => number, ReadonlyArray<number>]> = [
    ["atLeast", (value) => check.atLeast("x", value, 1), [0, -1, 0.5, Infinity]],
    ["positive", (value) => check.positive("x", value), [0, -1, -Infinity, Infinity]],
    ["between", (value) => check.between("x", value, 0, 1), [-0.1, 1.1, Infinity]],
    ["integer", (value) => check.integer("x", value), [0, -1, 1.5, Infinity, 2 ** 53]],
    ["maximum", (value) => check.maximum("x", value), [0, -1, 1.5, -Infinity, 2 ** 53]]
  ]
  it.each(numbers)("%s refuses NaN, texts and values out of its range", (_, checked, refused) => {
    for (const value of [...refused, Number.NaN]) assert.include(faultOf(() => checked(value)).description, `${value} `)
    for (const value of ["5", null, undefined, {}]) faultOf(() => checked(value as never))
  })

  it("durations are above 0 and finite, unless the option says otherwise", () => {
    const millis = (value: Duration.Input, options = {}) => Duration.toMillis(check.duration("window", value, options))
    assert.deepStrictEqual(
      [millis("2 seconds"), millis(5), millis([1, 5_000_000]), millis(1_000_000n)],
      [2000, 5, 1005, 1]
    )
    assert.deepStrictEqual([millis(0, { zero: true }), millis("Infinity", { infinite: true })], [0, Infinity])
    const refused = [
      0,
      -5,
      Number.NaN,
      Infinity,
      "-1 seconds",
      "-Infinity",
      "NaN seconds",
      [Number.NaN, 0],
      "soon",
      null
    ]
    for (const value of refused) faultOf(() => millis(value as never))
    for (const value of [-1, "-Infinity", Number.NaN])
      faultOf(() => millis(value as never, { zero: true, infinite: true }))
    assert.include(faultOf(() => millis(Duration.seconds(-3))).description, "-3s is not allowed: use a finite duration")
  })

  it("bytes are read from numbers and texts with a unit", () => {
    assert.deepStrictEqual([check.bytes("maxBytes", "64 KiB"), check.bytes("maxBytes", 0, 0)], [65_536, 0])
    for (const value of [0, -1, 1.5, Number.NaN, Infinity, "64 apples", "999 YB", null]) {
      faultOf(() => check.bytes("maxBytes", value as never))
    }
  })

  it("an unknown word is answered with the allowed ones", () => {
    const fault = faultOf(() => check.oneOf<string>("otherwise", "alow", ["allow", "reject"]))
    assert.strictEqual(fault.description, '"alow" is not allowed: use "allow", "reject"')
  })

  it("a name is the option or the default, and never empty", () => {
    assert.deepStrictEqual([nameOr("retry", undefined), nameOr("retry", "outer retry")], ["retry", "outer retry"])
    for (const name of ["", " "])
      assert.deepInclude(
        faultOf(() => nameOr("retry", name)),
        { option: "name" }
      )
  })
})
