import { afterAll, assert, describe, it } from "vitest"

import { client, copyOfSources, mutated, server } from "./mutate.ts"
import { clientMutations, mutations } from "./Mutations.ts"

describe.each([
  ["the pipeline", server, mutations],
  ["the client's driver", client, clientMutations]
] as const)("the property tests of %s", (_, subject, mutations) => {
  const copy = copyOfSources()
  afterAll(copy.remove)

  it("pass on the sources as they are", async () => {
    const { output, verdict } = await copy.run(subject)
    assert.strictEqual(verdict, "passed", output)
    assert.match(output, new RegExp(`Tests\\s+${subject.count} passed`))
  })

  it.each(mutations)("catch it when $fault", async (mutation) => {
    const { output, verdict } = await copy.run(subject, mutation)
    assert.strictEqual(verdict, "caught", output)
  })
})

describe("a mutation", () => {
  const mutation = { fault: "one is two", file: "src/x.ts", search: "1", replace: "2" }

  it("changes the text that it names", () => {
    assert.strictEqual(mutated("a = 1", mutation), "a = 2")
  })

  it.each(["a = 3", "a = 11"])("does not apply to %s: its text must be there exactly once", (source) => {
    assert.throws(() => mutated(source, mutation), /bring the list up to date/)
  })
})
