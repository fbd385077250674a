import { assert, describe, it } from "@effect/vitest"

import { outsideError } from "../../src/core/OutsideError.ts"

describe("an error that came from outside of the program", () => {
  it("has no stack trace, and leaves those of other errors as they are", () => {
    const limit = Error.stackTraceLimit
    assert.notInclude(outsideError(() => new Error("ended")).stack, "\n    at ")
    assert.throws(() =>
      outsideError(() => {
        throw new TypeError("not made")
      })
    )
    assert.strictEqual(Error.stackTraceLimit, limit)
    assert.include(new Error("another").stack, "\n    at ")
  })
})
