import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClientError, HttpClientRequest } from "effect/http"
import { HttpClient } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"
import { retry } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { loopback } from "./handlers/Loopback.ts"
import { wireOf } from "./handlers/Wire.ts"

const url = "https://api.com/rooms"

describe("a client as a fetch", () => {
  it("client2 1.2: sends method, headers and body through the chain, and returns status, headers and body", async () => {
    const bodies: Array<unknown> = []
    const wire = wireOf((request) => {
      bodies.push(request.body.toJSON())
      return new Response("made", { status: 201, headers: { "x-a": "1" } })
    })
    const signing = ClientHandler.make("signing", {
      run: ({ request }) => ClientHandler.proceed(HttpClientRequest.setHeader(request, "x-signed", "yes"))
    })
    const fetching = ClientChain.toFetch(ClientChain.over(ClientChain.make("c").use(signing), wire.client))
    const response = await fetching(url, { method: "POST", headers: { "x-own": "1" }, body: "text" })
    assert.deepStrictEqual([response.status, response.headers.get("x-a"), await response.text()], [201, "1", "made"])
    assert.deepStrictEqual([wire.asked[0]?.method, wire.sent("x-own"), wire.sent("x-signed")], ["POST", ["1"], ["yes"]])
    assert.lengthOf(bodies, 1)
    assert.strictEqual((await fetching(new Request(url))).status, 201)
  })

  it("client2 1.2: a response without a body has a null body", async () => {
    for (const status of [204, 304]) {
      const fetching = ClientChain.toFetch(wireOf(() => new Response(null, { status })).client)
      const response = await fetching(url)
      assert.deepStrictEqual([response.status, response.body], [status, null])
    }
    const head = await ClientChain.toFetch(wireOf(() => new Response(null)).client)(url, { method: "HEAD" })
    assert.isNull(head.body)
    assert.strictEqual(await (await ClientChain.toFetch(wireOf(() => new Response(null)).client)(url)).text(), "")
  })

  it("client2 1.2: an error of the client rejects the promise as it is", async () => {
    class Denied extends Error {}
    const denied = new Denied()
    const failing = ClientHandler.make("failing", { run: () => Effect.fail(denied) })
    const fetching = ClientChain.toFetch(
      ClientChain.over(ClientChain.make("c").use(failing), wireOf(() => new Response("ok")).client)
    )
    assert.strictEqual(await fetching(url).catch((error: unknown) => error), denied)
    assert.instanceOf(await fetching("no url").catch((error: unknown) => error), TypeError)
  })

  it("client2 1.2: a signal interrupts the call, and its handlers hear of it", async () => {
    let undone = 0
    let begun: () => void = () => {}
    const entered = new Promise<void>((resolve) => (begun = resolve))
    const waiting = ClientHandler.make("waiting", {
      run: (exchange) => {
        exchange.onInterrupt(() => void undone++)
        begun()
        return Effect.never
      }
    })
    const fetching = ClientChain.toFetch(
      ClientChain.over(ClientChain.make("c").use(waiting), wireOf(() => new Response("ok")).client)
    )
    const abort = new AbortController()
    const call = fetching(url, { signal: abort.signal }).then(
      () => "response",
      () => "rejected"
    )
    await entered
    abort.abort()
    assert.strictEqual(await call, "rejected")
    assert.strictEqual(undone, 1)
  })

  it.live("client2 1.2: over a socket, both Set-Cookie lines and a streamed body come through, and retry retries", () =>
    Effect.gen(function* () {
      let asked = 0
      const server = yield* loopback((_, response) => {
        if (++asked === 1) return void response.writeHead(503).end()
        response.setHeader("set-cookie", ["a=1", "b=2"])
        response.write("one ")
        return void setImmediate(() => response.end("two"))
      })
      const client = ClientChain.over(ClientChain.make("c").use(retry({ baseDelay: 0 })), yield* HttpClient.HttpClient)
      const response = yield* Effect.promise(() => ClientChain.toFetch(client)(server.origin))
      assert.deepStrictEqual(response.headers.getSetCookie(), ["a=1", "b=2"])
      assert.strictEqual(yield* Effect.promise(() => response.text()), "one two")
      assert.strictEqual(asked, 2)
    }).pipe(Effect.provide(NodeTransport.layer()), Effect.scoped)
  )

  it.live("client2 1.2: a transport error rejects with the HttpClientError", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const error = yield* Effect.promise(() =>
        ClientChain.toFetch(client)("http://127.0.0.1:1/").catch((error: unknown) => error)
      )
      assert.isTrue(HttpClientError.isHttpClientError(error))
    }).pipe(Effect.provide(NodeTransport.layer()))
  )
})
