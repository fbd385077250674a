import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"

import { parse } from "../../../src/core/heads/HttpDate.ts"

const now = Date.UTC(2026, 0, 1)
const example = Date.UTC(1994, 10, 6, 8, 49, 37)

describe("a date of HTTP", () => {
  it("has the form of RFC 9110 §5.6.7, or one of the two obsolete ones", () => {
    assert.strictEqual(parse("Sun, 06 Nov 1994 08:49:37 GMT", now), example)
    assert.strictEqual(parse("Sunday, 06-Nov-94 08:49:37 GMT", now), example)
    assert.strictEqual(parse("Sun Nov  6 08:49:37 1994", now), example)
  })

  it("is whatever toUTCString writes", () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true }), (date) => {
        const seconds = Math.floor(date.getTime() / 1000) * 1000
        assert.strictEqual(parse(new Date(seconds).toUTCString(), now), seconds)
      })
    )
  })

  it("with a year of two digits is at most 50 years ahead", () => {
    assert.strictEqual(parse("Sunday, 06-Nov-76 08:49:37 GMT", now), Date.UTC(2076, 10, 6, 8, 49, 37))
    assert.strictEqual(parse("Sunday, 06-Nov-77 08:49:37 GMT", now), Date.UTC(1977, 10, 6, 8, 49, 37))
    assert.strictEqual(parse("Sunday, 06-Nov-00 08:49:37 GMT", now), Date.UTC(2000, 10, 6, 8, 49, 37))
  })

  it.each([
    "",
    "0",
    "soon",
    "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 UTC",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 31 Feb 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT",
    "Sun, 06 Nov 1994 08:60:00 GMT",
    "Sun, 06 Nov 1994 08:00:61 GMT",
    "1994-11-06T08:49:37Z",
    "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT"
  ])("is not %o", (value) => {
    assert.strictEqual(parse(value, now), undefined)
  })
})
