/**
 * The client of Phoenix in a real browser: Chromium, where one is installed.
 */
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"

import type { Browser, Page } from "playwright-core"
import { afterAll, afterEach, assert, beforeAll, describe, it } from "vitest"

import { launch, missing } from "../Chromium.ts"
import { root } from "../package/Scratch.ts"
import { control, serve, shared, upgrades, withoutWebSockets } from "./Conformance.ts"
import type { Served } from "./Conformance.ts"

const script = readFileSync(join(root, "node_modules/phoenix/priv/static/phoenix.min.js"))

/** A page of phoenix.js, with what the tests ask of it. */
const html = `<!doctype html><title>phoenix.js</title><script src="/phoenix.js"></script><script>
  const soon = () => 5
  const connect = (url, options = {}) => {
    const socket = new Phoenix.Socket(url, { reconnectAfterMs: soon, rejoinAfterMs: soon, ...options })
    socket.connect()
    return socket
  }
  const outcome = (push) => new Promise((resolve) => {
    for (const status of ["ok", "error", "timeout"]) push.receive(status, (response) => resolve([status, response]))
  })
  const next = (channel, event) => new Promise((resolve) => channel.on(event, resolve))
  const bytes = (buffer) => Array.from(new Uint8Array(buffer))
</script>`

/** What the page's script defines. */
declare const connect: (url: string, options?: object) => Socket
declare const outcome: (push: Push) => Promise<readonly [status: string, response: unknown]>
declare const next: (channel: Channel, event: string) => Promise<unknown>
declare const bytes: (buffer: unknown) => Array<number>
/** What a test does from outside while the page runs. */
declare const outside: () => Promise<void>
interface Push {
  readonly receive: unknown
}
interface Channel {
  readonly join: () => Push
  readonly leave: () => Push
  readonly push: (event: string, payload: object) => Push
  readonly onError: (listener: (reason: unknown) => void) => void
  readonly state: string
}
interface Socket {
  readonly channel: (topic: string, payload?: object) => Channel
  readonly onClose: (listener: (event: CloseEvent) => void) => void
  readonly disconnect: () => void
}
interface Presence {
  readonly list: <A>(
    choose: (key: string, value: { readonly metas: ReadonlyArray<{ readonly at: string }> }) => A
  ) => Array<A>
  readonly onSync: (listener: () => void) => void
}
declare const Phoenix: { readonly Presence: new (channel: Channel) => Presence }

describe.skipIf(missing)("in Chromium", () => {
  let browser: Browser
  let pages: Server
  let page: Page
  let problems: Array<string>

  beforeAll(async () => {
    browser = await launch()
    pages = createServer((request, response) => {
      const isScript = request.url === "/phoenix.js"
      response.setHeader("content-type", isScript ? "text/javascript" : "text/html; charset=utf-8")
      response.end(isScript ? script : html)
    })
    await new Promise<void>((resolve) => void pages.listen(0, "127.0.0.1", resolve))
  })

  afterAll(async () => {
    await browser.close()
    pages.closeAllConnections()
    pages.close()
  })

  afterEach(async () => {
    await page.close()
    assert.deepStrictEqual(problems, [])
  })

  /** Opens the page. Its origin is no listed one. */
  const open = async (outside: () => Promise<void> = async () => {}) => {
    problems = []
    page = await browser.newPage()
    await page.exposeFunction("outside", outside)
    page.on("pageerror", (error) => problems.push(String(error)))
    await page.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`)
  }

  describe.each(upgrades)("over %s", (_, upgrade) => {
    const { server } = shared(upgrade)
    const at = (mount: string) => `${server().ws}/${mount}`

    it("channel 1.9: a page joins, pushes, is answered, and leaves", async () => {
      await open()
      const seen = await page.evaluate(async (url) => {
        const channel = connect(url, { params: { user_id: "ann" } }).channel("room:1", { reply: { hi: 1 } })
        const joined = await outcome(channel.join())
        const ok = await outcome(channel.push("echo", { text: "ü" }))
        const error = await outcome(channel.push("fail", {}))
        const left = await outcome(channel.leave())
        return [joined, ok, error, left[0], channel.state]
      }, at("limited"))
      assert.deepStrictEqual(seen, [
        ["ok", { hi: 1 }],
        ["ok", { text: "ü" }],
        ["error", { reason: "failed" }],
        "ok",
        "closed"
      ])
    })

    it("channel 1.9: pages get broadcasts, and bytes", async () => {
      await open()
      const seen = await page.evaluate(async (url) => {
        const [ann, ben] = [connect(url).channel("room:1"), connect(url).channel("room:1")]
        await outcome(ann.join())
        await outcome(ben.join())
        const [text, binary] = [next(ben, "new_msg"), next(ben, "bin_msg")]
        ann.push("shout", { text: "hi" })
        ann.push("bin_broadcast", Uint8Array.of(0, 1, 255).buffer)
        const [, echoed] = await outcome(ann.push("bin_echo", Uint8Array.of(2, 3).buffer))
        return [await text, bytes(await binary), bytes(echoed)]
      }, at("limited"))
      assert.deepStrictEqual(seen, [{ text: "hi" }, [0, 1, 255], [2, 3]])
    })

    it("channel 1.1: a page hands its token over, and accepts the subprotocol that is answered", async () => {
      await open()
      const seen = await page.evaluate(async (url) => {
        const channel = connect(url, { authToken: "from a page" }).channel("room:1")
        await outcome(channel.join())
        return { answer: (await outcome(channel.push("whoami", {})))[1], userAgent: navigator.userAgent }
      }, at("authtoken"))
      assert.deepInclude(seen.answer, { auth_token: "from a page", user_agent: seen.userAgent })
    })

    it("channel 1.1: a page of another origin cannot connect", async () => {
      await open()
      const seen = await page.evaluate(
        (url) =>
          new Promise((resolve) => {
            const socket = new WebSocket(`${url}/websocket?vsn=2.0.0`)
            socket.addEventListener("open", () => resolve("open"))
            socket.addEventListener("close", ({ code }) => resolve(code))
          }),
        at("socket")
      )
      assert.strictEqual(seen, 1006)
    })

    it("channel 1.9: a page rejoins after a crash, and reconnects after a disconnect", async () => {
      await open(() => control(server(), "disconnect", { id: "ann" }))
      const seen = await page.evaluate(async (url) => {
        const socket = connect(url, { params: { user_id: "ann" } })
        const channel = socket.channel("room:1")
        await outcome(channel.join())
        const before = await outcome(channel.push("inc", {}))
        const crashed = new Promise((resolve) => channel.onError(resolve))
        channel.push("crash", {})
        await crashed
        const between = await outcome(channel.push("inc", {}))
        const closed = new Promise((resolve) => socket.onClose(({ code }) => resolve(code)))
        await outside()
        const code = await closed
        return [before, between, code, await outcome(channel.push("inc", {}))]
      }, at("limited"))
      const anew = ["ok", { count: 1 }]
      assert.deepStrictEqual(seen, [anew, anew, 1001, anew])
    })

    it("channel 1.8: the presence of pages agrees, after joins, updates, second tabs and lost sockets", async () => {
      await open()
      const seen = await page.evaluate(async (url) => {
        const enter = (user: string, at: string) => {
          const socket = connect(url)
          const channel = socket.channel("presence:1", { user, meta: { at } })
          const presence = new Phoenix.Presence(channel)
          return { socket, channel, presence }
        }
        const list = (presence: Presence) =>
          JSON.stringify(
            presence
              .list((key, { metas }) => [key, metas.map(({ at }) => at).toSorted()])
              .toSorted(([a], [b]) => (a! < b! ? -1 : 1))
          )
        const reaches = (presence: Presence, expected: unknown) =>
          new Promise<void>((resolve) => {
            const look = () => list(presence) === JSON.stringify(expected) && resolve()
            presence.onSync(look)
            look()
          })
        const [ann, ben] = [enter("ann", "home"), enter("__proto__", "work")]
        await outcome(ann.channel.join())
        await outcome(ben.channel.join())
        const both = [
          ["__proto__", ["work"]],
          ["ann", ["home"]]
        ]
        await Promise.all([reaches(ann.presence, both), reaches(ben.presence, both)])
        const tab = enter("ann", "phone")
        await outcome(tab.channel.join())
        ben.channel.push("update_meta", { at: "lunch" })
        const three = [
          ["__proto__", ["lunch"]],
          ["ann", ["home", "phone"]]
        ]
        await Promise.all([ann, ben, tab].map(({ presence }) => reaches(presence, three)))
        tab.socket.disconnect()
        await outcome(ben.channel.leave())
        await reaches(ann.presence, [["ann", ["home"]]])
        return list(ann.presence)
      }, at("limited"))
      assert.strictEqual(seen, '[["ann",["home"]]]')
    })

    it("channel 1.9: a page reconnects after the server has restarted", async () => {
      const first = await serve(upgrade)
      let second: Served | undefined
      await open(async () => {
        await first.shutdown()
        await first.close()
        second = await serve(upgrade, undefined, first.port)
      })
      try {
        const seen = await page.evaluate(async (url) => {
          const socket = connect(url)
          const channel = socket.channel("room:1")
          await outcome(channel.join())
          const closed = new Promise((resolve) => socket.onClose(({ code }) => resolve(code)))
          await outside()
          const code = await closed
          return [code, await outcome(channel.push("inc", {}))]
        }, `${first.ws}/limited`)
        assert.deepStrictEqual(seen, [1012, ["ok", { count: 1 }]])
      } finally {
        await second?.close()
      }
    })
  })
  describe("where WebSockets do not get through", () => {
    const { server } = shared(withoutWebSockets)

    it("channel2 3: a page falls back to long-poll, of another origin too", async () => {
      await open()
      const seen = await page.evaluate(async (url) => {
        const channel = connect(url, { longPollFallbackMs: 300 }).channel("room:1")
        const joined = await outcome(channel.join())
        const said = next(channel, "new_msg")
        channel.push("shout", { text: "polled" })
        const [, who] = await outcome(channel.push("whoami", {}))
        return [joined, await said, (who as { readonly transport: string }).transport]
      }, `${server().ws}/authtoken`)
      assert.deepStrictEqual(seen, [["ok", {}], { text: "polled" }, "longpoll"])
    })
  })
})
