/**
 * What the pages say of handlers is what their source says, and their links lead somewhere.
 */
import { existsSync, globSync } from "node:fs"
import { dirname, join } from "node:path"

import { assert, describe, it } from "vitest"

import { read, root } from "./Scratch.ts"

const found = (text: string, pattern: RegExp): ReadonlyArray<string> =>
  [...text.matchAll(pattern)].map(([, match]) => match!)

/** An option's name, and the number that its default begins with, when it does. */
type Option = readonly [name: string, number: string | undefined]

/** The members of the option interfaces of a source file, extended ones aside. */
const optionsOf = (source: string): ReadonlyArray<Option> =>
  found(source, /export interface \w*(?:Options|Limits|Conditions)\b[^{]* \{\n([\s\S]*?)\n\}/g).flatMap((members) =>
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
const handlers = globSync("src/client/handlers/{*,cache/*}.ts", { cwd: root })
  .map((file) => ({ file, name: /(\w+)\.ts$/.exec(file)![1]!.replace(/^./, (letter) => letter.toLowerCase()) }))
  .filter(({ file, name }) => new RegExp(`@category handlers\\n.*\\n \\*/\\nexport const ${name} = `).test(read(file)))

/** Files with options that a page of a handler describes too. */
const alsoOf: Readonly<Record<string, ReadonlyArray<string>>> = {
  "docs/client/cache.md": ["src/client/handlers/cache/MemoryStore.ts", "src/client/handlers/cache/KvsStore.ts"],
  "docs/client/cookies.md": ["src/client/handlers/CookieJar.ts"],
  "docs/client/ssrf-guard.md": ["src/client/handlers/SsrfPolicy.ts"]
}

const sources = [...new Set(handlers.map(({ name }) => pageOf(name)))].map((page) => {
  const files = handlers.filter(({ name }) => pageOf(name) === page).map(({ file }) => file)
  return [page, [...files, ...(alsoOf[page] ?? [])]] as const
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

const channelPages = ["log", "metrics", "authentication", "rateLimit", "joinRateLimit", "payloadLimit", "joinGuard"]
  .map((name) => ({
    name,
    page: `docs/channel/${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.md`
  }))
  .map(({ name, page }) => ({
    page,
    source: `src/channel/handlers/${name === "joinRateLimit" ? "RateLimit" : name.replace(/^./, (letter) => letter.toUpperCase())}.ts`
  }))

describe("the pages of the channel part", () => {
  it.each(channelPages)("$page has a row for each option with its default, and for no other", ({ page, source }) => {
    const options = optionsOf(read(source))
    assert.isNotEmpty(options)
    assert.deepStrictEqual(Object.fromEntries(optionsIn(read(page))), Object.fromEntries(options))
  })

  it("channel2 4.6: the guide's first server is an App, with a page for each handler", () => {
    assert.match(read("docs/channel.md").split("```")[1]!, /App\.make\([\s\S]*NodeApp\.run\(/)
    const links = found(read("docs/channel.md"), /\]\((channel\/[\w-]+\.md)\)/g)
    for (const { page } of channelPages) assert.include(links, page.replace("docs/", ""))
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

/** The ready-made interceptors of a folder by name, with the file of each. */
const readyMade = (folder: string, category: string) =>
  globSync(`${folder}/*.ts`, { cwd: root }).flatMap((file) =>
    found(read(file), new RegExp(`@category ${category}\\n(?: \\*.*\\n)* \\*/\\nexport const (\\w+) = `, "g")).map(
      (name) => ({ file, name })
    )
  )

describe("the pages of ready-made middleware and fairings", () => {
  const middleware = readyMade("src/server/middleware", "middleware").map(({ file, name }) => ({
    file,
    name,
    page: `docs/server/middleware/${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.md`
  }))

  it.each(middleware)("$page has a row for each option of $name with its default, and for no other", (each) => {
    assert.deepStrictEqual(sorted(optionsIn(read(each.page))), sorted(optionsOf(read(each.file))))
  })

  it("docs/server/middleware.md has a place for each middleware, and leads to its page", () => {
    assert.isAtLeast(middleware.length, 3)
    const table = read("docs/server/middleware.md")
    for (const { name, page } of middleware) {
      assert.include(table, `| [\`${name}\`](${page.replace("docs/server/", "")}) |`)
    }
    assert.include(read("docs/server.md"), "](server/middleware.md)")
  })

  const parts = [["docs/app/fairings.md", "docs/app.md", readyMade("src/app/fairings", "fairings"), 8]] as const

  it.each(parts)(
    "%s has a section with a row for each option of each, and a place",
    (page, guide, interceptors, least) => {
      const text = read(page)
      assert.isAtLeast(interceptors.length, least)
      for (const { file, name } of interceptors) {
        const heading = new RegExp(`^\`${name}\`$`)
        assert.notStrictEqual(sectionsOf(text, heading), "", name)
        assert.deepStrictEqual(sorted(optionsIn(text, heading)), sorted(optionsOf(read(file))), name)
        assert.include(text, `| [\`${name}\`](#${name.toLowerCase()}) |`)
        // A fairing of a middleware has the options of that.
        const wraps = existsSync(join(root, file.replace("src/app/fairings", "src/server/middleware")))
        if (wraps) assert.include(sectionsOf(text, heading), "](../server/middleware/", name)
      }
      assert.include(read(guide), `](${page.replace("docs/", "")})`)
    }
  )
})

/** The tags of the reasons in the file of each error class. */
const reasonsOf: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  globSync("src/**/*.ts", { cwd: root }).flatMap((file) => {
    const source = read(file)
    const reasons = new Set(found(source, /TaggedStruct\("(\w+)"/g))
    return found(source, /class (\w+)\s+extends Schema\.TaggedError/g).map((name) => [name, reasons] as const)
  })
)

it.each(globSync("{README.md,docs/**/*.md}", { cwd: root }).filter((page) => !page.startsWith("docs/api/")))(
  "the reasons of errors that %s names are reasons of those errors",
  (page) => {
    const text = read(page)
    for (const [told, error, reason] of text.matchAll(/`(\w+Error)` (?:with the reason )?`([A-Z]\w+)`/g)) {
      assert.isTrue(reasonsOf.get(error!)?.has(reason!), told)
    }
    const tables = [...text.matchAll(/^\| reason \|.*\n\|[-| ]+\n((?:\|.*\n)+)/gm)]
    const all = new Set([...reasonsOf.values()].flatMap((reasons) => [...reasons]))
    for (const [, rows = ""] of tables) {
      const told = found(rows, /^\| (`.*?) \|/gm).flatMap((cell) => found(cell, /`(\w+)`/g))
      assert.isNotEmpty(told)
      for (const reason of told) assert.include([...all], reason)
    }
  }
)

it.each(globSync("{*.md,docs/**/*.md}", { cwd: root }).filter((page) => !page.startsWith("docs/api/")))(
  "the links of %s lead to files and headings",
  (page) => {
    const text = read(page).replaceAll(/^```[\s\S]*?^```/gm, "")
    for (const link of found(text, /\]\(((?!https?:)[^)\s]+)\)/g)) {
      const [path = "", anchor] = link.split("#")
      const target = path === "" ? page : join(dirname(page), path)
      assert.isTrue(existsSync(join(root, target)), link)
      if (anchor !== undefined) assert.include(anchorsOf(read(target)), anchor, link)
    }
  }
)
