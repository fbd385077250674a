/** The keys of services and references: `fairlead/<entry>/<Module>[/<Class>]`, without `core`. */
import { globSync, readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"

import ts from "typescript-6"
import { assert, describe, it } from "vitest"

import { entries, root } from "./Scratch.ts"

interface Key {
  readonly file: string
  readonly key: string
}

/** The text that a call of `Context.Service` or `Context.Reference` begins with, also where the class form has two calls. */
const keyOf = (node: ts.CallExpression): string | undefined => {
  const callee = ts.isCallExpression(node.expression) ? node.expression.expression : node.expression
  const [first] = node.arguments
  return /^Context\.(Service|Reference)$/.test(callee.getText()) && first !== undefined && ts.isStringLiteral(first)
    ? first.text
    : undefined
}

const keysIn = (file: string): ReadonlyArray<Key> => {
  const keys: Array<Key> = []
  const visit = (node: ts.Node): void => {
    const key = ts.isCallExpression(node) ? keyOf(node) : undefined
    if (key !== undefined) keys.push({ file, key })
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.Latest, true))
  return keys
}

const sources = new Map(entries.map(({ source, subpath }) => [subpath.replace(/^\.\/?/, ""), source]))

/** The entry that a file belongs to: that of the nearest folder with an entry; the core belongs to the root. */
const entryOf = (file: string): string => {
  for (let folder = relative("src", dirname(file)); folder !== "." && folder !== ""; folder = dirname(folder)) {
    if (sources.has(folder)) return folder
  }
  return ""
}

/** Whether the key names an export of an entry, in whichever file it is. */
const isOfExport = (key: string): boolean => {
  const [, entry = "", name = ""] = /^fairlead\/(.+)\/(\w+)$/.exec(key) ?? []
  const source = sources.get(entry)
  return source !== undefined && new RegExp(`\\b${name}\\b`).test(readFileSync(join(root, source), "utf8"))
}

describe("the keys of services", () => {
  const keys = globSync("src/**/*.ts", { cwd: root }).flatMap(keysIn)
  const own = keys.filter(({ key }) => !key.startsWith("effect/"))

  it("begin with the package and the entry, and end with a module or a class", () => {
    assert.isAbove(own.length, 20)
    const wrong = own.filter(({ file, key }) => {
      if (isOfExport(key)) return false
      const prefix = ["fairlead", entryOf(file), ""].filter((part, at) => part !== "" || at === 2).join("/")
      return !key.startsWith(prefix) || !/^[A-Z]\w*(\/[A-Z]\w*)?$/.test(key.slice(prefix.length))
    })
    assert.deepStrictEqual(wrong, [])
  })

  it("are unlike, save where two files name a key of Effect", () => {
    const names = own.map(({ key }) => key)
    assert.deepStrictEqual(
      names.filter((key, at) => names.indexOf(key) !== at),
      []
    )
  })
})
