import { spawnSync } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

import { assert, describe, it, onTestFinished } from "vitest"

import { writtenOut } from "./HoleForms.ts"
import { takers } from "./HoleTakers.ts"
import { root, scratchProject, tool } from "./Scratch.ts"

const tables = globSync("test/holes/*.test-d.ts", { cwd: root }).toSorted()

describe("the table of holes", () => {
  it("loses no error in any form of a catch, at any parameter", () => {
    const { folder, remove, write } = scratchProject([
      "fairlead",
      "effect",
      "vitest",
      "@effect/platform-node",
      "@types/node"
    ])
    onTestFinished(remove)
    let rows = 0
    for (const table of tables) {
      const text = readFileSync(join(root, table), "utf8").replaceAll(/from "\.\.\//g, `from "${join(root, "test")}/`)
      const written = writtenOut(table, text)
      assert.isAbove(written.rows, 0, table)
      rows += written.rows
      write(table.slice("test/holes/".length), written.text)
    }
    assert.isAbove(rows, 80)
    const imports = { allowImportingTsExtensions: true, rewriteRelativeImportExtensions: false }
    const compilerOptions = {
      ...imports,
      noUnusedLocals: false,
      noUnusedParameters: false,
      plugins: [],
      types: ["node"]
    }
    write("tsconfig.json", JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: ["*.ts"] }))
    const { status, stdout } = spawnSync(process.execPath, [tool("typescript/bin/tsc"), "-p", folder])
    assert.strictEqual(status, 0, stdout.toString())
  })

  // Plain functions, which no Effect comes into; and one whose Effect has any error and keeps it.
  const plain = ["app/FairingTypes Ignition.update", "client/Exchange cell", "testing/client/Journal observe"]

  it("has a row for each public signature that takes an Effect, a Layer, or a function of one", () => {
    const reports = globSync("test/package/api/*.d.ts.txt", { cwd: root }).toSorted()
    const found = reports.flatMap((report) => takers(readFileSync(join(root, report), "utf8")))
    assert.isAbove(found.length, 50)
    const table = tables.map((file) => readFileSync(join(root, file), "utf8")).join("\n")
    const missing = found.filter(
      ({ name }) => !new RegExp(`\\b${name.slice(name.lastIndexOf(".") + 1)}\\b`).test(table)
    )
    assert.deepStrictEqual([...new Set(missing.map(({ file, name }) => `${file} ${name}`))], plain)
  })

  it("finds such a signature in a report, and skips signatures without such a type parameter", () => {
    const report = `// a/B.d.ts
export declare const one: <A extends Yields<void>>(name: string, run: A) => void;
export declare const two: { <E>(effect: Effect.Effect<void, E>): void; };
export interface Three<P> { four<A>(f: (error: P) => A): Three<P>; five<A>(value: A): void }
export declare const six: (effect: Effect.Effect<void>) => void;
`
    assert.deepStrictEqual(
      takers(report).map(({ file, name }) => `${file} ${name}`),
      ["a/B one", "a/B two", "a/B Three.four"]
    )
  })

  it("writes a row out in six forms, each with its expected error", () => {
    const text = `import { Effect } from "effect"\nimport { hole } from "./Hole.ts"\ntest("x", () => {\n  // @ts-expect-error Down is left\n  make({\n    run: () => hole(nothing)\n  })\n})\n`
    const written = writtenOut("x.ts", text)
    assert.strictEqual(written.rows, 1)
    assert.strictEqual(written.text.split("@ts-expect-error Down is left").length, 7)
    assert.include(written.text, `make({ run: () => Effect.catchTag(nothing, "TooSlow", caught(nothing)) })`)
    assert.include(written.text, `make({ run: () => nothing.pipe(Effect.catchIf(isSlow, caught(nothing))) })`)
    assert.notInclude(written.text, "hole(")
  })
})
