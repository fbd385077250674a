/** Each file that keeps mutable state is covered by a sweep, or says why it needs none. */
import { globSync } from "node:fs"

import { assert, describe, it } from "vitest"

import { root, read } from "../package/Scratch.ts"
import { callLocal, swept } from "./Inventory.ts"
import { mutableState } from "./MutableState.ts"
import { named, sweepFiles } from "./SweepNames.ts"

// The testing kits are what sweeps are made with.
const sources = globSync("{src,examples/harbour}/**/*.ts", { cwd: root }).filter(
  (file) => !file.startsWith("src/testing")
)
const stateful = new Map(
  sources.flatMap((file) => {
    const state = mutableState(read(file))
    return state.length === 0 ? [] : [[file, state] as const]
  })
)

describe("the inventory of mutable state", () => {
  it("simulation 3: names a sweep, or a reason, for each file that keeps state", () => {
    const unlisted = [...stateful]
      .filter(([file]) => !(file in swept) && !(file in callLocal))
      .map(([file, state]) => `${file} keeps ${state.map(({ line, name }) => `${name} (line ${line})`).join(", ")}`)
    assert.deepStrictEqual(
      unlisted,
      [],
      "list these files in test/simulation/Inventory.ts with the sweep that covers them"
    )
  })

  it.each(Object.entries(swept))("simulation 3: %s is covered by sweeps that exist", (_, sweeps) => {
    assert.isNotEmpty(sweeps)
    for (const sweep of sweeps) assert.isTrue(sweepFiles.has(sweep), `there is no sweep "${sweep}"`)
  })

  it("simulation 3: lists no file twice, and none without state", () => {
    const listed = [...Object.keys(swept), ...Object.keys(callLocal)]
    assert.deepStrictEqual(
      listed.filter((file, index) => listed.indexOf(file) !== index || !stateful.has(file)),
      []
    )
  })

  it("simulation 3: no two sweeps have one name", () => {
    const names = named.map(([name]) => name)
    assert.deepStrictEqual(
      names.filter((name, index) => names.indexOf(name) !== index),
      []
    )
  })

  it("simulation 3: there are at least thirty sweeps", () => {
    assert.isAtLeast(sweepFiles.size, 30)
  })
})

describe("mutable state", () => {
  const found = (source: string) => mutableState(source).map(({ name }) => name)

  it.each([
    ["a field that is not readonly", "class A { private count = 0 }", ["count"]],
    ["a readonly field that holds a Map", "class A { readonly all = new Map() }", ["all"]],
    ["a let that a function changes", "const f = () => { let n = 0; return () => n++ }", ["n"]],
    ["a let of the module", "let n = 0\nexport const next = () => ++n", ["n"]],
    ["a Set that a function changes", "const f = () => { const s = new Set(); return () => s.add(1) }", ["s"]],
    ["a readonly field", "class A { readonly a = 1 }", []],
    ["a let of one function", "const f = () => { let n = 0; n++; return n }", []],
    ["a Set that nobody changes", "const s = new Set([1])\nexport const has = (n) => s.has(n)", []],
    ["a let that is only read", "const f = () => { let n = 0; return () => n }", []]
  ])("simulation 3: %s", (_, source, names) => {
    assert.deepStrictEqual(found(source), names)
  })
})
