import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { join } from "node:path"

import { afterAll, assert, describe, expect, it } from "vitest"

import { scratchProject, tool } from "../package/Scratch.ts"

const source = readFileSync(join(import.meta.dirname, "mistakes.ts.txt"), "utf8")

/** What TypeScript says of a program under plain `strict`, by line. */
const compile = (folder: string): ReadonlyMap<number, string> => {
  const { stdout } = spawnSync(process.execPath, [tool("typescript/bin/tsc"), "-p", folder, "--pretty", "false"], {
    encoding: "utf8",
    cwd: folder
  })
  const messages = new Map<number, string>()
  // Each message begins with its file and place; its further lines are indented. The sources of the project have flags of their own.
  for (const message of stdout.split(/^(?=\S)/m)) {
    const head = /^mistakes\.ts\((\d+),\d+\): error \w+: (.*)$/s.exec(message)
    if (head !== null) messages.set(Number(head[1]), head[2]!.trimEnd())
  }
  return messages
}

describe("the message of TypeScript for a mistake", () => {
  const project = scratchProject(["fairlead", "effect"])
  afterAll(project.remove)
  project.write("mistakes.ts", source)
  project.write(
    "tsconfig.json",
    JSON.stringify({
      compilerOptions: {
        target: "ES2023",
        lib: ["ES2023", "DOM", "DOM.Iterable"],
        module: "NodeNext",
        customConditions: ["fairlead:source"],
        types: [],
        strict: true,
        noErrorTruncation: true,
        skipLibCheck: true,
        rewriteRelativeImportExtensions: true,
        noEmit: true
      },
      files: ["mistakes.ts"]
    })
  )
  const messages = compile(project.folder)

  /** The parts of the program, each with the messages for its lines. */
  const parts = source.split(/^(?=\/\/ )/m).slice(1)
  const shown = parts.map((part) => {
    const first = source.slice(0, source.indexOf(part)).split("\n").length
    const lines = part.split("\n").map((_, index) => messages.get(first + index))
    return [part.split("\n")[0]!.slice(3), ...lines.filter((text) => text !== undefined)] as const
  })

  it("server2 4: names the mistake: read the difference, then update the snapshot", async () => {
    const text = shown.map(([title, ...texts]) => [`## ${title}`, ...texts].join("\n")).join("\n\n")
    await expect(`${text}\n`).toMatchFileSnapshot("messages.snapshot.txt")
  })

  it("server2 4: is one message for each mistake, and no message for correct code", () => {
    for (const [title, ...texts] of shown) {
      assert.lengthOf(texts, title.startsWith("correct") ? 0 : 1, title)
    }
    assert.strictEqual(messages.size, shown.length - 1)
  })
})
