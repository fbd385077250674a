/** The planted faults apply to the sources as they are: otherwise the long suite would notice it first. */
import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"

import { assert, describe, it } from "vitest"

import { mutated } from "./mutate.ts"
import { clientMutations, mutations } from "./Mutations.ts"

const root = resolve(import.meta.dirname, "../..")

describe("the mutations of the interpreters", () => {
  it.each([...mutations, ...clientMutations])("$fault: the change applies exactly once", (mutation) => {
    const source = readFileSync(join(root, mutation.file), "utf8")
    assert.notStrictEqual(mutated(source, mutation), source)
  })
})
