/**
 * Releases both packages, in two steps.
 *
 * 1. `node scripts/release.ts prepare 0.2.0` writes the version into the manifests, the templates, the README and the changelog. Review and commit it, and push the tag `v0.2.0`.
 * 2. `node scripts/release.ts publish` runs for that tag on GitHub (`.github/workflows/release.yml`), since npm's provenance names the run that built a package. It checks that
 *    the tag, the manifests and the changelog agree, checks the package, and publishes `fairlead` and then `create-fairlead`.
 *
 * `--dry-run` writes and publishes nothing: it lists the files that `prepare` would change, and has npm pack what `publish` would publish.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"

import { inChangelog, inManifest, inReadme, inTemplate, isAfter, isVersion, notesOf } from "./release/Version.ts"

const root = join(import.meta.dirname, "..")
const { positionals, values } = parseArgs({
  options: { "dry-run": { type: "boolean", default: false } },
  allowPositionals: true
})
const dryRun = values["dry-run"]
const [step, next = ""] = positionals

const read = (file: string): string => readFileSync(join(root, file), "utf8")
const print = (line: string): void => void process.stdout.write(`${line}\n`)
const current: string = JSON.parse(read("package.json")).version

const fail = (message: string): never => {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

const run = (command: string, ...args: ReadonlyArray<string>): void => {
  print(`$ ${command} ${args.join(" ")}`)
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" })
  if (status !== 0) fail(`This step failed, and nothing after it ran: ${command} ${args.join(" ")}`)
}

const prepare = (): void => {
  if (!isVersion(next)) fail(`"${next}" is not a version. Write three numbers, such as 0.2.0.`)
  if (!isAfter(current, next)) fail(`${next} does not come after ${current}, the version of package.json.`)
  const date = new Date().toISOString().slice(0, 10)
  const changes: ReadonlyArray<readonly [file: string, change: (text: string) => string]> = [
    ["package.json", (text) => inManifest(text, next)],
    ["packages/create/package.json", (text) => inManifest(text, next)],
    ["packages/create/templates/api/package.json", (text) => inTemplate(text, next)],
    ["packages/create/templates/chat/package.json", (text) => inTemplate(text, next)],
    ["README.md", (text) => inReadme(text, next)],
    ["CHANGELOG.md", (text) => inChangelog(text, next, date)]
  ]
  for (const [file, change] of changes) {
    const [before, after] = [read(file), change(read(file))]
    print(`${before === after ? "unchanged" : "changed  "} ${file}`)
    if (!dryRun) writeFileSync(join(root, file), after)
  }
  if (!dryRun) run("npm", "install", "--package-lock-only", "--ignore-scripts")
}

const publish = (): void => {
  const tag = process.env["GITHUB_REF_NAME"]
  if (!dryRun) {
    if (process.env["ACTIONS_ID_TOKEN_REQUEST_URL"] === undefined) {
      fail(
        "Provenance needs a run on GitHub: push the tag, and let the workflow publish. To try it here, add --dry-run."
      )
    }
    if (tag !== `v${current}`)
      fail(`The tag is ${tag}, and package.json has ${current}. Run "prepare", commit, and tag that commit.`)
    if (notesOf(read("CHANGELOG.md"), current) === undefined) fail(`CHANGELOG.md has no notes of ${current}.`)
    const changed = execFileSync("git", ["status", "--porcelain"], { cwd: root, encoding: "utf8" })
    if (changed !== "") fail(`These files are not committed:\n${changed}`)
  }
  run("npm", "run", "package")
  const flags = ["--provenance", "--access=public", ...(dryRun ? ["--dry-run"] : [])]
  run("npm", "publish", ...flags)
  run("npm", "publish", "./packages/create", ...flags)
}

if (step === "prepare") prepare()
else if (step === "publish") publish()
else fail("Write `prepare VERSION` or `publish`, with --dry-run to change nothing.")
