import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

import { assert, it, onTestFinished } from "vitest"

import { run, temporary } from "./Outsider.ts"
import { entries, root } from "./Scratch.ts"

it("a dry run packs both packages as they would be published", async () => {
  const output = await run(process.execPath, ["scripts/release.ts", "publish", "--dry-run"], root)
  for (const name of ["fairlead", "create-fairlead"]) assert.match(output, new RegExp(`\\+ ${name}@\\d`))
  assert.include(output, "templates/chat/src/Room.ts")
  assert.include(output, "dist/server/index.js")
})

it("the API reference has a page for every entry, and documents what it exports", async () => {
  const { folder, remove } = temporary()
  onTestFinished(remove)
  await run(process.execPath, ["scripts/api-docs.ts", folder], root)
  const pageOf = (subpath: string) => (subpath === "." ? "index" : subpath.slice(2).replaceAll("/", "_"))
  for (const { subpath } of entries)
    assert.isTrue(existsSync(join(folder, "modules", `${pageOf(subpath)}.html`)), subpath)
  assert.include(readFileSync(join(folder, "modules/client_handlers.html"), "utf8"), "ssrfGuard")
})
