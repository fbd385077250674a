import { join } from "node:path"

import { afterAll, assert, beforeAll, describe, it } from "vitest"

import { install, pack, run, start, temporary } from "./Outsider.ts"

describe("create-fairlead, from the packed tarballs", () => {
  const project = temporary()
  let [fairlead, create] = ["", ""]
  beforeAll(async () => {
    fairlead = await pack(".", project.folder)
    create = await pack("packages/create", project.folder)
  })
  afterAll(project.remove)

  it.each([
    ["api", "/notes", "[]"],
    ["chat", "/", "<title>Chat</title>"]
  ])("%s installs, type-checks, passes its tests, and starts", async (template, path, body) => {
    const folder = join(project.folder, template)
    const args = [template, "--template", template, "--fairlead", fairlead]
    await run("npm", ["exec", "--yes", `--package=${create}`, "--", "create-fairlead", ...args], project.folder)
    await install(folder)
    assert.notInclude(await run("npm", ["run", "check"], folder), "error")
    const tests = await run("npm", ["test"], folder)
    assert.match(tests, /Tests {2}2 passed/, tests)

    const server = await start("npm", ["start"], folder)
    try {
      assert.include(await (await fetch(server.url + path)).text(), body)
      assert.strictEqual((await fetch(`${server.url}/ready`)).status, 200)
    } finally {
      await server.stop()
    }
    assert.notInclude(server.output(), "rror")
  })
})
