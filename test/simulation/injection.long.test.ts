/** The planted faults of concurrency are caught by the sweeps and simulations: the list says by which point or seed. */
import { afterAll, assert, describe, it } from "vitest"

import { faults } from "./Faults.ts"
import { scratchCopy } from "./inject.ts"

/** How many of the twenty may be missed. */
const mayMiss = 1

describe("the sweeps and simulations", () => {
  const copy = scratchCopy()
  afterAll(copy.remove)
  const missed: Array<string> = []
  const lines: Array<string> = []

  it("simulation 4: that guard the places of the faults pass without one", async () => {
    const { output, verdict } = await copy.run([...new Set(faults.flatMap(({ guards }) => guards))])
    assert.strictEqual(verdict, "passed", output)
  })

  it.each(faults)("simulation 4: are tried against: $part, $fault", async (fault) => {
    const { by, output, verdict } = await copy.inject(fault)
    lines.push(
      `${verdict}: ${fault.part}, ${fault.kind}: ${fault.fault}${verdict === "caught" ? `\n    by ${by}` : ""}`
    )
    if (verdict !== "caught") missed.push(`${fault.fault}: ${verdict}\n${output.slice(-2000)}`)
  })

  it("simulation 4: catch at least nineteen of the twenty", () => {
    console.log(lines.join("\n"))
    assert.isAtMost(missed.length, mayMiss, missed.join("\n"))
  })
})
