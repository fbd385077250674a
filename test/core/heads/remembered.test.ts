import { assert, it } from "vitest"

import { remembered } from "../../../src/core/heads/Remembered.ts"

it("a remembered function is called once for a text, and keeps no more texts than it may", () => {
  const calls: Array<string> = []
  const lengthOf = remembered(2, (text) => {
    calls.push(text)
    return text === "" ? undefined : text.length
  })
  assert.deepStrictEqual([lengthOf("a"), lengthOf(""), lengthOf("a"), lengthOf("")], [1, undefined, 1, undefined])
  assert.deepStrictEqual(calls, ["a", ""])
  lengthOf("bc")
  lengthOf("a")
  assert.deepStrictEqual(calls, ["a", "", "bc", "a"])
})
