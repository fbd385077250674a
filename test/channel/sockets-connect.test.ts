/**
 * How sockets connect and end, over real sockets.
 */
import { once } from "node:events"
import { connect } from "node:net"

import { Layer } from "effect"
import { Broadcaster, ChannelServer } from "fairlead/channel"
import { NodeUpgrade } from "fairlead/channel/node"
import { afterEach, assert, describe, it } from "vitest"

import { control, serve, shared, upgrades } from "./Conformance.ts"
import { cut, Peer, refusal } from "./Peer.ts"

afterEach(cut)

const v2 = "vsn=2.0.0"

describe.each(upgrades)("over %s", (_, upgrade) => {
  const { server } = shared(upgrade)
  const at = (mount: string, query = v2) => `${server().ws}/${mount}/websocket?${query}`
  const get = (path: string, init?: RequestInit) => fetch(server().http + path, init)

  it.each(["", "vsn=1.0.0", "vsn=1.0.7"])("channel 1.1: the query %j asks for version 1", async (query) => {
    const peer = await Peer.connect(at("socket", query))
    peer.send({ topic: "phoenix", event: "heartbeat", payload: {}, ref: "1" })
    await peer.gets({ topic: "phoenix", event: "phx_reply", payload: { status: "ok", response: {} }, ref: "1" })
  })

  it.each(["vsn=2.0.0", "vsn=2.0.12"])("channel 1.1: the query %j asks for version 2", async (query) => {
    const peer = await Peer.connect(at("socket", query))
    await peer.quiet()
  })

  it.each(["vsn=", "vsn=2.1.0", "vsn=1.1.0", "vsn=3.0.0", "vsn=2", "vsn=2.0", "vsn=two", "vsn=2.0.0%20"])(
    "channel 1.1: the query %j asks for no version there is: 403 with an empty body",
    async (query) => {
      assert.deepStrictEqual(await refusal(at("socket", query)), [403, ""])
    }
  )

  it("channel 1.1: of two versions in the query the last counts", async () => {
    assert.deepStrictEqual(await refusal(at("socket", "vsn=2.0.0&vsn=9.0.0")), [403, ""])
    await (await Peer.connect(at("socket", "vsn=9.0.0&vsn=2.0.0"))).quiet()
  })

  it("channel 1.1: a refused connect is a 403 with an empty body", async () => {
    assert.deepStrictEqual(await refusal(at("socket", `${v2}&reject=true`)), [403, ""])
  })

  it("channel 1.1: a connect may be refused with its own answer", async () => {
    assert.deepStrictEqual(await refusal(at("socket", `${v2}&ratelimit=true`)), [429, "Too many requests"])
  })

  it("channel 1.1: an unknown path is a 404", async () => {
    assert.strictEqual((await refusal(`${server().ws}/nowhere/websocket?${v2}`))[0], 404)
    assert.strictEqual((await refusal(`${server().ws}/socket?${v2}`))[0], 404)
    assert.strictEqual((await refusal(`${server().ws}/socket/websocket/more?${v2}`))[0], 404)
  })

  it.each(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])(
    "channel 1.1: a %s without a handshake is a 400",
    async (method) => {
      assert.strictEqual((await get(`/socket/websocket?${v2}`, { method })).status, 400)
      const status = method === "GET" ? 429 : 400
      assert.strictEqual((await get(`/socket/websocket?${v2}&ratelimit=true`, { method })).status, status)
    }
  )

  it("channel 1.1: whether a GET is a handshake is checked last, after the connect callback", async () => {
    assert.strictEqual((await get(`/socket/websocket?${v2}&ratelimit=true`)).status, 429)
    assert.strictEqual((await get(`/socket/websocket?${v2}&reject=true`)).status, 403)
    assert.strictEqual((await get("/socket/websocket?vsn=9.0.0")).status, 403)
  })

  it("channel 1.1: origin, subprotocol, version and connect are asked in that order", async () => {
    const limited = `${v2}&ratelimit=true`
    const origin = { headers: { origin: "http://evil.test" } }
    assert.deepStrictEqual(await refusal(at("socket", limited), origin), [403, ""])
    assert.deepStrictEqual(await refusal(at("socket", limited), { protocols: ["graphql"] }), [403, ""])
    assert.deepStrictEqual(await refusal(at("socket", "vsn=9.0.0&ratelimit=true")), [403, ""])
  })

  it.each([
    "http://example.com",
    "https://example.com",
    "https://example.com:8443",
    "https://EXAMPLE.com",
    "http://allowed.test",
    "https://sub.allowed.test:1",
    "https://a.b.allowed.test"
  ])("channel 1.1: the origin %s may connect where it is listed", async (origin) => {
    await (await Peer.connect(at("socket"), { headers: { origin } })).quiet()
  })

  it.each([
    "http://evil.test",
    "http://127.0.0.1",
    "https://www.example.com",
    "https://example.com.evil.test",
    "https://notallowed.test",
    "https://allowed.test.evil",
    "null",
    "example.com",
    ""
  ])("channel 1.1: the origin %j may not where it is not listed: 403 with an empty body", async (origin) => {
    assert.deepStrictEqual(await refusal(at("socket"), { headers: { origin } }), [403, ""])
  })

  it("channel 1.1: without an origin anybody may connect, and with any where none is asked for", async () => {
    await (await Peer.connect(at("socket"))).quiet()
    await (await Peer.connect(at("short"), { headers: { origin: "http://evil.test" } })).quiet()
  })

  describe("by default the origin's host is that of the request", () => {
    const own = shared(
      upgrade,
      ChannelServer.layer(ChannelServer.make("own"), { path: "/own" }).pipe(Layer.provide(Broadcaster.layer))
    )
    const url = () => `${own.server().ws}/own/websocket?${v2}`

    it.each(["http://127.0.0.1", "https://127.0.0.1:1"])("channel 1.1: so %s may connect", async (origin) => {
      await (await Peer.connect(url(), { headers: { origin } })).quiet()
    })

    it.each(["http://localhost", "http://127.0.0.2", "null"])("channel 1.1: and %s may not", async (origin) => {
      assert.deepStrictEqual(await refusal(url(), { headers: { origin } }), [403, ""])
    })
  })

  const bearer = (token: string) => `base64url.bearer.phx.${Buffer.from(token).toString("base64").replaceAll("=", "")}`

  /** The token that a channel sees of a client that offers these subprotocols, and the subprotocol that was answered. */
  const tokenOf = async (mount: string, protocols: ReadonlyArray<string>) => {
    const peer = await Peer.connect(at(mount), { protocols })
    await peer.joins("room:1")
    peer.send(["1", "2", "room:1", "whoami", {}])
    const [, , , , payload] = JSON.parse(String(await peer.next()))
    return [payload.response.auth_token, peer.socket.protocol]
  }

  it.each(["a", "ab", "abc", "abcd", "token with ünïcode"])(
    "channel 1.1: the token %j comes as a second subprotocol, without padding, and is not answered",
    async (token) => {
      assert.deepStrictEqual(await tokenOf("authtoken", ["phoenix", bearer(token)]), [token, "phoenix"])
    }
  )

  it("channel 1.1: without a token there is no token", async () => {
    assert.deepStrictEqual(await tokenOf("authtoken", ["phoenix"]), [null, "phoenix"])
    assert.deepStrictEqual(await tokenOf("authtoken", []), [null, ""])
  })

  it("channel 1.1: other text than base64 is no token", async () => {
    assert.deepStrictEqual(await tokenOf("authtoken", ["phoenix", "base64url.bearer.phx.a"]), [null, "phoenix"])
  })

  it("channel 1.1: a mount that takes no token does not look at it", async () => {
    assert.deepStrictEqual(await tokenOf("socket", ["phoenix", bearer("secret")]), [null, "phoenix"])
  })

  it("channel 1.1: subprotocols without phoenix are refused: 403 with an empty body", async () => {
    assert.deepStrictEqual(await refusal(at("socket"), { protocols: ["graphql", "mqtt"] }), [403, ""])
    assert.deepStrictEqual(await refusal(at("authtoken"), { protocols: ["mqtt", bearer("secret")] }), [403, ""])
  })

  it("channel 1.1: a socket has the parameters, headers and user that it connected with", async () => {
    const headers = { "x-one": "1", "X-Two": "2", "user-agent": "tester" }
    const peer = await Peer.connect(at("socket", `${v2}&user_id=ann`), { headers })
    await peer.joins("room:1")
    peer.send(["1", "2", "room:1", "whoami", {}])
    const [, , , , payload] = JSON.parse(String(await peer.next()))
    assert.deepStrictEqual(payload.response, {
      user_id: "ann",
      transport: "websocket",
      x_headers: { "x-one": "1", "x-two": "2" },
      user_agent: "tester",
      auth_token: null
    })
  })

  it("channel 1.1: disconnecting an id closes all its sockets with 1001, without phx_close, and no other", async () => {
    const connect = async (mount: string, user: string) =>
      (await Peer.connect(at(mount, `${v2}&user_id=${user}`))).joins("room:1")
    const ann = await connect("socket", "ann")
    const elsewhere = await connect("limited", "ann")
    const ben = await connect("socket", "ben")
    await control(server(), "disconnect", { id: "ann" })
    assert.strictEqual((await ann.closed).code, 1001)
    assert.strictEqual((await elsewhere.closed).code, 1001)
    assert.deepStrictEqual([...ann.received, ...elsewhere.received], [])
    await ben.quiet()
  })

  it("channel 1.1: a silent socket is closed with 1002", async () => {
    const peer = await Peer.connect(at("short"))
    assert.strictEqual((await peer.closed).code, 1002)
  })

  it("channel 1.1: a frame of the largest size is read, and a larger one closes the socket with 1009", async () => {
    const peer = await (await Peer.connect(at("socket"))).joins("room:1")
    const frame = (size: number) => {
      const around = JSON.stringify(["1", "2", "room:1", "echo", ""])
      return JSON.stringify(["1", "2", "room:1", "echo", "x".repeat(size - around.length)])
    }
    peer.send(frame(1_000_000))
    assert.strictEqual(JSON.parse(String(await peer.next()))[4].status, "ok")
    peer.send(frame(1_000_001))
    assert.strictEqual((await peer.closed).code, 1009)
  })

  it("channel 1.1: text is measured in bytes", async () => {
    const peer = await (await Peer.connect(at("socket"))).joins("room:1")
    peer.send(["1", "2", "room:1", "echo", "€".repeat(400_000)])
    assert.strictEqual((await peer.closed).code, 1009)
  })

  it("channel 1.1: a socket joins 100 topics, unless its mount says otherwise", async () => {
    const full = async (mount: string, topics: number) => {
      const peer = await Peer.connect(at(mount))
      for (let topic = 0; topic < topics; topic++) await peer.joins(`room:${topic}`)
      const status = "error"
      const response = { reason: "too many channels joined" }
      peer.send(["9", "9", "room:one more", "phx_join", {}])
      await peer.gets(["9", "9", "room:one more", "phx_reply", { status, response }])
      return peer
    }
    await full("socket", 100)
    const peer = await full("limited", 2)
    peer.send(["1", "3", "room:0", "phx_leave", {}])
    await peer.gets(
      ["1", "3", "room:0", "phx_reply", { status: "ok", response: {} }],
      ["1", "1", "room:0", "phx_close", {}]
    )
    await peer.joins("room:one more")
  })

  it("channel 1.1: a joined topic may be joined again when no other may", async () => {
    const peer = await Peer.connect(at("limited"))
    await peer.joins("room:1")
    await peer.joins("room:2")
    peer.send(["2", "2", "room:1", "phx_join", {}])
    await peer.gets(
      ["2", "2", "room:1", "phx_reply", { status: "ok", response: {} }],
      ["1", "1", "room:1", "phx_close", {}]
    )
  })

  it("channel 1.1: frames are not compressed, whatever the client offers", async () => {
    const peer = await Peer.connect(at("socket"), { perMessageDeflate: true })
    assert.strictEqual(peer.socket.extensions, "")
    await peer.quiet()
  })

  it("channel 1.1: frames right after the handshake are read", async () => {
    const socket = connect(server().port, "127.0.0.1")
    const heartbeat = JSON.stringify([null, "1", "phoenix", "heartbeat", {}])
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | heartbeat.length, 0, 0, 0, 0]), Buffer.from(heartbeat)])
    const text = await new Promise<string>((resolve) => {
      let text = ""
      socket.on("data", (chunk) => {
        text += String(chunk)
        if (text.endsWith("\r\n\r\n")) socket.write(frame)
        if (text.includes("phx_reply")) resolve(text)
      })
      socket.write(
        `GET /socket/websocket?${v2} HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n` +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
      )
    })
    socket.destroy()
    assert.match(text, /^HTTP\/1\.1 101 .*\r\n/)
    assert.include(text, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")
  })

  it("channel 1.1: at a stop, the server closes all sockets with 1012, and takes no more", async () => {
    const served = await serve(upgrade)
    try {
      const url = `${served.ws}/socket/websocket?${v2}`
      const peers = await Promise.all([1, 2, 3].map(async () => (await Peer.connect(url)).joins("room:1")))
      await served.shutdown()
      for (const peer of peers) {
        assert.strictEqual((await peer.closed).code, 1012)
        assert.deepStrictEqual(peer.received, [])
      }
      assert.strictEqual((await refusal(url))[0], 503)
    } finally {
      await served.close()
    }
  })

  it("channel 1.1: stopped at once, the server says goodbye with 1012 too", async () => {
    const served = await serve(upgrade)
    const peer = await (await Peer.connect(`${served.ws}/socket/websocket?${v2}`)).joins("room:1")
    await served.close()
    assert.strictEqual((await peer.closed).code, 1012)
  })
})

describe("over NodeUpgrade alone", () => {
  const { server } = shared(NodeUpgrade.layer)

  it("channel 1.1: a token is never answered, at any position", async () => {
    const token = `base64url.bearer.phx.${Buffer.from("secret").toString("base64")}`
    const answered = async (offered: string) => {
      const socket = connect(server().port, "127.0.0.1")
      socket.write(
        `GET /authtoken/websocket?${v2} HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
          `Sec-WebSocket-Protocol: ${offered}\r\n\r\n`
      )
      const [head] = await once(socket, "data")
      socket.destroy()
      assert.match(String(head), /^HTTP\/1\.1 101 /)
      return /^sec-websocket-protocol: (.*)\r$/im.exec(String(head))?.[1]
    }
    assert.strictEqual(await answered(`${token}, phoenix`), "phoenix")
    assert.isUndefined(await answered(token))
  })
})
