import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"

import { assert, describe, it } from "vitest"

import { mutated } from "../mutation/mutate.ts"
import { faults, kinds } from "./Faults.ts"
import { sweepFiles } from "./SweepNames.ts"

const root = resolve(import.meta.dirname, "../..")

describe("the faults of concurrency", () => {
  it("simulation 4: are two of each of the ten kinds", () => {
    assert.lengthOf(faults, 20)
    for (const kind of kinds)
      assert.lengthOf(
        faults.filter((fault) => fault.kind === kind),
        2,
        kind
      )
  })

  it("simulation 4: at least nineteen of them were caught, each at a point or under a seed that faults.tsv lists", () => {
    const lines = readFileSync(join(import.meta.dirname, "faults.tsv"), "utf8")
      .trimEnd()
      .split("\n")
      .slice(1)
    const listed = lines.map((line) => line.split("\t"))
    assert.sameMembers(
      listed.map(([, , fault]) => fault),
      faults.map(({ fault }) => fault)
    )
    const caught = listed.filter(([, , , by = ""]) => /: (?:operation|wait|end|seed) \d+/.test(by))
    assert.isAtLeast(caught.length, 19)
  })

  it.each(faults)("simulation 4: $fault: the sweeps and simulations that guard the place exist", ({ guards }) => {
    for (const name of guards) assert.isTrue(sweepFiles.has(name), `there is no sweep "${name}"`)
  })

  it.each(faults)("simulation 4: $fault: the change applies exactly once, and names its part", (fault) => {
    const source = readFileSync(join(root, fault.file), "utf8")
    assert.notStrictEqual(mutated(source, fault), source)
    // Parts use core: a fault of theirs may be there.
    const folders = fault.part === "app" ? "src/app|src/core|examples/harbour" : `src/${fault.part}|src/core`
    assert.match(fault.file, new RegExp(`^(?:${folders})/`))
  })
})
