/**
 * The cases of long-poll one by one: each row of the table and each rule of `channel 1.7`, and what the conformance server adds. `longpoll.test.ts` has those that
 * need a story.
 */
import { NodeUpgrade } from "fairlead/channel/node"
import { assert, describe, it } from "vitest"

import { control, shared } from "./Conformance.ts"

interface Answer {
  readonly status: number
  readonly token?: string
  readonly messages?: ReadonlyArray<string>
}

type Message = readonly [joinRef: string | null, ref: string | null, topic: string, event: string, payload: any]

interface WhoAmI {
  readonly user_id: string
  readonly user_agent: string
  readonly x_headers: Readonly<Record<string, string>>
}

const ndjson = { "content-type": "application/x-ndjson" }
const topic = "room:1"

describe("the cases of long-poll", () => {
  const { server } = shared(NodeUpgrade.layer)

  const request = (mount: string, query: string, init?: RequestInit) =>
    fetch(`${server().http}/${mount}/longpoll?vsn=2.0.0${query}`, init)

  class Client {
    readonly token: string
    readonly mount: string
    readonly received: Array<Message> = []
    constructor(token: string, mount: string) {
      this.token = token
      this.mount = mount
    }
    get query() {
      return `&token=${encodeURIComponent(this.token)}`
    }
    async poll(): Promise<Answer> {
      return (await (await request(this.mount, this.query)).json()) as Answer
    }
    /** Sends a body as it is; the HTTP status and the body of the answer. */
    async posts(body: BodyInit, headers: Record<string, string> = ndjson) {
      const response = await request(this.mount, this.query, { method: "POST", body, headers })
      const text = await response.text()
      return { http: response.status, cors: response.headers.get("access-control-allow-origin"), text }
    }
    async sends(...messages: ReadonlyArray<unknown>): Promise<void> {
      const { text } = await this.posts(messages.map((message) => JSON.stringify(message)).join("\n"))
      assert.strictEqual(text, '{"status":200}')
    }
    async until(wants: (message: Message) => boolean): Promise<Message> {
      for (;;) {
        const found = this.received.find(wants)
        if (found !== undefined) return found
        const { messages = [], status } = await this.poll()
        assert.include([200, 204], status)
        this.received.push(...messages.map((text) => JSON.parse(text) as Message))
      }
    }
    async replied(ref: string): Promise<unknown> {
      return (await this.until((message) => message[1] === ref && message[3] === "phx_reply"))[4]
    }
    async asks(event: string, payload: unknown = {}, ref = "9"): Promise<unknown> {
      await this.sends(["1", ref, topic, event, payload])
      return this.replied(ref)
    }
  }

  const connect = async (mount = "socket", query = "", init: RequestInit = {}): Promise<Client> => {
    const { messages, status, token } = (await (await request(mount, query, init)).json()) as Answer
    assert.deepStrictEqual([status, messages], [410, []])
    return new Client(token!, mount)
  }

  const joined = async (mount?: string, query?: string, payload: object = {}): Promise<Client> => {
    const client = await connect(mount, query)
    await client.sends(["1", "1", topic, "phx_join", payload])
    assert.deepInclude((await client.replied("1")) as object, { status: "ok" })
    return client
  }

  const ok = (response: unknown = {}) => ({ status: "ok", response })

  const cases: Readonly<Record<string, () => Promise<void>>> = {
    "every answer with a body is HTTP 200 JSON and open to any origin": async () => {
      const response = await request("socket", "")
      assert.strictEqual(response.status, 200)
      assert.match(response.headers.get("content-type")!, /^application\/json/)
      assert.strictEqual(response.headers.get("access-control-allow-origin"), "*")
    },
    "a body of another content type is one text frame": async () => {
      const client = await connect()
      const join = JSON.stringify(["1", "1", topic, "phx_join", {}])
      assert.strictEqual((await client.posts(join, { "content-type": "application/json" })).text, '{"status":200}')
      assert.deepStrictEqual(await client.replied("1"), ok())
    },
    "a content type with parameters is another content type": async () => {
      const client = await joined()
      const body = [1, 2].map((n) => JSON.stringify(["1", `b${n}`, topic, "echo", n])).join("\n")
      const { text } = await client.posts(body, { "content-type": "application/x-ndjson; charset=utf-8" })
      assert.strictEqual(text, '{"status":408}')
    },
    "empty lines of a batch are skipped": async () => {
      const client = await joined()
      const lines = [1, 2].map((n) => JSON.stringify(["1", `b${n}`, topic, "echo", n]))
      assert.strictEqual((await client.posts(`${lines.join("\n\n")}\n`)).text, '{"status":200}')
      assert.deepStrictEqual(await client.replied("b2"), ok(2))
    },
    "an empty batch is taken": async () => {
      assert.strictEqual((await (await joined()).posts("")).text, '{"status":200}')
    },
    "messages of a batch beyond a hundred are ignored": async () => {
      const client = await joined()
      await client.sends(...Array.from({ length: 105 }, (_, n) => ["1", `b${n}`, topic, "echo", n]))
      await client.replied("b99")
      assert.deepStrictEqual(await client.asks("echo", "after"), ok("after"))
      assert.isFalse(client.received.some(([, ref]) => ref === "b100"))
    },
    "the messages of a batch are handled in their order": async () => {
      const client = await joined()
      await client.sends(...Array.from({ length: 20 }, (_, n) => ["1", `c${n}`, topic, "inc", {}]))
      await client.replied("c19")
      const counts = client.received.filter(([, ref]) => ref?.startsWith("c")).map(([, , , , { response }]) => response)
      assert.deepStrictEqual(
        counts,
        Array.from({ length: 20 }, (_, n) => ({ count: n + 1 }))
      )
    },
    "a base64 line that is no binary frame ends the session": async () => {
      const client = await joined()
      assert.strictEqual((await client.posts(Buffer.from([9, 9]).toString("base64"))).text, '{"status":408}')
      assert.strictEqual((await client.poll()).status, 410)
    },
    "a bad base64 line is HTTP 500, and takes no other line": async () => {
      const client = await joined()
      const line = JSON.stringify(["1", "2", topic, "echo", 1])
      assert.deepInclude(await client.posts(`${line}\n!!`), { http: 500, cors: "*", text: "" })
      assert.deepStrictEqual(await client.asks("inc"), ok({ count: 1 }))
      assert.isFalse(client.received.some(([, ref]) => ref === "2"))
    },
    "a message over the limit of a frame ends the session": async () => {
      const client = await joined()
      const body = JSON.stringify(["1", "2", topic, "echo", "x".repeat(1_000_001)])
      assert.strictEqual((await client.posts(body)).text, '{"status":408}')
      assert.strictEqual((await client.poll()).status, 410)
    },
    "a poll with messages has the status, the token and the messages": async () => {
      const client = await connect()
      await client.sends(["1", "1", topic, "phx_join", {}])
      const answer = await client.poll()
      assert.deepStrictEqual(Object.keys(answer), ["status", "token", "messages"])
      assert.deepInclude(answer, { status: 200, token: client.token })
      assert.isTrue(answer.messages!.every((message) => typeof message === "string"))
    },
    "a poll without messages is 204 at the end of its window": async () => {
      const client = await joined("short")
      const since = performance.now()
      assert.deepStrictEqual(await client.poll(), { status: 204, token: client.token, messages: [] })
      assert.isAtLeast(performance.now() - since, 350)
    },
    "a waiting poll is answered by the first message": async () => {
      const client = await joined()
      const waiting = client.poll()
      await client.sends(["1", "2", topic, "async_echo", { delay: 50 }])
      assert.lengthOf((await waiting).messages!, 1)
    },
    "messages that were handed over are gone": async () => {
      const client = await connect("short")
      await client.sends(["1", "1", topic, "phx_join", {}])
      assert.lengthOf((await client.poll()).messages!, 1)
      assert.lengthOf((await client.poll()).messages!, 0)
    },
    "a poll that was cut off takes none of the later messages": async () => {
      const client = await joined()
      const cut = new AbortController()
      const waiting = request(client.mount, client.query, { signal: cut.signal }).catch(() => "cut")
      await new Promise((resolve) => setTimeout(resolve, 50))
      cut.abort()
      assert.strictEqual(await waiting, "cut")
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.deepStrictEqual(await client.asks("echo", 1), ok(1))
    },
    "messages do not keep a session alive": async () => {
      const client = await joined("short")
      let text = ""
      for (let left = 100; left > 0 && text !== '{"status":410}'; left--) {
        await new Promise((resolve) => setTimeout(resolve, 30))
        text = (await client.posts(JSON.stringify(["1", "2", topic, "noreply", {}]))).text
      }
      assert.strictEqual(text, '{"status":410}')
    },
    "a POST without a token is 410": async () => {
      const response = await request("socket", "", { method: "POST", body: "", headers: ndjson })
      assert.strictEqual(await response.text(), '{"status":410}')
    },
    "a POST of an ended session is 410": async () => {
      const client = await joined("socket", "&user_id=gone")
      await control(server(), "disconnect", { id: "gone" })
      assert.strictEqual((await client.posts("")).text, '{"status":410}')
    },
    "a poll of an ended session is a new session with another token": async () => {
      const client = await joined("socket", "&user_id=over")
      await control(server(), "disconnect", { id: "over" })
      const { messages, status, token } = await client.poll()
      assert.deepStrictEqual([status, messages], [410, []])
      assert.notStrictEqual(token, client.token)
    },
    "the token by the header alone is enough": async () => {
      const client = await joined()
      const headers = { ...ndjson, "x-phoenix-longpoll-token": client.token }
      const body = JSON.stringify(["1", "2", topic, "echo", "by header"])
      assert.strictEqual(
        await (await request("socket", "", { method: "POST", body, headers })).text(),
        '{"status":200}'
      )
      assert.deepStrictEqual(await client.replied("2"), ok("by header"))
    },
    "the token of the session is no parameter of the connect": async () => {
      const client = await joined("authtoken", "&token=nonsense")
      assert.deepInclude((await client.asks("whoami")) as object, { status: "ok" })
    },
    "the auth token is unknown where a mount takes none": async () => {
      const client = await connect("socket", "", { headers: { "x-phoenix-authtoken": "secret" } })
      await client.sends(["1", "1", topic, "phx_join", {}])
      const reply = (await client.asks("whoami")) as { readonly response: object }
      assert.deepInclude(reply.response, { auth_token: null, transport: "longpoll" })
    },
    "the user and the headers that begin with x- are those of the connect": async () => {
      const client = await connect("socket", "&user_id=ann", { headers: { "x-app": "7", "user-agent": "poller" } })
      await client.sends(["1", "1", topic, "phx_join", {}])
      const { response } = (await client.asks("whoami")) as { readonly response: WhoAmI }
      assert.deepInclude(response, { user_id: "ann", user_agent: "poller" })
      assert.strictEqual(response.x_headers["x-app"], "7")
    },
    "an empty version is refused": async () => {
      const response = await fetch(`${server().http}/socket/longpoll?vsn=`)
      assert.strictEqual(await response.text(), '{"status":403}')
    },
    "without a version, messages are those of version 1": async () => {
      const opened = (await (await fetch(`${server().http}/socket/longpoll`)).json()) as Answer
      const url = `${server().http}/socket/longpoll?token=${encodeURIComponent(opened.token!)}`
      const body = JSON.stringify({ topic, event: "phx_join", payload: {}, ref: "1" })
      assert.strictEqual(await (await fetch(url, { method: "POST", body })).text(), '{"status":200}')
      const { messages } = (await (await fetch(url)).json()) as Answer
      assert.deepStrictEqual(
        messages!.map((text) => JSON.parse(text)),
        [{ topic, event: "phx_reply", payload: { status: "ok", response: {} }, ref: "1" }]
      )
    },
    "an allowed origin may connect": async () => {
      await connect("socket", "", { headers: { origin: "https://a.allowed.test" } })
    },
    "a foreign origin is refused for messages too": async () => {
      const client = await joined()
      const refused = await client.posts("", { ...ndjson, origin: "https://evil.test" })
      assert.strictEqual(refused.text, '{"status":403}')
    },
    "HEAD, PUT and DELETE are HTTP 400 without a body": async () => {
      for (const method of ["HEAD", "PUT", "DELETE"]) {
        const response = await request("socket", "", { method })
        assert.deepStrictEqual([response.status, await response.text()], [400, ""], method)
      }
    },
    "a preflight without wished headers is answered": async () => {
      const response = await request("socket", "", { method: "OPTIONS" })
      assert.strictEqual(response.status, 200)
      assert.strictEqual(response.headers.get("access-control-allow-methods"), "get, post, options")
    },
    "a mount without long-poll has no such path": async () => {
      assert.strictEqual((await request("limited", "")).status, 404)
    },
    "a heartbeat is answered": async () => {
      const client = await connect()
      await client.sends([null, "b", "phoenix", "heartbeat", {}])
      assert.deepStrictEqual(await client.replied("b"), ok())
    },
    "a refused join, an unmatched topic and an error reply are told": async () => {
      const client = await connect()
      await client.sends(["1", "1", topic, "phx_join", { auth: "deny" }], ["2", "2", "nowhere", "phx_join", {}])
      assert.deepStrictEqual(await client.replied("1"), { status: "error", response: { reason: "unauthorized" } })
      assert.deepStrictEqual(await client.replied("2"), { status: "error", response: { reason: "unmatched topic" } })
    },
    "a leave is answered and then closed": async () => {
      const client = await joined()
      await client.sends(["1", "2", topic, "phx_leave", {}])
      await client.until(([, , , event]) => event === "phx_close")
      assert.deepStrictEqual(client.received.slice(-2), [
        ["1", "2", topic, "phx_reply", ok()],
        ["1", "1", topic, "phx_close", {}]
      ])
    },
    "a crash is told, and the session lives on": async () => {
      const client = await joined()
      await client.sends(["1", "2", topic, "crash", {}])
      const crashed = await client.until(([, , , event]) => event === "phx_error")
      assert.deepStrictEqual(crashed, ["1", "1", topic, "phx_error", { reason: "channel_crash" }])
      await client.sends(["3", "3", topic, "phx_join", {}])
      assert.deepStrictEqual(await client.replied("3"), ok())
    },
    "pushes come before the reply that follows them": async () => {
      const client = await joined()
      assert.deepStrictEqual(await client.asks("burst", { n: 3 }), ok({ n: 3 }))
      assert.deepStrictEqual(
        client.received.slice(-4).map(([, , , event]) => event),
        ["tick", "tick", "tick", "phx_reply"]
      )
    },
    "a broadcast from outside reaches it": async () => {
      const client = await joined()
      await control(server(), "broadcast", { topic, event: "outside", payload: { n: 1 } })
      const message = await client.until(([, , , event]) => event === "outside")
      assert.deepStrictEqual(message, [null, null, topic, "outside", { n: 1 }])
    },
    "a broadcast of bytes skips it, and the next message comes": async () => {
      const client = await joined()
      const names = ["1", "2", topic, "bin_broadcast"].map((name) => Buffer.from(name))
      const frame = Buffer.concat([Buffer.from([0, ...names.map(({ length }) => length)]), ...names, Buffer.of(1, 2)])
      assert.strictEqual((await client.posts(frame.toString("base64"))).text, '{"status":200}')
      assert.deepStrictEqual(await client.asks("echo", "next"), ok("next"))
      assert.isFalse(client.received.some(([, , , event]) => event === "bin_msg"))
    }
  }

  it.each(Object.entries(cases))("channel2 3: %s", (_, run) => run())
})
