/**
 * All handlers against a server whose heads and bodies are the worst they can be: each ends in a typed error, the connection is closed, and the next call works.
 */
import { gzipSync } from "node:zlib"

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpBody, HttpClient, HttpClientRequest } from "effect/http"
import { ClientChain } from "fairlead/client"
import type { TimeoutsOptions } from "fairlead/client/handlers"

import { serving } from "../handlers/Hostile.ts"
import { everything, outcome, transports } from "./Everything.ts"
import { hostile, text } from "./Server.ts"

interface Case {
  readonly path: string
  readonly ends: string
  /** Where fetch does otherwise: it decompresses by itself, and takes what was cut for whole. */
  readonly overFetch?: Pick<Case, "ends" | "asked">
  /** Where node:http does. */
  readonly overNodeHttp?: Pick<Case, "ends" | "asked">
  /** Where this project's transport does. */
  readonly overNodeTransport?: Pick<Case, "ends" | "asked">
  /** Where a POST ends otherwise: its body is not read before the response is given. */
  readonly onPost?: Pick<Case, "ends">
  readonly timeouts?: TimeoutsOptions
  /** How often it is asked for: six times when it is retried, since each of three attempts is sent a second time at once. Default: 1. */
  readonly asked?: number
}

// A body that cannot report its progress adds `send` to the time for the head.
const headers = { headers: "150 millis", send: "150 millis" } as const
const broken = "transport: broken"

const heads: ReadonlyArray<Case> = [
  { path: "/silent", ends: "HttpTimeout headers", timeouts: headers, asked: 6 },
  { path: "/slow-head", ends: "HttpTimeout headers", timeouts: headers, asked: 6 },
  { path: "/endless-hints", ends: "HttpTimeout headers", timeouts: headers, asked: 6 },
  {
    path: "/endless-headers",
    ends: broken,
    asked: 6,
    overNodeTransport: { ends: "transport: HeadersTooLarge", asked: 1 }
  },
  { path: "/no-http", ends: broken, asked: 6 },
  { path: "/two-lengths", ends: broken, asked: 6 },
  { path: "/length-and-chunks", ends: broken, asked: 6 },
  { path: "/switch", ends: broken, asked: 6, overNodeHttp: { ends: "101 ", asked: 1 } },
  { path: "/reset-at-once", ends: broken, asked: 6 },
  { path: "/reset-in-head", ends: broken, asked: 6 }
]

const bodies: ReadonlyArray<Case> = [
  { path: "/reset-in-body", ends: "body: broken" },
  { path: "/short", ends: "body: broken" },
  { path: "/bad-chunks", ends: "body: broken" },
  { path: "/smuggled", ends: "200 ok" },
  { path: "/stalled", ends: "body: HttpTimeout idle", timeouts: { idle: "150 millis" } },
  {
    path: "/dripping",
    ends: "HttpTimeout total",
    timeouts: { total: "1 second" },
    onPost: { ends: "body: HttpTimeout total" }
  },
  // What is too large to be shared is asked for once more.
  { path: "/infinite", ends: "body: BodyTooLarge", asked: 2 },
  { path: "/huge", ends: "BodyTooLarge" },
  { path: "/truncated", ends: "body: DecompressError TruncatedBody", overFetch: { ends: `200 ${text.slice(0, 200)}` } },
  { path: "/corrupt", ends: "body: DecompressError CorruptBody", overFetch: { ends: "body: broken" } },
  { path: "/bomb", ends: "body: DecompressError RatioTooHigh", overFetch: { ends: "body: BodyTooLarge", asked: 2 } },
  {
    path: "/bomb-in-bomb",
    ends: "body: DecompressError RatioTooHigh",
    overFetch: { ends: "body: BodyTooLarge", asked: 2 }
  },
  { path: "/codings", ends: "DecompressError TooManyCodings", overFetch: { ends: "body: broken" } }
]

describe.each(transports)("all handlers over %s", (name, layer) => {
  const check = (
    { onPost, overFetch, overNodeHttp, overNodeTransport, path, timeouts = {}, ...each }: Case,
    method: "GET" | "POST"
  ) =>
    Effect.gen(function* () {
      const { asked = 1, ends } = {
        ...each,
        ...(name === "fetch" ? overFetch : {}),
        ...(name === "node:http" ? overNodeHttp : {}),
        ...(name === "fairlead/client/node" ? overNodeTransport : {}),
        ...(method === "POST" ? { ...onPost, asked: 1 } : {})
      }
      const server = yield* hostile
      let sent = 0
      const transport = HttpClient.mapRequest(yield* HttpClient.HttpClient, (request) => (sent++, request))
      const allow = { ports: [server.port], allow: ["127.0.0.1/32"] }
      const call = HttpClientRequest.make(method)(`${server.url}${path}`).pipe(
        HttpClientRequest.setBody(method === "GET" ? HttpBody.empty : HttpBody.text("sent"))
      )
      const strict = everything({ allow, timeouts }).pipe(ClientChain.over(transport))
      assert.strictEqual(yield* outcome(strict.execute(call)), ends)
      assert.strictEqual(sent, asked)
      // The only connection is free for another call, and nothing is left of the others.
      const client = everything({ allow }).pipe(ClientChain.over(transport))
      assert.strictEqual(yield* outcome(client.get(`${server.url}/ok`)), "200 ok")
      yield* Effect.repeat(Effect.sleep(5), { until: () => server.sockets.size <= 1 })
    }).pipe(Effect.provide(layer))

  it.live("a compressed body comes over hops and failures, for many calls at once, on one connection", () =>
    Effect.gen(function* () {
      const large = "x".repeat(500_000)
      const failures = new Map<string, number>()
      const server = yield* serving((request, response) => {
        const { pathname, search } = new URL(request.url!, "http://a.test")
        const failed = failures.get(search) ?? 0
        if (pathname === "/") response.writeHead(307, { location: `/next${search}` }).end(large)
        else if (failed < 2) {
          failures.set(search, failed + 1)
          // One failure answers with a body that is too large to be drained, the other is no answer.
          if (failed === 0) response.writeHead(503).end(large)
          else request.socket.destroy()
        } else {
          assert.strictEqual(request.headers["accept-encoding"], "zstd, br, gzip, deflate")
          response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(`${search} ${large}`))
        }
      })
      const allow = { ports: [Number(new URL(server.url).port)], allow: ["127.0.0.1/32"] }
      const client = everything({ allow }).pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const calls = Array.from({ length: 8 }, (_, call) => `?call=${call}`)
      // Each is called twice: the second shares the exchange of the first.
      const read = (call: string) => Effect.flatMap(client.get(`${server.url}/${call}`), ({ text }) => text)
      const bodies = yield* Effect.forEach([...calls, ...calls], read, { concurrency: "unbounded" })
      assert.deepStrictEqual(
        bodies.map((body) => body.split(" ", 1)[0]),
        [...calls, ...calls]
      )
      assert.isTrue(bodies.every((body) => body.length > large.length))
      yield* Effect.repeat(Effect.sleep(5), { until: () => server.sockets.size <= 1 })
    }).pipe(Effect.provide(layer))
  )

  it.live.each(heads)("a GET of $path ends with $ends", (each) => check(each, "GET"))
  it.live.each(bodies)("a GET of $path ends with $ends", (each) => check(each, "GET"))
  it.live.each([...heads, ...bodies])("a POST of $path is not sent again", (each) => check(each, "POST"))
})
