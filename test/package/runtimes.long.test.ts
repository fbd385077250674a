/**
 * The packed package on other runtimes, each from its npm package. A runtime whose binary is not to be had or does not run is skipped with the reason.
 */
import { execFileSync, spawn } from "node:child_process"
import { copyFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import type { Readable } from "node:stream"

import { rolldown } from "rolldown"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import type { TestContext } from "vitest"

import { install, pack, run, start, temporary } from "./Outsider.ts"
import { tool } from "./Scratch.ts"

const versions = { bun: "1.4.4", deno: "2.9.6", workerd: "1.20261117.1" } as const
type Runtime = keyof typeof versions

const config = `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), (name = "internet", network = (allow = ["private", "public"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-01-01"
);
`

describe("the packed package", () => {
  const project = temporary()
  const missing = new Map<Runtime, string>()
  const binary = (name: string) => join(project.folder, "node_modules/.bin", name)
  /** Every second answer is a 503, so that a call succeeds only when it is retried. */
  let answers = 0
  const upstream = createServer((_, response) => {
    response.statusCode = answers++ % 2 === 0 ? 503 : 200
    response.end("yes")
  })
  const upstreamUrl = () => `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`

  beforeAll(async () => {
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve))
    writeFileSync(join(project.folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
    for (const file of ["web.ts", "call.ts", "chat.ts"]) {
      copyFileSync(join(import.meta.dirname, "runtimes", file), join(project.folder, file))
    }
    await install(project.folder, [await pack(".", project.folder), "effect@4.1", "@effect/platform-node@4.1"])
    for (const [name, version] of Object.entries(versions) as Array<[Runtime, string]>) {
      try {
        await install(project.folder, [`${name}@${version}`])
        execFileSync(binary(name), ["--version"], { stdio: "pipe" })
      } catch (error) {
        missing.set(name, `${name} ${version} does not run here: ${String(error).split("\n")[0]}`)
      }
    }
  })
  afterAll(() => {
    upstream.close()
    project.remove()
  })

  const needs = (context: TestContext, name: string): void => {
    const reason = missing.get(name as Runtime)
    if (reason !== undefined) context.skip(reason)
  }

  const programs = [
    ["node", tool(".bin/node"), []],
    ["bun", "bun", []],
    ["deno", "deno", ["run", "--allow-all"]]
  ] as const
  const command = (name: string): string => (name.includes("/") ? name : binary(name))

  it.for(programs)("serves by a web handler and calls by a client chain on %s", async ([name, file, args], context) => {
    needs(context, name)
    const output = await run(command(file), [...args, "call.ts", upstreamUrl()], project.folder)
    assert.strictEqual(output, "403 true closed\n200 true upstream: yes\n")
  })

  it("serves by a web handler and calls by a client chain on workerd", async (context) => {
    needs(context, "workerd")
    const bundle = await rolldown({ input: join(project.folder, "web.ts"), platform: "browser", logLevel: "silent" })
    await bundle.write({ file: join(project.folder, "worker.js"), format: "esm" })
    await bundle.close()
    writeFileSync(join(project.folder, "config.capnp"), config)
    const child = spawn(binary("workerd"), ["serve", "config.capnp", "--control-fd=3"], {
      cwd: project.folder,
      stdio: ["ignore", "inherit", "inherit", "pipe"]
    })
    try {
      const control = child.stdio[3] as Readable
      const port = await new Promise<string>((resolve, reject) => {
        child.on("exit", () => reject(new Error("workerd ended before it listened")))
        control.on("data", (chunk) => resolve(/"port":(\d+)/.exec(String(chunk))?.[1] ?? ""))
      })
      const closed = await fetch(`http://127.0.0.1:${port}/page?closed`)
      assert.deepStrictEqual([closed.status, await closed.text()], [403, "closed"])
      const called = await fetch(`http://127.0.0.1:${port}/page?upstream=${encodeURIComponent(upstreamUrl())}`)
      assert.deepStrictEqual([called.status, await called.text()], [200, "upstream: yes"])
    } finally {
      child.kill()
    }
  })

  it.for(
    programs.flatMap(([name, file, args]) =>
      (["node", "default"] as const).map((upgrade) => ({ name, file, args, upgrade }))
    )
  )(
    "serves channels on $name by the $upgrade upgrade, and stops on a signal",
    async ({ args, file, name, upgrade }, context) => {
      needs(context, name)
      const server = await start(command(file), [...args, "chat.ts", upgrade], project.folder)
      let code: number | null = null
      try {
        assert.deepStrictEqual(await conversation(server.url), [
          ["phx_reply", { status: "ok", response: {} }],
          ["said", { user: "Ada", text: "hello" }],
          ["phx_reply", { status: "ok", response: { length: 5 } }]
        ])
      } finally {
        code = await server.stop()
      }
      assert.strictEqual(code, 0, server.output())
    }
  )
})

/** Joins a room and says a word: the events and payloads that come back. */
const conversation = (url: string): Promise<ReadonlyArray<readonly [event: string, payload: unknown]>> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace("http", "ws")}/socket/websocket?vsn=2.0.0`)
    const received: Array<readonly [string, unknown]> = []
    const send = (ref: string, event: string, payload: object) =>
      socket.send(JSON.stringify(["1", ref, "room:a", event, payload]))
    socket.addEventListener("open", () => send("1", "phx_join", { user: "Ada" }))
    // After the third message the promise is settled, and this rejects nothing.
    socket.addEventListener("close", () => reject(new Error(`The socket was closed after ${received.length} messages`)))
    socket.addEventListener("message", ({ data }) => {
      const [, , , event, payload] = JSON.parse(String(data))
      received.push([event, payload])
      if (received.length === 1) send("2", "say", { text: "hello" })
      if (received.length === 3) {
        resolve(received)
        socket.close()
      }
    })
  })
