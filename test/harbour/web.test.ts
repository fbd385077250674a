/**
 * Previews of a running Harbour, from pages on the loopback interface.
 */
import type { RequestListener, ServerResponse } from "node:http"
import { gzipSync } from "node:zlib"

import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Schedule } from "effect"
import type { Scope } from "effect"

import { loopback } from "../client/handlers/Loopback.ts"
import { dataFile, furnish, start } from "./Process.ts"
import type { Answer, Harbour } from "./Process.ts"

const path = "/api/rooms/quay/messages"

interface Web {
  readonly origin: string
  readonly connections: () => number
  /** The paths that were asked for, in order. */
  readonly asked: ReadonlyArray<string>
  /** The slow pages answer from now on. */
  readonly hurry: () => void
  /** The responses without an end were given up by their reader, each under its path. */
  readonly givenUp: (path: string) => Effect.Effect<void>
}

const html = { "content-type": "text/html" }
const compressed = gzipSync(`<title>Packed</title>`)

/** Writes without an end, until the reader leaves. */
const endless = (response: ServerResponse, start: string, left: () => void) => {
  const more = Buffer.alloc(64 * 1024, " ")
  const write = () => {
    while (!response.destroyed && response.write(more));
  }
  response.on("drain", write).on("close", left).write(start)
  write()
}

const web: Effect.Effect<Web, never, Scope.Scope> = Effect.gen(function* () {
  const asked: Array<string> = []
  const held: Array<() => void> = []
  const left = { "/huge": yield* Deferred.make<void>(), "/gone": yield* Deferred.make<void>() }
  let hurried = false
  const pages: Record<string, RequestListener> = {
    "/plain": (_, response) =>
      response.writeHead(200, html).end(`<title>Plain</title><meta name="description" content="Nothing more">`),
    "/hostile": (_, response) =>
      response
        .writeHead(200, html)
        .end(`<title><script>alert("boo")</script>\u202e&lt;img src=x onerror=alert(1)></title>`),
    "/moved": (_, response) => response.writeHead(301, { location: "/plain" }).end(),
    "/packed": (_, response) => response.writeHead(200, { ...html, "content-encoding": "gzip" }).end(compressed),
    "/flaky": (_, response) => {
      const first = asked.filter((path) => path === "/flaky").length === 1
      response.writeHead(first ? 500 : 200, html).end("<title>Recovered</title>")
    },
    "/huge": (_, response) => {
      response.writeHead(200, html)
      endless(response, "<title>Huge</title>", () => Deferred.doneUnsafe(left["/huge"], Effect.void))
    },
    "/gone": (_, response) => {
      response.writeHead(404, html)
      endless(response, "<title>Gone</title>", () => Deferred.doneUnsafe(left["/gone"], Effect.void))
    },
    "/slow": (_, response) => {
      const answer = () => response.writeHead(200, html).end("<title>Slow</title>")
      if (hurried) answer()
      else held.push(answer)
    },
    "/inward": (_, response) => response.writeHead(302, { location: "http://169.254.169.254/latest/" }).end(),
    "/aside": (request, response) => {
      const port = Number(request.socket.localPort)
      response.writeHead(302, { location: `http://localhost:${port}/plain` }).end()
    }
  }
  const { connections, origin } = yield* loopback((request, response) => {
    const path = request.url ?? ""
    asked.push(path)
    const page = pages[path]
    if (page === undefined) response.writeHead(404).end()
    else page(request, response)
  })
  return {
    origin,
    connections,
    asked,
    hurry: () => {
      hurried = true
      for (const answer of held.splice(0)) answer()
    },
    givenUp: (path) => Deferred.await(left[path as keyof typeof left])
  }
})

/** Posts a message, which is answered at once and without previews; gives where it is. */
const post = (harbour: Harbour, token: string, text: string) =>
  Effect.map(harbour.call("POST", path, { token, body: { text } }), ({ headers, json, status }) => {
    assert.deepStrictEqual([status, json.text, json.previews], [201, text, []])
    return headers.get("location") ?? ""
  })

/** The titles of a message, once it has that many. */
const titles = (harbour: Harbour, location: string, count: number) =>
  harbour.call("GET", location).pipe(
    Effect.map(({ json }: Answer): ReadonlyArray<string> => json.previews.map(({ title }: { title: string }) => title)),
    Effect.repeat({ until: (titles) => titles.length >= count, schedule: Schedule.spaced("20 millis") }),
    Effect.timeout("2 minutes")
  )

describe.concurrent("web", () => {
  it.live(
    "harbour: links get the titles of their pages: plain, moved, packed, flaky, hostile or without an end",
    Effect.fn(function* () {
      const { asked, givenUp, origin } = yield* web
      const harbour = yield* start(yield* dataFile, "main", { HARBOUR_PREVIEW_ALLOW: origin })
      const token = yield* furnish(harbour, "quay")
      const first = yield* post(harbour, token, `${origin}/plain, ${origin}/moved and (${origin}/packed).`)
      const second = yield* post(harbour, token, `${origin}/flaky ${origin}/hostile ${origin}/huge`)
      yield* post(harbour, token, `${origin}/gone`)
      assert.deepStrictEqual(yield* titles(harbour, first, 3), ["Plain", "Plain", "Packed"])
      assert.deepStrictEqual(yield* titles(harbour, second, 3), [
        "Recovered",
        '<script>alert("boo")</script><img src=x onerror=alert(1)>',
        "Huge"
      ])
      assert.strictEqual(asked.filter((path) => path === "/flaky").length, 2)
      yield* givenUp("/huge")
      yield* givenUp("/gone")
      const { json } = yield* harbour.call("GET", path)
      assert.deepStrictEqual(json.items[2].previews[0], {
        url: `${origin}/plain`,
        title: "Plain",
        description: "Nothing more"
      })
    })
  )

  it.live(
    "harbour: a private address is not asked, and neither is the target of a redirect inwards",
    Effect.fn(function* () {
      const inside = yield* web
      const allowed = yield* web
      const harbour = yield* start(yield* dataFile, "main", { HARBOUR_PREVIEW_ALLOW: allowed.origin })
      const token = yield* furnish(harbour, "quay")
      const port = new URL(inside.origin).port
      const links = [
        `${inside.origin}/plain`,
        `http://localhost:${port}/plain`,
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://localhost/",
        `http://[::1]:${port}/`,
        `http://2130706433:${port}/`,
        `${allowed.origin}/inward`,
        `${allowed.origin}/aside`
      ]
      for (const link of links) yield* post(harbour, token, link)
      for (const link of links) {
        const logged = new URL(link).href.replaceAll(/[.?[\]/]/g, "\\$&")
        yield* harbour.wrote(new RegExp(`No preview of ${logged}: .*is blocked`))
      }
      assert.strictEqual(inside.connections(), 0)
      assert.sameMembers([...allowed.asked], ["/inward", "/aside"])
      const { json } = yield* harbour.call("GET", path)
      for (const { previews } of json.items) assert.deepStrictEqual(previews, [])
    })
  )

  it.live(
    "harbour: previews survive a restart, those under way do not hold the stop and are made after it",
    Effect.fn(function* () {
      const data = yield* dataFile
      const { asked, hurry, origin } = yield* web
      const allow = { HARBOUR_PREVIEW_ALLOW: origin }
      const harbour = yield* start(data, "main", allow)
      const token = yield* furnish(harbour, "quay")
      const location = yield* post(harbour, token, `${origin}/slow ${origin}/plain`)
      assert.deepStrictEqual(yield* titles(harbour, location, 1), ["Plain"])
      yield* Effect.repeat(
        Effect.sync(() => asked),
        { until: (asked) => asked.includes("/slow"), schedule: Schedule.spaced("20 millis") }
      )
      yield* harbour.signal("SIGTERM")
      assert.deepStrictEqual(yield* harbour.ended, { code: 0, signal: null })
      assert.notMatch(harbour.output(), /level=(?:WARN|ERROR)/)

      hurry()
      const again = yield* start(data, "main", allow)
      assert.deepStrictEqual(yield* titles(again, location, 2), ["Slow", "Plain"])
      assert.strictEqual(asked.filter((path) => path === "/plain").length, 1)
    })
  )
})
