/** Long-poll, as a client of Phoenix speaks it, on the conformance server. */
import { NodeUpgrade } from "fairlead/channel/node"
import { assert, describe, it } from "vitest"

import { control, shared } from "./Conformance.ts"

interface Answer {
  readonly status: number
  readonly token?: string
  readonly messages?: ReadonlyArray<string>
}

const ndjson = "application/x-ndjson"

describe("long-poll", () => {
  const { server } = shared(NodeUpgrade.layer)

  const ask = async (query: string, init: RequestInit = {}, mount = "socket"): Promise<Answer> => {
    const response = await fetch(`${server().http}/${mount}/longpoll?vsn=2.0.0${query}`, init)
    assert.strictEqual(response.status, 200)
    assert.strictEqual(response.headers.get("access-control-allow-origin"), "*")
    return (await response.json()) as Answer
  }

  class Client {
    readonly token: string
    private readonly mount: string
    readonly received: Array<ReadonlyArray<unknown>> = []
    constructor(token: string, mount: string) {
      this.token = token
      this.mount = mount
    }
    poll() {
      return ask(`&token=${encodeURIComponent(this.token)}`, {}, this.mount)
    }
    send(...lines: ReadonlyArray<unknown>) {
      const body = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n")
      const init = { method: "POST", body, headers: { "content-type": ndjson } }
      return ask(`&token=${encodeURIComponent(this.token)}`, init, this.mount)
    }
    /** Polls until a message is there that is wanted. */
    async until(wants: (message: ReadonlyArray<unknown>) => boolean): Promise<ReadonlyArray<unknown>> {
      for (;;) {
        const found = this.received.find(wants)
        if (found !== undefined) return found
        const { messages = [], status } = await this.poll()
        assert.include([200, 204], status)
        this.received.push(...messages.map((text) => JSON.parse(text)))
      }
    }
    async joins(topic: string, payload: object = {}): Promise<this> {
      assert.deepStrictEqual(await this.send(["1", "1", topic, "phx_join", payload]), { status: 200 })
      const reply = await this.until(([, ref]) => ref === "1")
      assert.deepStrictEqual(reply, ["1", "1", topic, "phx_reply", { status: "ok", response: {} }])
      return this
    }
  }

  const connect = async (query = "", mount = "socket", init: RequestInit = {}): Promise<Client> => {
    const { messages, status, token } = await ask(query, init, mount)
    assert.deepStrictEqual([status, messages], [410, []])
    return new Client(token!, mount)
  }

  it("channel2 3: a poll without a token is a new session, which joins, is answered, and gets broadcasts", async () => {
    const ann = await (await connect()).joins("room:poll")
    const bob = await (await connect()).joins("room:poll")
    await ann.send(["1", "2", "room:poll", "new_msg", { text: "hello" }])
    const said = await bob.until(([, , , event]) => event === "new_msg")
    assert.deepStrictEqual(said, [null, null, "room:poll", "new_msg", { text: "hello" }])
    await ann.until(([, ref]) => ref === "2")
  })

  it("channel2 3: a batch is taken in order, base64 lines are binary, and bytes to a client that polls are dropped", async () => {
    const ann = await (await connect()).joins("room:batch")
    const names = ["1", "4", "room:batch", "bin_size"].map((name) => Buffer.from(name))
    const frame = Buffer.concat([
      Buffer.from([0, ...names.map(({ length }) => length)]),
      ...names,
      Buffer.from([1, 2, 3])
    ])
    await ann.send(
      ["1", "2", "room:batch", "echo", { n: 1 }],
      ["1", "3", "room:batch", "echo", { n: 2 }],
      frame.toString("base64")
    )
    await ann.until(([, ref]) => ref === "4")
    assert.deepStrictEqual(
      ann.received.slice(1).map(([, ref, , , payload]) => [ref, payload]),
      [
        ["2", { status: "ok", response: { n: 1 } }],
        ["3", { status: "ok", response: { n: 2 } }],
        ["4", { status: "ok", response: { size: 3 } }]
      ]
    )
    await ann.send(["1", "5", "room:batch", "inc", {}])
    await ann.until(([, ref]) => ref === "5")
  })

  it("channel2 3: a forged, tampered or missing token is a new session for a poll, and 410 for a message", async () => {
    const ann = await connect()
    const [body = "", signature = ""] = ann.token.split(".")
    const tampered = `${body.slice(0, -1)}${body.endsWith("A") ? "B" : "A"}.${signature}`
    for (const token of ["", "nonsense", "a.b", tampered, `${body}.${signature.slice(1)}`]) {
      assert.strictEqual((await ask(`&token=${token}`)).status, 410)
      const sent = await ask(`&token=${token}`, { method: "POST", body: "[]" })
      assert.deepStrictEqual(sent, { status: 410 })
    }
  })

  it("channel2 3: the header carries the token as well, and wins", async () => {
    const ann = await connect("", "short")
    const answer = await ask("&token=wrong", { headers: { "x-phoenix-longpoll-token": ann.token } }, "short")
    assert.deepStrictEqual([answer.status, answer.messages], [204, []])
  })

  it("channel2 3: a refused connect, version or origin is 403 with the status alone", async () => {
    assert.deepStrictEqual(await ask("&reject=true"), { status: 403 })
    assert.deepStrictEqual(await ask("&ratelimit=true"), { status: 403 })
    assert.deepStrictEqual(await ask("&vsn=9.0.0"), { status: 403 })
    assert.deepStrictEqual(await ask("", { headers: { origin: "https://evil.test" } }), { status: 403 })
  })

  it("channel2 3: a disconnect answers the waiting poll at once, and ends the session", async () => {
    const ann = await (await connect("&user_id=poller")).joins("room:1")
    const waiting = ann.poll()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const since = performance.now()
    await control(server(), "disconnect", { id: "poller" })
    assert.strictEqual((await waiting).status, 204)
    assert.isBelow(performance.now() - since, 5000)
    assert.strictEqual((await ann.poll()).status, 410)
  })

  it("channel2 3: of two polls at once the newer gets the messages, and the older none", async () => {
    const ann = await (await connect("", "short")).joins("room:two")
    const older = ann.poll()
    await new Promise((resolve) => setTimeout(resolve, 50))
    const newer = ann.poll()
    await new Promise((resolve) => setTimeout(resolve, 50))
    await ann.send(["1", "2", "room:two", "echo", {}])
    assert.lengthOf((await newer).messages ?? [], 1)
    assert.strictEqual((await older).status, 204)
  })

  it("channel2 3: a session without a poll for one and a half windows ends, and its channels with it", async () => {
    const bob = await (await connect()).joins("room:gone")
    await (await connect("", "short")).joins("room:gone", { notify_leave: "ann" })
    const left = await bob.until(([, , , event]) => event === "user_left")
    assert.deepStrictEqual(left[4], { user: "ann" })
  })

  it("channel2 3: bad JSON ends the session with 408, a bad base64 line is 500, and other methods are 400", async () => {
    const ann = await (await connect()).joins("room:1")
    const query = `&token=${encodeURIComponent(ann.token)}`
    const response = await fetch(`${server().http}/socket/longpoll?vsn=2.0.0${query}`, {
      method: "POST",
      body: "?? no base64 ??",
      headers: { "content-type": ndjson }
    })
    assert.strictEqual(response.status, 500)
    assert.deepStrictEqual(await ask(query, { method: "POST", body: "[1, 2" }), { status: 408 })
    assert.strictEqual((await ann.poll()).status, 410)
    const put = await fetch(`${server().http}/socket/longpoll`, { method: "PUT" })
    assert.deepStrictEqual([put.status, await put.text()], [400, ""])
  })

  it("channel2 3: a preflight mirrors the requested headers", async () => {
    const response = await fetch(`${server().http}/socket/longpoll`, {
      method: "OPTIONS",
      headers: { "access-control-request-headers": "x-a, content-type" }
    })
    assert.strictEqual(response.status, 200)
    assert.strictEqual(response.headers.get("access-control-allow-headers"), "x-a, content-type")
    assert.strictEqual(response.headers.get("access-control-allow-methods"), "get, post, options")
    assert.strictEqual(response.headers.get("access-control-max-age"), "3600")
  })

  it("channel2 3: the token of the client comes by a header, and the transport is known", async () => {
    const ann = await connect("", "authtoken", { headers: { "x-phoenix-authtoken": "secret" } })
    await ann.joins("room:1")
    await ann.send(["1", "2", "room:1", "whoami", {}])
    const [, , , , payload] = await ann.until(([, ref]) => ref === "2")
    assert.deepInclude((payload as { readonly response: object }).response, {
      transport: "longpoll",
      auth_token: "secret"
    })
  })
})
