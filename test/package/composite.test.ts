import { readFileSync } from "node:fs"
import { join } from "node:path"

import { Interceptor } from "fairlead"
import { App, Fairing } from "fairlead/app"
import { ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
import { ClientChain, ClientHandler } from "fairlead/client"
import { EndpointHooks, HookChain } from "fairlead/endpoint"
import { Middleware, Pipeline } from "fairlead/server"
import { assert, describe, it } from "vitest"

import { root } from "./Scratch.ts"

/** What every part gives, in the same words. A part joins the table when it lands. */
const parts = {
  server: { interceptor: Middleware, composite: Pipeline, value: Pipeline.make("sample").next() },
  app: { interceptor: Fairing, composite: App, value: App.make("sample") },
  client: { interceptor: ClientHandler, composite: ClientChain, value: ClientChain.make("sample") },
  channel: { interceptor: ChannelHandler, composite: ChannelServer, value: ChannelServer.make("sample") },
  endpoint: { interceptor: EndpointHooks, composite: HookChain, value: HookChain.make("sample") }
} as const

const exported: Readonly<Record<string, unknown>> = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).exports

describe("the parts have one shape", () => {
  it.each(Object.entries(parts))(
    "%s: an interceptor with a service form, a composite that draws itself, a testing kit",
    (part, { composite, interceptor }) => {
      assert.isFunction(interceptor.Service)
      assert.isFunction(composite.make)
      assert.containsAllKeys(exported, [`./${part}`, `./testing/${part}`])
    }
  )

  it("server: a pipeline is described as data, as text and as Mermaid", () => {
    const { value } = parts.server
    assert.deepInclude(Interceptor.describe(value), { part: "server", name: "sample" })
    assert.include(Interceptor.toText(value), "sample (server)")
    assert.include(Interceptor.toMermaid(value), "flowchart TD")
  })

  it("client: a chain is described as data, as text and as Mermaid", () => {
    const { composite, value } = parts.client
    assert.deepInclude(composite.describe(value), { part: "client", name: "sample" })
    assert.include(Interceptor.toText(value), "sample (client)")
    assert.include(Interceptor.toMermaid(value), "flowchart TD")
  })

  it("channel: a server is described as data, as text and as Mermaid", () => {
    const { value } = parts.channel
    class Sign extends ChannelHandler.Service<Sign>()("app/Sign") {}
    class Room extends ChannelApi.make("room:{id}", {}) {}
    const described = value.use(ChannelHandler.make("log", {})).use(Sign).mount(Room)
    assert.deepInclude(Interceptor.describe(described), { part: "channel", name: "sample" })
    assert.deepStrictEqual(
      Interceptor.describe(described).interceptors.map(({ kind, name }) => `${kind} ${name}`),
      ["handler log", "handler app/Sign", "channel room:{id}"]
    )
    assert.include(Interceptor.toText(described), "sample (channel)")
    assert.include(Interceptor.toMermaid(described), "flowchart TD")
    assert.throws(() => value.mount(Room, Room), /"room:\{id\}" is mounted twice/)
  })

  it("endpoint: a chain is described as data, as text and as Mermaid", () => {
    const { value } = parts.endpoint
    assert.deepInclude(Interceptor.describe(value), { part: "endpoint", name: "sample" })
    assert.include(Interceptor.toText(value), "sample (endpoint)")
    assert.include(Interceptor.toMermaid(value), "flowchart TD")
  })

  it("app: an application is described as data, as text and as Mermaid", () => {
    const { composite, value } = parts.app
    assert.isTrue(composite.isApp(value))
    const described = Interceptor.describe(value.attach(Fairing.onShutdown("bye", () => {})))
    assert.deepInclude(described, { part: "app", name: "sample" })
    assert.deepInclude(described.interceptors[0], { name: "bye", kind: "fairing shutdown" })
    assert.include(Interceptor.toText(value), "sample (app)")
    assert.include(Interceptor.toMermaid(value), "flowchart TD")
  })
})
