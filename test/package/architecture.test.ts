import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

import { assert, describe, it } from "vitest"

import { circles, importGraph, upwardArrows } from "./ImportGraph.ts"
import { emptyWords, importFaults, lineCount, waysToNode } from "./ImportRules.ts"
import { declaredPackages, entries, root } from "./Scratch.ts"

const sources = globSync("**/*.ts", { cwd: join(root, "src") }).toSorted()
const readSource = (file: string): string => readFileSync(join(root, "src", file), "utf8")
const readable = globSync("{src,test,examples,bench,scripts}/**/*.{ts,tsx,js,mjs,css,html}", {
  cwd: root,
  exclude: (path) => path.includes("node_modules")
})

describe("the folders of src", () => {
  it("import only what the design lets them", () => {
    assert.isNotEmpty(sources)
    const faults = sources.flatMap((file) => importFaults(file, readSource(file), declaredPackages))
    assert.deepStrictEqual(faults, [])
  })

  // The testing kit starts servers; an entry whose name says node says it already.
  const web = entries.filter(({ subpath }) => !/\/(?:node|iroh|testing)(?:\/|$)/.test(subpath))
  it.each(web)("keep $subpath free of Node-only code, through every import", ({ source }) => {
    assert.deepStrictEqual(waysToNode(source.slice("src/".length), readSource), [])
  })
})

describe("the imports, those of types too,", () => {
  const graph = importGraph(sources, readSource)

  it("make no circle", () => {
    assert.deepStrictEqual(circles(graph), [])
  })

  it("lead from no inner folder to a file that builds on it", () => {
    assert.deepStrictEqual(upwardArrows(graph), [])
  })

  it("lead from no ready-made client handler to another one", () => {
    const isHandler = (file: string): boolean => {
      const name = /^client\/handlers\/(\w+)\.ts$/.exec(file)?.[1] ?? ""
      const factory = new RegExp(`^export const ${name.slice(0, 1).toLowerCase()}${name.slice(1)} = `, "m")
      const source = file.startsWith("client/handlers/") ? readSource(file) : ""
      return factory.test(source) && /\bClientHandler\b/.test(source)
    }
    const handlers = sources.filter(isHandler)
    assert.isAbove(handlers.length, 15)
    const between = handlers.flatMap((file) =>
      [...(graph.get(file) ?? [])].filter(isHandler).map((other) => `${file} → ${other}`)
    )
    assert.deepStrictEqual(between, [])
  })

  it("are found where they go around or upward", () => {
    const files: Record<string, string> = {
      "part/A.ts": `import type { B } from "./B.ts"`,
      "part/B.ts": `import { C } from "./engine/C.ts"`,
      "part/engine/C.ts": `export type D = import("../Model.ts").D; import { A } from "../A.ts"`,
      "part/Model.ts": ""
    }
    const found = importGraph(Object.keys(files), (file) => files[file] ?? "")
    assert.deepStrictEqual(circles(found), ["part/A.ts ↔ part/B.ts ↔ part/engine/C.ts"])
    assert.deepStrictEqual(upwardArrows(found), ["part/engine/C.ts → part/A.ts"])
  })
})

describe("every file", () => {
  it("has at most four hundred lines", () => {
    const long = readable.filter((file) => lineCount(readFileSync(join(root, file), "utf8")) > 400)
    assert.deepStrictEqual(long, [])
  })

  it("is named for its content", () => {
    const empty = readable.filter((file) => emptyWords(file).length > 0)
    assert.deepStrictEqual(empty, [])
  })
})

describe("the import rules", () => {
  const faults = (file: string, specifier: string) =>
    importFaults(file, `export * from "${specifier}"`, new Set(["effect", "jose", "@number0/iroh"]))

  it.each([
    ["core/Probe.ts", "../server/Pipeline.ts", "core may not import server"],
    ["core/Probe.ts", "jose", "core imports effect only"],
    ["server/Pipeline.ts", "../client/Exchange.ts", "server may not import client"],
    ["client/Exchange.ts", "../testing/client.ts", "client may not import testing"],
    ["inspector/Page.ts", "../testing/app.ts", "inspector may not import testing"],
    ["app/fairings/Launch.ts", "../../server/Pipeline.ts", "app may not import server"],
    ["index.ts", "./server/index.ts", ". may not import server"],
    ["server/Pipeline.ts", "fairlead/core", "by a relative path"],
    ["server/Pipeline.ts", "node:fs", "named node"],
    ["server/Pipeline.ts", "fs", "named node"],
    ["server/Pipeline.ts", "@effect/platform-node/NodeHttpServer", "named node"],
    ["endpoint/Endpoint.ts", "@number0/iroh", "named node"],
    ["client/node/Undici.ts", "undici", "a dependency or a peer"],
    ["shared/Thing.ts", "effect", "knows no folder shared"]
  ])("refuse that %s imports %s", (file, specifier, reason) => {
    assert.include(faults(file, specifier).join(), reason)
  })

  it.each([
    ["app/App.ts", "../server/Pipeline.ts"],
    ["app/fairings/Cors.ts", "../../server/middleware/Cors.ts"],
    ["testing/app.ts", "../app/App.ts"],
    ["server/middleware/Bearer.ts", "jose"],
    ["client/node/Undici.ts", "node:net"],
    ["endpoint/iroh/Binding.ts", "@number0/iroh"],
    ["app/NodeLaunch.ts", "node:process"]
  ])("allow that %s imports %s", (file, specifier) => {
    assert.deepStrictEqual(faults(file, specifier), [])
  })

  it("find Node-only code through any number of imports, and read no comment", () => {
    const files: Record<string, string> = {
      "a.ts": `/** import "node:fs" */ export * as b from "./b.ts"`,
      "b.ts": "const x = `\n/** import 'node:os' */\n`; export type T = import('./c/d.ts').T",
      "c/d.ts": `import "../a.ts"; export const t = () => import("node:http")`
    }
    const ways = waysToNode("a.ts", (file) => files[file] ?? "")
    assert.deepStrictEqual(ways, ["a.ts → b.ts → c/d.ts → node:http"])
  })

  it("see an empty word inside a name, and count the last line once", () => {
    assert.deepStrictEqual(emptyWords("src/core/RoomManager.ts"), ["Manager"])
    assert.deepStrictEqual(emptyWords("test/helpers/Commonwealth.ts"), ["helpers"])
    assert.deepStrictEqual([lineCount("a\nb\n"), lineCount("a\nb")], [2, 2])
  })
})
