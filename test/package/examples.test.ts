import { spawn } from "node:child_process"
import { globSync } from "node:fs"

import { assert, describe, it } from "vitest"

import { root } from "./Scratch.ts"

const examples = globSync("examples/{*.ts,recipes/*.ts,{tutorial/*,file-drop}/main.ts}", { cwd: root }).toSorted()

/** The line of an example that serves until it is stopped, as a terminal would stop it. */
const serving = (file: string): RegExp =>
  file.startsWith("examples/tutorial/") ? /The app "chat" listens on http:/ : /^Listening on \S+ until stopped$/m

/** Runs an example to its end; a server takes a free port. */
const run = (file: string) =>
  new Promise<{ readonly code: number | null; readonly stderr: string; readonly stdout: string }>((resolve) => {
    const child = spawn(process.execPath, ["--conditions=fairlead:source", file], {
      cwd: root,
      env: { ...process.env, PORT: "0" }
    })
    let [stderr, stdout] = ["", ""]
    child.stderr.on("data", (chunk) => (stderr += String(chunk)))
    child.stdout.on("data", (chunk) => {
      stdout += String(chunk)
      // Once: a second signal ends the process at once.
      if (serving(file).test(stdout) && !child.killed) child.kill("SIGTERM")
    })
    child.on("close", (code) => resolve({ code, stderr, stdout }))
  })

describe("the examples", () => {
  it("are there", () => assert.isNotEmpty(examples))

  it.each(examples)("run %s to its end, saying something and warning of nothing", async (file) => {
    const { code, stderr, stdout } = await run(file)
    assert.strictEqual(stderr, "")
    assert.notStrictEqual(stdout.trim(), "")
    assert.strictEqual(code, 0)
  })
})
