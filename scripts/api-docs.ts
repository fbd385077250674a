/**
 * Builds the API reference of every entry into docs/api, which is not committed: `npm run docs:api`. Another folder is the first argument.
 *
 * TypeDoc reads the sources by the compiler interface of TypeScript 6, so both are installed for this run only.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const packages = ["typedoc@0.28.20", "typescript@6.0.3"]
const root = join(import.meta.dirname, "..")
const out = process.argv[2] ?? join(root, "docs/api")

interface Manifest {
  readonly version: string
  readonly exports: Readonly<Record<string, string | { readonly "fairlead:source": string }>>
}

const { exports, version }: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const sources = Object.values(exports).flatMap((target) =>
  typeof target === "string" ? [] : [join(root, target["fairlead:source"])]
)

const options = {
  name: `Fairlead ${version}`,
  entryPoints: sources,
  tsconfig: join(root, "tsconfig.build.json"),
  out,
  readme: "none",
  disableGit: true,
  sourceLinkTemplate: `https://github.com/fairlead/fairlead/blob/v${version}/{path}#L{line}`,
  gitRevision: `v${version}`,
  excludeInternal: true,
  excludePrivate: true,
  // Members that schema classes inherit from Effect would be nine tenths of the pages.
  excludeExternals: true,
  categorizeByGroup: false,
  // The sources are checked by TypeScript 7 before.
  skipErrorChecking: true,
  validation: { notExported: false, invalidLink: false },
  logLevel: "Warn"
}

const folder = mkdtempSync(join(tmpdir(), "fairlead-api-"))
const file = join(folder, "typedoc.json")
writeFileSync(file, JSON.stringify(options))
const { status } = spawnSync(
  "npm",
  ["exec", "--yes", ...packages.map((name) => `--package=${name}`), "--", "typedoc", "--options", file],
  { cwd: root, stdio: "inherit" }
)
rmSync(folder, { recursive: true, force: true })
process.exitCode = status ?? 1
