import { execFileSync } from "node:child_process"
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

import { assert, expect, it, onTestFinished } from "vitest"

import { resolveFrom, specifiersOf } from "./ImportRules.ts"
import { entries, root, tool } from "./Scratch.ts"

it("has the public declarations that were reviewed", async () => {
  const out = mkdtempSync(join(tmpdir(), "fairlead-api-"))
  onTestFinished(() => rmSync(out, { recursive: true, force: true }))
  const emit = ["--outDir", out, "--emitDeclarationOnly", "--removeComments", "--declarationMap", "false"]
  execFileSync(process.execPath, [tool("typescript/bin/tsc"), "-p", "tsconfig.build.json", ...emit], { cwd: root })

  const reached = new Map<string, string>()
  const reach = (file: string): void => {
    if (reached.has(file)) return
    const declarations = readFileSync(join(out, file), "utf8")
    reached.set(file, declarations)
    for (const specifier of specifiersOf(declarations).filter((name) => name.startsWith("."))) {
      reach(resolveFrom(file, specifier).replace(/\.[jt]s$/, ".d.ts"))
    }
  }
  for (const { types } of entries) reach(types.slice("dist/".length))

  const report = new Map<string, Array<readonly [file: string, declarations: string]>>()
  for (const [file, declarations] of [...reached].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const folder = file.includes("/") ? dirname(file).replaceAll("/", ".") : "index"
    report.set(folder, [...(report.get(folder) ?? []), [file, declarations]])
  }
  for (const [folder, files] of report) {
    const text = files.map(([file, declarations]) => `// ${file}\n${declarations}`).join("\n")
    await expect(text).toMatchFileSnapshot(`api/${folder}.d.ts.txt`)
  }
  // A report of a folder that is gone would go on being reviewed.
  const committed = globSync("*.d.ts.txt", { cwd: join(import.meta.dirname, "api") })
  assert.deepStrictEqual(
    committed.filter((file) => !report.has(file.slice(0, -".d.ts.txt".length))),
    []
  )
})
