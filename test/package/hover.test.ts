import { readFileSync } from "node:fs"
import { join } from "node:path"

import { assert, beforeAll, describe, it } from "vitest"

import { markdownOf, placeAt } from "../server/hoverServer.ts"

const file = join(import.meta.dirname, "hoverCalls.ts")
const text = readFileSync(file, "utf8")

/** The constants of the file, and the name of the function that each of them calls. */
const calls = Array.from(text.matchAll(/^export const (\w+) = (?:\(\) => )?[A-Z]\w*\.(\w+)\(/gm), (match) => ({
  constant: match[1]!,
  place: placeAt(text, match.index + match[0].length - 2)
}))

describe("the hover text of a call of a function with several signatures", () => {
  let hovers: ReadonlyArray<string> = []
  beforeAll(async () => {
    hovers = await markdownOf(
      file,
      text,
      calls.map(({ place }) => place)
    )
  })

  it.each(calls.map(({ constant }, index) => ({ constant, index })))(
    "has the first sentence of its documentation: $constant",
    ({ index }) => {
      const documentation = (hovers[index] ?? "").replaceAll(/```[\s\S]*?```/g, "").trim()
      assert.match(documentation, /^[A-Z][^\n]{15,}/, hovers[index])
    }
  )
})
