import { spawnSync } from "node:child_process"
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

import { afterAll, assert, describe, it } from "vitest"

import { typeErrors } from "./Outsider.ts"
import { root, scratchProject } from "./Scratch.ts"

const templates = ["api", "chat"]
const json = (file: string) => JSON.parse(readFileSync(join(root, file), "utf8"))

describe("create-fairlead", () => {
  const project = scratchProject(
    "fairlead effect @effect/platform-node @effect/vitest @types/node @types/phoenix phoenix vitest".split(" ")
  )
  afterAll(project.remove)
  const create = (...args: ReadonlyArray<string>) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [join(root, "packages/create/index.js"), ...args], {
      cwd: project.folder
    })
    return { status, stderr: stderr.toString(), stdout: stdout.toString() }
  }

  it.each(templates)("creates a project that compiles from the template %s, and says what to do next", (template) => {
    const { stdout, stderr, status } = create(`My ${template}`, "--template", template)
    assert.strictEqual(status, 0, stderr)
    assert.include(stdout, "npm install")
    const folder = join(project.folder, `My ${template}`)
    assert.strictEqual(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).name, `my-${template}`)
    assert.isTrue(existsSync(join(folder, ".gitignore")))
    assert.deepStrictEqual(typeErrors(folder, "typescript", ["--customConditions", "fairlead:source"]), [])
  })

  it("takes the template api unless another is named", () => {
    assert.include(create("plain").stdout, `template "api"`)
  })

  it("installs another version or a tarball of fairlead by an option", () => {
    const tarball = project.write("fairlead.tgz", "")
    create("packed", "--fairlead", "fairlead.tgz")
    create("next", "--fairlead", "next")
    const installed = (name: string) =>
      JSON.parse(readFileSync(join(project.folder, name, "package.json"), "utf8")).dependencies.fairlead
    assert.strictEqual(installed("packed"), `file:${tarball}`)
    assert.strictEqual(installed("next"), "next")
  })

  it.each([
    ["no folder", [], "Name the folder to create."],
    ["two folders", ["a", "b"], "Name one folder, not 2."],
    ["an unknown template", ["a", "--template", "shop"], `There is no template "shop". Choose api or chat.`],
    ["an unknown option", ["a", "--shop"], "'--shop'"]
  ])("refuses %s with one sentence and its usage", (_, args, message) => {
    const { stderr, status } = create(...args)
    assert.strictEqual(status, 1)
    assert.include(stderr, message)
    assert.include(stderr, "Usage: npm create fairlead FOLDER")
    assert.isFalse(existsSync(join(project.folder, "a")))
  })

  it("leaves a filled folder alone", () => {
    mkdirSync(join(project.folder, "full"))
    writeFileSync(join(project.folder, "full/mine.txt"), "mine")
    assert.strictEqual(create("full").status, 1)
    assert.deepStrictEqual(globSync("*", { cwd: join(project.folder, "full") }), ["mine.txt"])
  })

  it("asks for the versions that this checkout is tested with", () => {
    const { devDependencies, engines, version } = json("package.json")
    assert.strictEqual(json("packages/create/package.json").version, version)
    for (const template of templates) {
      const manifest = json(`packages/create/templates/${template}/package.json`)
      assert.deepStrictEqual(manifest.engines, engines)
      const { fairlead, ...others } = { ...manifest.dependencies, ...manifest.devDependencies }
      assert.strictEqual(fairlead, `~${version}`)
      for (const [name, range] of Object.entries<string>(others)) {
        assert.strictEqual(range.replace(/^[~^]/, ""), devDependencies[name], name)
      }
    }
  })
})
