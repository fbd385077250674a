import type { ServerResponse } from "node:http"

import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect } from "effect"
import { WebSocket as WS } from "ws"

import { loopback } from "../client/handlers/Loopback.ts"
import { follow } from "./Phoenix.ts"
import { dataFile, furnish, start } from "./Process.ts"
import type { Harbour } from "./Process.ts"

const path = "/api/rooms/quay/messages"

const textsOf = (messages: ReadonlyArray<any>): ReadonlyArray<string> => messages.map(({ text }) => text)

const post = (harbour: Harbour, token: string, text: string) =>
  Effect.map(harbour.call("POST", path, { token, body: { text } }), ({ json, status }) => {
    assert.strictEqual(status, 201)
    return json
  })

/** Opens a bare WebSocket, closed with the scope, and gives its close code, or the status that refused it. */
const bare = ({ url }: Harbour, origin: string | undefined, opened: (socket: WS) => void) =>
  Effect.callback<number>((resume) => {
    const options = origin === undefined ? {} : { origin }
    const socket = new WS(`${url.replace("http", "ws")}/socket/websocket?vsn=2.0.0`, options)
    socket.once("open", () => opened(socket))
    socket.once("close", (code) => resume(Effect.succeed(code)))
    socket.once("unexpected-response", (request, { statusCode }) => {
      request.destroy()
      resume(Effect.succeed(statusCode ?? 0))
    })
    socket.on("error", () => {})
    return Effect.sync(() => socket.terminate())
  })

describe.concurrent("live", () => {
  it.live(
    "harbour: two Phoenix clients in a room get what is posted over HTTP and over the channel, once and in order",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      const token = yield* furnish(harbour, "quay")
      const ada = yield* follow(harbour, "quay", token)
      const guest = yield* follow(harbour, "quay")
      for (const client of [ada, guest]) yield* client.payloads("joined", 1)

      const first = yield* post(harbour, token, "by HTTP")
      const { response: second, status } = yield* ada.push("post", { text: "by channel" })
      assert.strictEqual(status, "ok")
      const third = yield* post(harbour, token, "by HTTP again")
      for (const client of [ada, guest]) {
        assert.deepStrictEqual(yield* client.payloads("posted", 3), [first, second, third])
      }
      assert.deepStrictEqual((yield* harbour.call("GET", path)).json.items, [third, second, first])
      const refused = yield* ada.push("post", { text: " " })
      assert.deepStrictEqual([refused.status, refused.response.reason], ["error", "invalid payload"])
      assert.notInclude(harbour.output(), token)
    })
  )

  it.live(
    "harbour: SIGTERM closes sockets with 1012 and ends well; after a restart they are back, and hear what is posted then",
    Effect.fn(function* () {
      const data = yield* dataFile
      const harbour = yield* start(data)
      const token = yield* furnish(harbour, "quay")
      const clients = [yield* follow(harbour, "quay", token), yield* follow(harbour, "quay")]
      for (const client of clients) yield* client.payloads("joined", 1)
      yield* post(harbour, token, "before")
      for (const client of clients) yield* client.payloads("posted", 1)

      const [took, ended] = yield* Effect.timed(Effect.andThen(harbour.signal("SIGTERM"), harbour.ended))
      assert.deepStrictEqual(ended, { code: 0, signal: null }, harbour.output())
      // Sooner than grace and mercy, 4 s: no socket had to be destroyed.
      assert.isBelow(Duration.toMillis(took), 4000)
      for (const client of clients) assert.strictEqual((yield* client.payloads("closed", 1))[0], 1012)
      assert.match(harbour.output(), /GET \/socket\/websocket 101 \d+ms, closed with 1012/)

      const again = yield* start(data, "main", { PORT: String(harbour.port) })
      for (const client of clients) yield* client.payloads("joined", 2)
      yield* post(again, token, "after")
      for (const client of clients) {
        assert.deepStrictEqual(textsOf(yield* client.payloads("posted", 2)), ["before", "after"])
      }
    })
  )

  it.live(
    "harbour: a preview made after its message was broadcast is broadcast too",
    Effect.fn(function* () {
      const asked = yield* Deferred.make<ServerResponse>()
      const { origin } = yield* loopback((_, response) => Deferred.doneUnsafe(asked, Effect.succeed(response)))
      const harbour = yield* start(yield* dataFile, "main", { HARBOUR_PREVIEW_ALLOW: origin })
      const token = yield* furnish(harbour, "quay")
      const guest = yield* follow(harbour, "quay")
      yield* guest.payloads("joined", 1)
      const { id } = yield* post(harbour, token, `${origin}/page`)
      yield* guest.payloads("posted", 1)
      const page = yield* Deferred.await(asked)
      page.writeHead(200, { "content-type": "text/html" }).end("<title>Late</title>")
      assert.deepStrictEqual(yield* guest.payloads("previewed", 1), [
        { id, previews: [{ url: `${origin}/page`, title: "Late", description: "" }] }
      ])
    })
  )

  it.live(
    "harbour: a defect in a channel's handler ends that channel, which comes back, and no other; a failing storage is reported without its cause",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile, "steered")
      const token = yield* furnish(harbour, "quay")
      const ada = yield* follow(harbour, "quay", token)
      const guest = yield* follow(harbour, "quay")
      for (const client of [ada, guest]) yield* client.payloads("joined", 1)

      const { response, status } = yield* ada.push("post", { text: "broken" })
      assert.deepStrictEqual([status, response], ["error", { _tag: "Unavailable" }])
      yield* harbour.wrote(/the disk at \/secret is full/)

      // It is not answered: the channel is gone.
      yield* Effect.forkScoped(ada.push("post", { text: "defect" }))
      yield* ada.payloads("crashed", 1)
      yield* ada.payloads("joined", 2)
      assert.match(yield* harbour.wrote(/the hull is breached/), /room:\{room\}.* of channel server .*live/)
      assert.strictEqual((yield* ada.push("post", { text: "next" })).status, "ok")
      assert.deepStrictEqual(textsOf(yield* guest.payloads("posted", 1)), ["next"])
      assert.deepStrictEqual(
        guest.heard.map(({ event }) => event),
        ["joined", "posted"]
      )
    })
  )

  it.live(
    "harbour: a page of another origin gets no socket, one socket follows 20 rooms, and a frame may have 64 KiB",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      const token = yield* furnish(harbour, "quay")
      assert.strictEqual(yield* bare(harbour, "http://elsewhere.test", (socket) => socket.close()), 403)
      assert.strictEqual(yield* bare(harbour, harbour.url, (socket) => socket.close(4000)), 4000)
      const large = yield* bare(harbour, undefined, (socket) => socket.send("x".repeat(64 * 1024 + 1)))
      assert.strictEqual(large, 1009)

      const rooms = Array.from({ length: 21 }, (_, n) => `pier-${n}`)
      yield* Effect.forEach(rooms, (name) => harbour.call("POST", "/api/rooms", { token, body: { name } }))
      const answers: Array<any> = []
      yield* bare(harbour, undefined, (socket) => {
        socket.on("message", (data: Buffer) => {
          const [, , , event, payload] = JSON.parse(data.toString())
          // Presence is pushed as well.
          if (event === "phx_reply") answers.push(payload)
          if (answers.length === rooms.length) socket.close()
        })
        rooms.forEach((name, n) => socket.send(JSON.stringify([`${n}`, `${n}`, `room:${name}`, "phx_join", {}])))
      })
      assert.strictEqual(answers.filter(({ status }) => status === "ok").length, 20)
      assert.deepStrictEqual(
        answers.filter(({ status }) => status !== "ok"),
        [{ status: "error", response: { reason: "too many channels joined" } }]
      )
    })
  )

  it.live(
    "harbour: the page's modules may be kept, the start draws the channels, and the answer to a plain request to the socket names the missing upgrade",
    Effect.fn(function* () {
      const harbour = yield* start(yield* dataFile)
      const page = yield* harbour.call("GET", "/")
      const modules = [...page.text.matchAll(/<link rel="modulepreload" href="([^"]+)"/g)].map(([, href = ""]) => href)
      assert.strictEqual(modules.length, 2)
      for (const path of modules) {
        const { headers, status, text } = yield* harbour.call("GET", path)
        assert.strictEqual(status, 200)
        assert.match(headers.get("content-type") ?? "", /^text\/javascript/)
        assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
        assert.match(headers.get("cache-control") ?? "", /immutable/)
        assert.match(text, /export (?:const|\{)/)
      }
      assert.match(
        harbour.output(),
        /^live \(channel\)\n {2}handler {2}access-log\n {2}handler {2}visitor\n {2}channel {2}room:\{room\} {2}requires harbour\/CurrentUser$/m
      )
      const plain = yield* harbour.call("GET", "/socket/websocket")
      assert.deepStrictEqual([plain.status, /WebSocket handshake/.test(plain.text)], [400, true])
    })
  )
})
