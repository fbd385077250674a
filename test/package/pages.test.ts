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
  found(source, /export interface \w*(?:Options|Limits|Weather)\b[^{]* \{\n([\s\S]*?)\n\}/g).flatMap((members) =>
    [...members.matchAll(/(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)? {2}readonly (\w+)\??:/g)].map(
      ([, comment = "", name]): Option => [name!, beginOf(/Default: (.*)/.exec(comment)?.[1])]
    )
  )

/** The sections of a page whose headings match, without their own sections. */
const sectionsOf = (page: string, heading: RegExp): string =>
  page
    .split(/^#+ /m)
    .filter((section) => heading.test(section.split("\n", 1)[0]!))
    .join("\n")

/** The options that the tables of a section have rows for. */
const optionsIn = (page: string, heading = /^Options$/): ReadonlyArray<Option> =>
  [...sectionsOf(page, heading).matchAll(/^\| `(\w+)` \| (.*?) \|/gm)].map(([, name, value]): Option => [
    name!,
    beginOf(value)
  ])

const beginOf = (text = ""): string | undefined => /^\d+(?:[.,]\d+)*/.exec(text)?.[0].replaceAll(",", "")

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

/** The hooks that a file exports. */
const hooksOf = (file: string): ReadonlyArray<string> =>
  found(read(file), /@category hooks\n.*\n \*\/\nexport const (\w+) = /g)

const hookFiles = globSync("src/endpoint/hooks/*.ts", { cwd: root }).filter((file) => hooksOf(file).length > 0)

const sorted = (options: ReadonlyArray<Option>) => options.map(([name, number = ""]) => `${name} ${number}`).toSorted()

describe("the pages of the endpoint part", () => {
  it.each([
    ...hookFiles.map(
      (file) => [file, "docs/endpoint/hooks.md", new RegExp(`^(?:${hooksOf(file).join("|")})\\b`)] as const
    ),
    ["src/endpoint/iroh/IrohTransport.ts", "docs/endpoint/transports.md", /^Options$/] as const,
    ["src/endpoint/Endpoint.ts", "docs/endpoint.md", /^Connections$/] as const,
    ["src/endpoint/ProtocolRouter.ts", "docs/endpoint.md", /^A router$/] as const,
    ["src/testing/endpoint/MemoryNetwork.ts", "docs/endpoint.md", /^Testing$/] as const
  ])("%s has its options, with their defaults, in %s %s, and there are no others", (file, page, heading) => {
    const options = optionsOf(read(file))
    assert.isNotEmpty(options)
    assert.deepStrictEqual(sorted(optionsIn(read(page), heading)), sorted(options))
  })

  it("docs/endpoint/hooks.md has a section and a place for each hook", () => {
    const page = read("docs/endpoint/hooks.md")
    const hooks = hookFiles.flatMap(hooksOf)
    assert.isAtLeast(hooks.length, 11)
    for (const hook of hooks) {
      assert.notStrictEqual(sectionsOf(page, new RegExp(`\\b${hook}\\b`)), "", hook)
      assert.include(sectionsOf(page, /^Order$/), `\`${hook}\``)
    }
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
