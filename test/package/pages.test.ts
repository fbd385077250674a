/**
 * What the pages say of handlers is what their source says, and their links lead somewhere.
 */
import { existsSync, globSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"

import { assert, describe, it } from "vitest"

import { root } from "./Scratch.ts"

const read = (file: string): string => readFileSync(join(root, file), "utf8")
const found = (text: string, pattern: RegExp): ReadonlyArray<string> =>
  [...text.matchAll(pattern)].map(([, match]) => match!)

/** An option's name, and the number that its default begins with, when it does. */
type Option = readonly [name: string, number: string | undefined]

/** The members of the option interfaces of a source file, extended ones aside. */
const optionsOf = (source: string): ReadonlyArray<Option> =>
  found(source, /export interface \w*Options(?:<.*?>)?(?: extends \w+)? \{\n([\s\S]*?)\n\}/g).flatMap((members) =>
    [...members.matchAll(/(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)? {2}readonly (\w+)\??:/g)].map(
      ([, comment = "", name]): Option => [name!, beginOf(/Default: (.*)/.exec(comment)?.[1])]
    )
  )

/** The options that the tables of a page have rows for. */
const optionsIn = (page: string): ReadonlyArray<Option> =>
  [...(/## Options\n([\s\S]*?)\n## /.exec(page)?.[1] ?? "").matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map(
    ([, name, value]): Option => [name!, beginOf(value)]
  )

const beginOf = (text = ""): string | undefined => /^\d+(?:\.\d+)?/.exec(text)?.[0]

/** The anchors of a page's headings, as GitHub makes them. */
const anchorsOf = (page: string): ReadonlyArray<string> =>
  found(page, /^#+ (.*)$/gm).map((title) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w -]/g, "")
      .replaceAll(" ", "-")
  )

const together: Readonly<Record<string, string>> = { basic: "basic-and-bearer", bearer: "basic-and-bearer" }
const pageOf = (handler: string): string =>
  `docs/client/${together[handler] ?? handler.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.md`

/** A file is a handler's when it exports one of its own name. */
const handlers = globSync("src/client/handlers/*.ts", { cwd: root })
  .map((file) => ({ file, name: /(\w+)\.ts$/.exec(file)![1]!.replace(/^./, (letter) => letter.toLowerCase()) }))
  .filter(({ file, name }) => new RegExp(`@category handlers\\n.*\\n \\*/\\nexport const ${name} = `).test(read(file)))

const sources = [...new Set(handlers.map(({ name }) => pageOf(name)))].map((page) => {
  const files = handlers.filter(({ name }) => pageOf(name) === page).map(({ file }) => file)
  return [page, page.endsWith("/cookies.md") ? [...files, "src/client/handlers/CookieJar.ts"] : files] as const
})

describe("the pages of the client part", () => {
  it.each([...sources, ["docs/client/node.md", ["src/client/node/NodeTransport.ts"]] as const])(
    "%s has a row for each option with its default, and for no other",
    (page, files) => {
      const told = optionsIn(read(page))
      const options = files.flatMap((file) => optionsOf(read(file)))
      assert.isNotEmpty(options)
      assert.deepStrictEqual(Object.fromEntries(told), Object.fromEntries(options))
      assert.strictEqual(told.length, options.length)
    }
  )

  it.each(["docs/client.md", "docs/client/order.md", "docs/client/where.md"])("%s leads to every handler", (from) => {
    assert.isAtLeast(handlers.length, 17)
    const links = found(read(from), /\]\((?:client\/)?([\w-]+\.md)\)/g)
    for (const { name } of handlers) assert.include(links, pageOf(name).replace("docs/client/", ""), name)
  })
})

it.each(globSync("{*.md,docs/**/*.md}", { cwd: root }))("the links of %s lead to files and headings", (page) => {
  const text = read(page).replaceAll(/^```[\s\S]*?^```/gm, "")
  for (const link of found(text, /\]\(((?!https?:)[^)\s]+)\)/g)) {
    const [path = "", anchor] = link.split("#")
    const target = path === "" ? page : join(dirname(page), path)
    assert.isTrue(existsSync(join(root, target)), link)
    if (anchor !== undefined) assert.include(anchorsOf(read(target)), anchor, link)
  }
})
