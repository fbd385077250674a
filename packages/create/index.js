#!/usr/bin/env node
// @ts-check
/** Copies a template into a new folder: `npm create fairlead my-service -- --template chat`. */
import { cpSync, existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from "node:fs"
import { basename, join, relative, resolve } from "node:path"
import { parseArgs } from "node:util"

const templates = readdirSync(new URL("templates", import.meta.url))

const usage = `Usage: npm create fairlead FOLDER -- [--template ${templates.join("|")}] [--fairlead VERSION-OR-TARBALL]`

/** @param {string} message */
const fail = (message) => {
  console.error(`${message}\n${usage}`)
  process.exit(1)
}

const options = /** @type {const} */ ({
  template: { type: "string", default: "api" },
  fairlead: { type: "string" },
  help: { type: "boolean", short: "h", default: false }
})

const read = () => {
  try {
    return parseArgs({ options, allowPositionals: true })
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
}

const { positionals, values } = read()
if (values.help) {
  console.log(usage)
  process.exit(0)
}
if (positionals.length > 1) fail(`Name one folder, not ${positionals.length}.`)
const [folder] = positionals
if (folder === undefined) fail("Name the folder to create.")
if (!templates.includes(values.template)) {
  fail(`There is no template "${values.template}". Choose ${templates.join(" or ")}.`)
}

const target = resolve(folder)
if (existsSync(target) && readdirSync(target).length > 0) {
  fail(`${target} is not empty. Name a new folder.`)
}

cpSync(new URL(`templates/${values.template}`, import.meta.url), target, { recursive: true })
// npm leaves files of this name out of packages.
renameSync(join(target, "_gitignore"), join(target, ".gitignore"))

const manifest = join(target, "package.json")
const content = JSON.parse(readFileSync(manifest, "utf8"))
// The characters that npm allows in a name.
content.name =
  basename(target)
    .toLowerCase()
    .replaceAll(/[^\w.~-]+/g, "-")
    .replace(/^[._-]+/, "") || values.template
if (values.fairlead !== undefined) {
  const { fairlead } = values
  content.dependencies.fairlead = fairlead.endsWith(".tgz") ? `file:${resolve(fairlead)}` : fairlead
}
writeFileSync(manifest, `${JSON.stringify(content, null, 2)}\n`)

console.log(`Created ${content.name} from the template "${values.template}". Next:

  cd ${relative(process.cwd(), target) || "."}
  npm install
  npm test
  npm start`)
