import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

import { expect, it, onTestFinished } from "vitest"

import { resolveFrom, specifiersOf } from "./ImportRules.ts"
import { entries, root, tool } from "./Scratch.ts"

it("has the public declarations that were reviewed", { timeout: 120_000 }, async () => {
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

  const report = [...reached].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([file, text]) => `// ${file}\n${text}`)
  await expect(report.join("\n")).toMatchFileSnapshot("api.report.d.ts.txt")
})
