/**
 * Texts like those of fields: pieces of valid ones in any order, cut and changed.
 */
import { assert } from "vitest"

import { randomOf } from "../../client/handlers/cache/Random.ts"
import { seed } from "../../Seed.ts"

const pieces = [
  "max-age",
  "no-store",
  "no-cache",
  "private",
  "=",
  "==",
  ",",
  ", ",
  ";",
  '"',
  "\\",
  '\\"',
  "'",
  " ",
  "\t",
  "60",
  "-1",
  "1.5",
  "99999999999999999999",
  "W/",
  "w/",
  '"a"',
  "*",
  "bytes",
  "bytes=",
  "bytes ",
  "-",
  "/",
  "0-1",
  "Thu, 18 Aug 2050 02:01:18 GMT",
  "Thursday, 18-Aug-50",
  "(",
  ")",
  "?1",
  "?0",
  ":YQ==:",
  "@1",
  '%"a"',
  "params",
  "key-order",
  "except",
  "utm",
  "en",
  "de;q=0.5",
  "q=",
  "é",
  "\u0000",
  "\u00ff",
  "ж",
  "\ud800",
  "a",
  "A",
  "~",
  "\r\n"
]

/** Reads so many texts; none may throw, and what is read twice is read alike. */
export const fuzzed = (read: (text: string) => unknown, count: number): void => {
  const random = randomOf(seed)
  for (let round = 0; round < count; round++) {
    let text = ""
    for (let left = random.below(12); left > 0; left--) text += pieces[random.below(pieces.length)]
    if (random.chance(0.2)) text = text.slice(random.below(text.length + 1))
    try {
      const first = read(text)
      if (round % 1000 === 0) assert.deepStrictEqual(read(text), first)
    } catch (error) {
      throw new Error(`${JSON.stringify(text)}: ${String(error)}`, { cause: error })
    }
  }
}
