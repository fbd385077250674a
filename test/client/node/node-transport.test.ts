import type { IncomingMessage } from "node:http"
import type { LookupFunction } from "node:net"

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { ClientChain, RawHeaders } from "fairlead/client"
import { ssrfPolicy, SsrfError, ssrfGuard } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { sent } from "../Calls.ts"
import { loopback } from "../handlers/Loopback.ts"

/** A lookup that gives these answers, one list after the other, the last for ever. */
const resolving = (
  ...answers: ReadonlyArray<ReadonlyArray<string>>
): { readonly asked: Array<string>; readonly lookup: LookupFunction } => {
  const asked: Array<string> = []
  const lookup: LookupFunction = (host, options, callback) => {
    const found = answers[Math.min(asked.length, answers.length - 1)] ?? []
    asked.push(host)
    const all = found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
    if (options.all === true) callback(null, all)
    else callback(null, all[0]?.address ?? "", all[0]?.family)
  }
  return { asked, lookup }
}

describe("guarded connections", () => {
  const only = (port: number) => ssrfPolicy({ ports: [port], allow: ["127.0.0.1/32"] })

  it.live("client 10: a name that resolves to a refused address is refused where the connection is made", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => response.end("secret"))
      const guard = ssrfPolicy({ ports: [server.port] })
      const { asked, lookup } = resolving(["127.0.0.1"])
      const request = HttpClientRequest.get(`http://innocent.example:${server.port}/`)
      assert.isUndefined(guard.url(new URL(request.url)))
      const error = yield* Effect.flip(sent(request)).pipe(
        Effect.provide(NodeTransport.layer({ ssrfPolicy: guard, lookup }))
      )
      assert.deepInclude(NodeTransport.blockedBy(error), {
        reason: { _tag: "AddressForbidden" },
        refused: "127.0.0.1",
        host: "innocent.example"
      })
      assert.deepStrictEqual(asked, ["innocent.example"])
      assert.strictEqual(server.connections(), 0)
    }).pipe(Effect.scoped)
  )

  it.live("client 10: the checked address is the connected one, and each new connection is checked", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => response.end("ok"))
      const { asked, lookup } = resolving(["127.0.0.1"], ["127.0.0.2"])
      const request = HttpClientRequest.get(`http://rebinding.example:${server.port}/`)
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* sent(request), "ok")
        assert.strictEqual(yield* sent(request), "ok")
        assert.lengthOf(asked, 1)
        const error = yield* Effect.flip(sent(NodeTransport.freshConnection(request)))
        assert.include(NodeTransport.blockedBy(error), { refused: "127.0.0.2" })
      }).pipe(
        Effect.provide(NodeTransport.layer({ ssrfPolicy: only(server.port), lookup, maxConnectionsPerOrigin: 1 }))
      )
      assert.strictEqual(server.connections(), 1)
    }).pipe(Effect.scoped)
  )

  it.live("client 10: one refused address among several refuses the name, in IPv6 too", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => response.end("ok"))
      for (const other of ["10.0.0.1", "::1", "::ffff:169.254.169.254"]) {
        const { lookup } = resolving(["127.0.0.1", other])
        const layer = NodeTransport.layer({ ssrfPolicy: only(server.port), lookup })
        const get = sent(HttpClientRequest.get(`http://two.example:${server.port}/`))
        const error = yield* Effect.flip(get).pipe(Effect.provide(layer))
        assert.strictEqual(NodeTransport.blockedBy(error)?.refused, other)
      }
      assert.strictEqual(server.connections(), 0)
    }).pipe(Effect.scoped)
  )

  it.live("client 10: a literal address is checked without a lookup, and one policy serves handler and transport", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => response.end("ok"))
      const { asked, lookup } = resolving(["127.0.0.1"])
      const get = sent(HttpClientRequest.get(server.origin))
      const closed = NodeTransport.layer({ ssrfPolicy: ssrfPolicy({ ports: [server.port] }), lookup })
      assert.strictEqual(
        NodeTransport.blockedBy(yield* Effect.flip(get).pipe(Effect.provide(closed)))?.refused,
        "127.0.0.1"
      )
      assert.strictEqual(server.connections(), 0)
      const guard = only(server.port)
      const through = Effect.gen(function* () {
        const client = ClientChain.make("c")
          .use(ssrfGuard({ policy: guard }))
          .pipe(ClientChain.over(yield* HttpClient.HttpClient))
        return yield* (yield* client.get(server.origin)).text
      })
      assert.strictEqual(yield* through.pipe(Effect.provide(NodeTransport.layer({ ssrfPolicy: guard, lookup }))), "ok")
      assert.deepStrictEqual(asked, [])
    }).pipe(Effect.scoped)
  )

  it.live("client 10: the address that the socket reached is checked as well", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => response.end("secret"))
      let checks = 0
      const guard = {
        url: () => undefined,
        address: (address: string, host: string) =>
          ++checks === 1 ? undefined : new SsrfError({ reason: { _tag: "AddressForbidden" }, refused: address, host })
      }
      const layer = NodeTransport.layer({ ssrfPolicy: guard, lookup: resolving(["127.0.0.1"]).lookup })
      const get = sent(HttpClientRequest.get(`http://a.example:${server.port}/`))
      const error = yield* Effect.flip(get).pipe(Effect.provide(layer))
      assert.strictEqual(NodeTransport.blockedBy(error)?.refused, "127.0.0.1")
      assert.strictEqual(checks, 2)
    }).pipe(Effect.scoped)
  )

  it.live("client 10: a failure is not ascribed to the guard without its refusal", () =>
    Effect.gen(function* () {
      const server = yield* loopback((request) => request.socket.destroy())
      const error = yield* Effect.flip(sent(HttpClientRequest.get(server.origin)))
      assert.isUndefined(NodeTransport.blockedBy(error))
      assert.isFalse(NodeTransport.isConnectTimeout(error))
      assert.isUndefined(NodeTransport.blockedBy("x"))
    }).pipe(Effect.provide(NodeTransport.layer()), Effect.scoped)
  )
})

describe("connecting", () => {
  it.live("client 10: a late connection fails as such", () =>
    Effect.gen(function* () {
      // A lookup that never answers is a connection that never comes.
      const layer = NodeTransport.layer({ connectTimeout: 100, lookup: () => {} })
      const error = yield* Effect.flip(sent(HttpClientRequest.get("http://silent.example/"))).pipe(
        Effect.provide(layer)
      )
      assert.isTrue(NodeTransport.isConnectTimeout(error))
    })
  )

  it.live("client 10: the connect timeout does not count the time that the answer takes", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => void setTimeout(() => response.end("late"), 1600))
      assert.strictEqual(yield* sent(HttpClientRequest.get(server.origin)), "late")
    }).pipe(Effect.provide(NodeTransport.layer({ connectTimeout: 50 })), Effect.scoped)
  )

  it.live(
    "client 10: a marked request gets a separate connection, which is closed afterwards; the server never sees the mark",
    () =>
      Effect.gen(function* () {
        const seen: Array<IncomingMessage> = []
        const server = yield* loopback((request, response) => {
          seen.push(request)
          response.end("ok")
        })
        const get = HttpClientRequest.get(server.origin)
        for (const request of [get, get, NodeTransport.freshConnection(get), NodeTransport.freshConnection(get), get])
          yield* sent(request)
        const ports = seen.map(({ socket }) => socket)
        assert.strictEqual(server.connections(), 3)
        assert.strictEqual(ports[0], ports[1])
        assert.strictEqual(ports[0], ports[4])
        assert.lengthOf(new Set(ports.slice(1, 4)), 3)
        assert.deepStrictEqual(
          seen.map(({ headers }) => headers.connection),
          ["keep-alive", "keep-alive", "close", "close", "keep-alive"]
        )
        assert.isFalse(seen.some(({ rawHeaders }) => rawHeaders.includes("fairlead-connection")))
      }).pipe(Effect.provide(NodeTransport.layer({ maxConnectionsPerOrigin: 1 })), Effect.scoped)
  )

  it.live("client 10: an interruption closes the connection", () =>
    Effect.gen(function* () {
      let arrived: () => void = () => {}
      let left: () => void = () => {}
      const entered = new Promise<void>((resolve) => (arrived = resolve))
      const closed = new Promise<void>((resolve) => (left = resolve))
      const server = yield* loopback((request, response) => {
        if (request.url === "/quick") return void response.end("ok")
        request.socket.on("close", left)
        return arrived()
      })
      const call = yield* Effect.forkChild(
        sent(HttpClientRequest.get(`${server.origin}/hang`)).pipe(Effect.provide(NodeTransport.layer()))
      )
      yield* Effect.promise(() => entered)
      yield* Fiber.interrupt(call)
      yield* Effect.promise(() => closed)
    }).pipe(Effect.scoped)
  )

  it.live("client 10: the end of the layer closes the connections that are kept", () =>
    Effect.gen(function* () {
      let left: () => void = () => {}
      const closed = new Promise<void>((resolve) => (left = resolve))
      const server = yield* loopback((request, response) => {
        request.socket.on("close", left)
        response.end("ok")
      })
      const layer = NodeTransport.layer({ keepAliveTimeout: "1 hour" })
      assert.strictEqual(yield* sent(HttpClientRequest.get(server.origin)).pipe(Effect.provide(layer)), "ok")
      yield* Effect.promise(() => closed)
    }).pipe(Effect.scoped)
  )
})

describe("heads of responses", () => {
  it.live("client 11: header pairs are returned as they came: order, case, same names, bytes beyond ASCII", () =>
    Effect.gen(function* () {
      const pairs: ReadonlyArray<RawHeaders.Pair> = [
        ["X-B", "1"],
        ["set-cookie", "s=1; Path=/"],
        ["x-b", "2"],
        ["Set-Cookie", "s=2; Path=/x"],
        ["X-L", "é"]
      ]
      const server = yield* loopback((_, response) => {
        response.sendDate = false
        response.writeHead(200, [...pairs.flat(), "Content-Length", "0"])
        response.end()
      })
      const response = yield* HttpClient.get(server.origin)
      const given = Option.getOrThrow(RawHeaders.of(response))
      assert.deepStrictEqual(
        given.filter(([name]) => /^(?:x-|set-)/i.test(name)),
        [...pairs]
      )
      assert.deepStrictEqual(RawHeaders.setCookies(response), ["s=1; Path=/", "s=2; Path=/x"])
      assert.deepStrictEqual(NodeTransport.informationalResponses(response), [])
    }).pipe(Effect.provide(NodeTransport.layer()), Effect.scoped)
  )

  it.live("client 11: a response over a fresh connection has its pairs and its informational responses too", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => {
        response.writeEarlyHints({ link: "</a.css>; rel=preload" }, () => {
          response.writeHead(200, ["X-B", "1", "x-b", "2"]).end()
        })
      })
      const response = yield* HttpClient.execute(NodeTransport.freshConnection(HttpClientRequest.get(server.origin)))
      assert.deepStrictEqual(
        Option.getOrThrow(RawHeaders.of(response)).filter(([name]) => /^x-b$/i.test(name)),
        [
          ["X-B", "1"],
          ["x-b", "2"]
        ]
      )
      assert.deepStrictEqual(
        NodeTransport.informationalResponses(response).map(({ status }) => status),
        [103]
      )
    }).pipe(Effect.provide(NodeTransport.layer()), Effect.scoped)
  )

  it.live("client 10: informational responses are returned with the final one", () =>
    Effect.gen(function* () {
      const server = yield* loopback((_, response) => {
        response.writeEarlyHints({ link: "</a.css>; rel=preload" }, () => response.end("ok"))
      })
      const response = yield* HttpClient.get(server.origin)
      assert.deepStrictEqual(NodeTransport.informationalResponses(response), [
        { status: 103, headers: [["Link", "</a.css>; rel=preload"]] }
      ])
      assert.strictEqual(yield* response.text, "ok")
    }).pipe(Effect.provide(NodeTransport.layer()), Effect.scoped)
  )
})
