/** What a connect handler knows of the request, over each way in which a request becomes a socket, and over long-poll. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { HttpServerRequest } from "effect/http"
import { Broadcaster, ChannelHandler, ChannelServer } from "fairlead/channel"
import type { ChannelSocket } from "fairlead/channel"
import * as fc from "fast-check"

import { connectRequest } from "../../src/channel/Connecting.ts"
import { nestedOf } from "../../src/channel/Query.ts"
import { shared, upgrades } from "./Conformance.ts"

describe("a query with nested names", () => {
  it.each([
    ["/?user[id]=1&user[name]=ann&vsn=2.0.0", { user: { id: "1", name: "ann" } }],
    ["/?tags[]=a&tags[]=b", { tags: ["a", "b"] }],
    ["/?a[b][c]=1&a[b][d][]=2", { a: { b: { c: "1", d: ["2"] } } }],
    ["/?a=1&a=2", { a: "2" }],
    ["/?a=1&a[b]=2", { a: { b: "2" } }],
    ["/?a[=1&b]=2&[c]=3&d[e]f=4", { "a[": "1", "b]": "2", "[c]": "3", "d[e]f": "4" }],
    ["/?__proto__[polluted]=1&constructor=2", { ["__proto__"]: { polluted: "1" }, constructor: "2" }],
    ["/", {}]
  ])("channel2 4.1: of %s", (url, expected) => {
    const found = nestedOf(url)
    assert.deepStrictEqual(JSON.stringify(found), JSON.stringify(expected))
    assert.isUndefined(({} as { readonly polluted?: string }).polluted)
  })

  it("channel2 4.1: never throws, and is read in bounded depth", () => {
    const name = fc.array(fc.constantFrom("a", "[", "]", "b", "[]", "[x]", "__proto__"), { maxLength: 30 })
    fc.assert(
      fc.property(fc.array(name, { maxLength: 10 }), (names) => {
        const url = `/?${names.map((parts) => `${encodeURIComponent(parts.join(""))}=1`).join("&")}`
        const depth = (value: unknown): number =>
          typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0
        assert.isAtMost(depth(nestedOf(url)), 9)
      })
    )
  })
})

describe.each(upgrades)("over %s", (_, upgrade) => {
  let seen: ChannelSocket.ConnectRequest | undefined
  const note = ChannelHandler.make("note", {
    connect: (request) => {
      seen = request
    }
  })
  const { server } = shared(
    upgrade,
    ChannelServer.layer(ChannelServer.make("noting").use(note), {
      path: "/v/:tenant",
      allowedOrigins: "any",
      longPoll: true
    }).pipe(Layer.provide(Broadcaster.layer))
  )

  const check = (transport: string, path: string): void => {
    const { cookies, params, pathParams, peerCertificate, query, remoteAddress, remotePort, url, ...rest } = seen!
    assert.strictEqual(rest.transport, transport)
    assert.include(url, path)
    assert.deepStrictEqual({ ...pathParams }, { tenant: "acme" })
    assert.deepStrictEqual(query, { user: { id: "1" } })
    assert.strictEqual(params.get("user[id]"), "1")
    assert.deepStrictEqual({ ...cookies }, { session: "abc" })
    assert.include(remoteAddress, "127.0.0.1")
    assert.isAbove(remotePort!, 0)
    assert.isUndefined(peerCertificate)
  }

  it("channel2 4.1: a connect has the URL, path variables, nested query, cookies and the peer's port", async () => {
    const { WebSocket } = await import("ws")
    const ws = new WebSocket(`${server().ws}/v/acme/websocket?vsn=2.0.0&user[id]=1`, {
      headers: { cookie: "session=abc" }
    })
    await new Promise((resolve, reject) => {
      ws.once("open", resolve)
      ws.once("error", reject)
    })
    check("websocket", "/v/acme/websocket")
    ws.terminate()
    await fetch(`${server().http}/v/acme/longpoll?vsn=2.0.0&user[id]=1`, { headers: { cookie: "session=abc" } })
    check("longpoll", "/v/acme/longpoll")
  })
})

describe("a request over TLS", () => {
  it.effect("channel2 4.1: has the client's certificate only where the server verified it", () =>
    Effect.sync(() => {
      const raw = new Uint8Array([48, 1])
      const of = (authorized: boolean) => {
        const request = HttpServerRequest.fromWeb(new Request("https://chat.example/websocket"))
        const withSocket = Object.create(request, {
          source: { value: { socket: { authorized, remotePort: 7, getPeerCertificate: () => ({ raw }) } } }
        }) as HttpServerRequest.HttpServerRequest
        const given = { params: new Map<string, string>(), headers: {}, pathParams: {} }
        return connectRequest("websocket", withSocket, given, undefined)
      }
      assert.deepStrictEqual([of(true).peerCertificate, of(true).remotePort], [raw, 7])
      assert.isUndefined(of(false).peerCertificate)
    })
  )
})
