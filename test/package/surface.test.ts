import { globSync } from "node:fs"
import { join, posix } from "node:path"

import { assert, describe, it } from "vitest"

import { taggedErrors, tagsOf } from "./ErrorTags.ts"
import { entries, read, root } from "./Scratch.ts"
import { decidedSurface, differences, exportsOf } from "./Surface.ts"

const decided = decidedSurface(read("docs/architecture.md"))
const surface = new Map(
  entries.map(({ source, subpath }) => [subpath.replace(/^\./, "fairlead"), exportsOf(root, source)])
)

describe("the entries of the package", () => {
  it("each have a row in the table of the architecture page", () => {
    assert.sameMembers(
      decided.map(({ entry }) => entry),
      [...surface.keys()]
    )
  })

  it("export what the table decides, and nothing else", () => {
    const found = decided.flatMap((row) => {
      const exports = surface.get(row.entry)
      return exports === undefined ? [] : differences(row, exports)
    })
    assert.deepStrictEqual(found, [])
  })

  it("each have lines in the glossary for their namespaces and for the interceptors", () => {
    const glossary = new Set([...read("docs/glossary.md").matchAll(/^\| `(\w+)[^`]*`/gm)].map(([, name]) => name))
    const names = decided.flatMap(({ entry, flat, namespaces }) => [
      ...namespaces,
      ...(flat ?? surface.get(entry)?.flat.filter((name) => /^[a-z]/.test(name)) ?? [])
    ])
    assert.deepStrictEqual(
      names.filter((name) => !glossary.has(name)),
      []
    )
  })

  it("differ where a namespace or a flat name is missing or too many", () => {
    const row = { entry: "fairlead/x", namespaces: ["A", "B"], flat: ["c"] }
    assert.deepStrictEqual(differences(row, { namespaces: ["A", "Z"], flat: [], types: ["T"] }), [
      "fairlead/x\textra\tZ",
      "fairlead/x\tmissing\tB",
      "fairlead/x\textra\tT",
      "fairlead/x\tmissing\tc"
    ])
    assert.isEmpty(differences({ ...row, flat: undefined }, { namespaces: ["A", "B"], flat: ["d"], types: ["T"] }))
  })
})

describe("a public namespace", () => {
  it("holds nothing that is internal", () => {
    const modules = entries.flatMap(({ source }) =>
      [...read(source).matchAll(/^export \* as \w+ from "(\.[^"]+)"/gm)].map(([, from = ""]) =>
        posix.join(posix.dirname(source), from)
      )
    )
    assert.isAbove(modules.length, 30)
    const internals = modules.flatMap((file) =>
      [...read(file).matchAll(/^\/\*\*(?:(?!\*\/)[^])*?Internal to(?:(?!\*\/)[^])*?\*\/\nexport \w+ (\w+)/gm)].map(
        ([, name]) => `${file}: ${name}`
      )
    )
    assert.deepStrictEqual(internals, [])
  })
})

describe("a factory", () => {
  // What a program does wrong at run time, not where it is put together.
  const others = [
    "src/channel/Pattern.ts: No topic of a pattern has such a parameter",
    "src/endpoint/EndpointTransport.ts: the connection of another transport",
    "src/testing/TestServer.ts: an expectation that does not hold",
    "src/testing/client/Cassette.ts: an interaction that was written by hand"
  ]

  it("throws InvalidOption, and nothing else throws", () => {
    const throwing = globSync("src/**/*.ts", { cwd: root })
      .toSorted()
      .flatMap((file) =>
        read(file)
          .split("\n")
          .filter((line) => /^(?! *\*).*\bthrow new \w*Error\(/.test(line))
          .map(() => file)
      )
    assert.deepStrictEqual(
      throwing,
      others.map((other) => other.slice(0, other.indexOf(":")))
    )
  })
})

describe("the API report", () => {
  it("covers no internal of core, and no engine and no wire", () => {
    const reports = globSync("*.d.ts.txt", { cwd: join(import.meta.dirname, "api") })
    const files = reports.flatMap((report) =>
      [...read(`test/package/api/${report}`).matchAll(/^\/\/ (\S+)\.d\.ts$/gm)].map(([, file = ""]) => file)
    )
    const isInternal = (file: string) => /^\/\*\*[^/]*Internal to Fairlead(?!: public)/.test(read(`src/${file}.ts`))
    assert.include(files, "core/Probe")
    assert.deepStrictEqual(
      files.filter((file) => /\/(?:engine|wire)\//.test(file) || (file.startsWith("core/") && isInternal(file))),
      []
    )
  })
})

describe("the tag of an error", () => {
  const ours = globSync("src/**/*.ts", { cwd: root })
    .toSorted()
    .flatMap((file) => taggedErrors(file, read(file)))
  const theirs = new Set(
    globSync("node_modules/effect/src/**/*.ts", { cwd: root }).flatMap((file) => tagsOf(read(file)))
  )
  it("is its class name", () => {
    assert.isAbove(ours.length, 30)
    const others = ours.filter(({ name, tag }) => name !== tag)
    assert.deepStrictEqual(others, [])
  })

  it("is the tag of no other error", () => {
    const twice = ours.filter((one) => ours.some((other) => other !== one && other.tag === one.tag))
    assert.deepStrictEqual(twice, [])
  })

  it("is no tag of Effect", () => {
    assert.isTrue(theirs.has("TimeoutError") && theirs.has("HttpClientError"))
    // Effect's AuthenticationError is a reason of SqlError and AiError, our Rejected one of ConnectError: neither is in an `E`.
    const reasons = new Set(["Rejected", "AuthenticationError", "RateLimitError", "TransportError"])
    const shared = ours.filter(({ tag }) => theirs.has(tag) && !reasons.has(tag))
    assert.deepStrictEqual(shared, [])
  })
})
