import { readFileSync } from "node:fs"
import { join } from "node:path"

import { assert, it } from "vitest"

import { root } from "./Scratch.ts"

const claims = Array.from(
  readFileSync(join(import.meta.dirname, "claims.test-d.ts"), "utf8").matchAll(
    /^test\("([\w./-]+): (.*)", \(\) => \{$/gm
  ),
  ([, page, sentence]) => [page!, sentence!] as const
)

/** A page as one line of words. */
const textOf = (page: string): string => readFileSync(join(root, page), "utf8").replaceAll(/\s+/g, " ")

it.each(claims)("%s says what is tested of types: %s", (page, sentence) => {
  assert.include(textOf(page), sentence)
})

it("has found the claims", () => assert.isAtLeast(claims.length, 8))
