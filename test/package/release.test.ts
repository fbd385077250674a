import { spawnSync } from "node:child_process"

import { assert, describe, it } from "vitest"

import {
  inChangelog,
  inManifest,
  inReadme,
  inTemplate,
  isAfter,
  isVersion,
  notesOf
} from "../../scripts/release/Version.ts"
import { read, root } from "./Scratch.ts"

const { engines, peerDependencies, publishConfig, version } = JSON.parse(read("package.json"))

const release = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, ["scripts/release.ts", ...args], {
    cwd: root,
    env: { ...process.env, ACTIONS_ID_TOKEN_REQUEST_URL: undefined, ...env }
  })
  return { status, stderr: stderr.toString(), stdout: stdout.toString() }
}

describe("a release", () => {
  it("knows which version comes after which", () => {
    assert.isTrue(isVersion("0.2.0"))
    for (const text of ["", "v1.0.0", "1.0", "1.0.0-rc.1", "01.0.0"]) assert.isFalse(isVersion(text), text)
    for (const next of ["0.1.1", "0.2.0", "0.10.0", "1.0.0"]) assert.isTrue(isAfter("0.1.0", next), next)
    for (const next of ["0.1.0", "0.0.9"]) assert.isFalse(isAfter("0.1.0", next), next)
  })

  it("writes the version into every file that has it", () => {
    assert.strictEqual(JSON.parse(inManifest(read("package.json"), "9.8.7")).version, "9.8.7")
    const template = JSON.parse(inTemplate(read("packages/create/templates/api/package.json"), "9.8.7"))
    assert.strictEqual(template.dependencies.fairlead, "~9.8.7")
    assert.include(inReadme(read("README.md"), "9.8.7"), "| 9.8 | 4.1 | 22.19 or newer |\n| 0.1 | 4.1 |")
    assert.strictEqual(inReadme(read("README.md"), "0.1.9"), read("README.md"))
  })

  it("moves what is unreleased in the changelog below the version, and finds its notes", () => {
    const changelog = inChangelog(
      "# C\n\n## Unreleased\n\n### Core\n- A.\n\n## 0.1.0 - 2026-01-01\n- B.\n",
      "0.2.0",
      "2026-02-02"
    )
    assert.include(changelog, "## Unreleased\n\n## 0.2.0 - 2026-02-02\n\n### Core")
    assert.strictEqual(notesOf(changelog, "0.2.0"), "### Core\n- A.")
    assert.strictEqual(notesOf(changelog, "0.1.0"), "- B.")
    assert.isUndefined(notesOf(changelog, "0.3.0"))
  })

  it("lists what it would change, and changes nothing, in a dry run", () => {
    const before = read("package.json")
    const { status, stdout } = release(["prepare", "99.0.0", "--dry-run"])
    assert.strictEqual(status, 0)
    assert.lengthOf(stdout.match(/^changed /gm) ?? [], 6)
    assert.strictEqual(read("package.json"), before)
  })

  it.each([
    [["prepare", "0.0.1"], "does not come after"],
    [["prepare", "one"], "is not a version"],
    [["publish"], "Provenance needs a run on GitHub"],
    [[], "Write `prepare VERSION` or `publish`"]
  ])("refuses %j with a sentence that says what to do", (args, message) => {
    const { status, stderr } = release(args)
    assert.strictEqual(status, 1)
    assert.include(stderr, message)
  })

  it("refuses a tag that differs from the version", () => {
    const env = { ACTIONS_ID_TOKEN_REQUEST_URL: "http://127.0.0.1", GITHUB_REF_NAME: "v99.0.0" }
    assert.include(release(["publish"], env).stderr, "The tag is v99.0.0, and package.json has")
  })

  it("has provenance, for both packages, in a workflow that may ask for it", () => {
    assert.isTrue(publishConfig.provenance)
    assert.isTrue(JSON.parse(read("packages/create/package.json")).publishConfig.provenance)
    const workflow = read(".github/workflows/release.yml")
    assert.include(workflow, "id-token: write")
    assert.include(workflow, "node scripts/release.ts publish")
  })
})

describe("the table of supported pairs", () => {
  it("has the version, the range of Effect and the engine of package.json in its first row", () => {
    const [, rows = ""] =
      /\| fairlead \| effect \| Node \|\n\|---\|---\|---\|\n([\s\S]*?)\n\n/.exec(read("README.md")) ?? []
    const minor = (text: string): string => /\d+\.\d+/.exec(text)![0]
    const expected = `| ${minor(version)} | ${minor(peerDependencies.effect)} | ${minor(engines.node)} or newer |`
    assert.strictEqual(rows.split("\n")[0], expected)
    assert.strictEqual(peerDependencies["@effect/platform-node"], peerDependencies.effect)
  })
})
