/**
 * Runs the checks and tests against another version of Effect, in a copy of the last commit: `node scripts/compat.ts [VERSION] [TEST FILES…]`.
 *
 * The peer dependency admits one minor version of Effect only, so a new one must be tried here before the range in package.json and the table in README.md are widened.
 * `VERSION` is a version or a tag of npm. Default: `latest`.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"

const root = join(import.meta.dirname, "..")
const [version = "latest", ...files] = process.argv.slice(2)
const print = (line: string): void => void process.stdout.write(`${line}\n`)
const folder = mkdtempSync(join(tmpdir(), "fairlead-compat-"))
const env = { ...process.env, PATH: `${join(folder, "node_modules/.bin")}${delimiter}${process.env["PATH"]}` }
const tried = ["effect", "@effect/platform-node"]

/** Whether a step succeeded; its output is shown as it comes. */
const step = (name: string, command: string, ...args: ReadonlyArray<string>): boolean => {
  print(`== ${name}`)
  const { status } = spawnSync(command, args, { cwd: folder, env, stdio: "inherit" })
  return status === 0
}

const read = (file: string) => JSON.parse(readFileSync(join(folder, file), "utf8"))

/** Asks for the version under test, as a peer too: otherwise the range of the peer dependency would decide. */
const askFor = (): void => {
  const manifest = read("package.json")
  for (const name of tried) manifest.devDependencies[name] = manifest.peerDependencies[name] = version
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest))
}

try {
  execFileSync("git", ["clone", "--quiet", root, folder])
  askFor()
  // Other packages may have a peer range without this version: npm warns, and installs it.
  const isInstalled = step("Install", "npm", "install", "--force", "--no-audit", "--no-fund")
  const isSupported = isInstalled && step("Types", "tsc") && step("Tests", "vitest", "run", ...files)
  const found = isInstalled
    ? tried.map((name) => `${name} ${read(`node_modules/${name}/package.json`).version}`)
    : tried
  const verdict = isInstalled ? (isSupported ? "supported" : "not supported") : "not installed"
  print(`== fairlead ${read("package.json").version} with ${found.join(" and ")}: ${verdict}`)
  process.exitCode = isSupported ? 0 : 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
