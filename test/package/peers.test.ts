/**
 * The package in a project that has none of its optional peers.
 */
import { spawnSync } from "node:child_process"
import { cpSync, readFileSync } from "node:fs"
import { join } from "node:path"

import { afterAll, assert, beforeAll, describe, it } from "vitest"

import { entries, root, scratchProject } from "./Scratch.ts"

const { peerDependencies, peerDependenciesMeta } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

describe("a project without the optional peers", () => {
  // A copy, since a link would find the peers of the checkout.
  const project = scratchProject(["effect", "tldts"])
  beforeAll(() => {
    cpSync(join(root, "package.json"), join(project.folder, "package.json"))
    cpSync(join(root, "src"), join(project.folder, "src"), { recursive: true })
  })
  afterAll(project.remove)
  const run = (name: string, code: string) => {
    const file = project.write(`${name}.ts`, code)
    const { status, stderr, stdout } = spawnSync(process.execPath, ["--conditions=fairlead:source", file], {
      encoding: "utf8"
    })
    return { status, output: `${stdout}${stderr}` }
  }

  it("can import every entry", () => {
    const subpaths = entries.map(({ subpath }) => subpath.slice(1))
    const { output, status } = run("every", subpaths.map((subpath) => `await import("fairlead${subpath}")\n`).join(""))
    assert.strictEqual(status, 0, output)
  })

  it.each([
    [
      "fairlead/app/node",
      "@effect/platform-node",
      `import { App } from "fairlead/app"
       import { NodeApp } from "fairlead/app/node"
       NodeApp.run(App.make("shop"), { port: 0 })`
    ],
    [
      "fairlead/client/node",
      "@effect/platform-node",
      `import { Effect, Layer } from "effect"
       import { NodeTransport } from "fairlead/client/node"
       await Effect.runPromise(Effect.scoped(Layer.build(NodeTransport.layer())))`
    ],
    [
      "fairlead/channel/node",
      "@effect/platform-node",
      `import { Effect, Layer } from "effect"
       import { NodeUpgrade } from "fairlead/channel/node"
       await Effect.runPromise(Effect.scoped(Layer.build(NodeUpgrade.layer)))`
    ],
    [
      "fairlead/channel/nats",
      "@nats-io/transport-node",
      `import { Effect, Layer } from "effect"
       import { NatsBroadcaster } from "fairlead/channel/nats"
       await Effect.runPromise(Effect.scoped(Layer.build(NatsBroadcaster.layer())))`
    ],
    [
      "fairlead/channel/redis",
      "redis",
      `import { Effect, Layer } from "effect"
       import { RedisBroadcaster } from "fairlead/channel/redis"
       await Effect.runPromise(Effect.scoped(Layer.build(RedisBroadcaster.layer())))`
    ],
    [
      "fairlead/server/middleware",
      "jose",
      `import { Effect, Redacted } from "effect"
       import { Jwt } from "fairlead/server/middleware"
       const keys = Redacted.make(new Uint8Array(32))
       const verify = Jwt.verifier({ keys, algorithms: ["HS256"], issuer: "a", audience: "b" })
       await Effect.runPromise(verify(Redacted.make(btoa('{"alg":"HS256"}') + ".a.b")))`
    ],
    [
      "fairlead/endpoint/iroh",
      "@number0/iroh",
      `import { Effect, Layer } from "effect"
       import { Alpn, Endpoint } from "fairlead/endpoint"
       import { IrohTransport } from "fairlead/endpoint/iroh"
       const layer = Layer.provide(Endpoint.layer({ alpns: [Alpn.fromString("a/1")] }), IrohTransport.layer())
       await Effect.runPromise(Effect.scoped(Layer.build(layer)))`
    ]
  ])("learns from %s that it is to install %s, and in which version", (entry, name, code) => {
    assert.isTrue(peerDependenciesMeta[name].optional)
    const { output, status } = run(entry.replaceAll("/", "-"), code)
    assert.strictEqual(status, 1, output)
    const minor = peerDependencies[name].replace(/^~(\d+\.\d+)\.0$/, "$1")
    assert.include(output, `npm install ${name}@${minor}`)
  })
})
