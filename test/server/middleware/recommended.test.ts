/** All ready-made middleware in the recommended order on a real server, to undici, curl and Chromium. */
import { execFile } from "node:child_process"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { promisify } from "node:util"

import * as Undici from "@effect/platform-node/Undici"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import { launch, missing } from "../../Chromium.ts"
import { logsOf } from "../Logs.ts"
import { recommendedServer } from "./RecommendedApp.ts"
import type { Entry } from "./RecommendedApp.ts"

const origin = "https://app.example"
const tooLarge = "x".repeat(1001)

interface Path {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly status: number
}

/** The ways by which a response comes to be. */
const paths: Readonly<Record<string, Path>> = {
  success: { path: "/ok", status: 200 },
  HEAD: { method: "HEAD", path: "/ok", status: 200 },
  "a body": { method: "PUT", path: "/echo", body: "hello", headers: { origin }, status: 201 },
  "an idempotency key": {
    method: "POST",
    path: "/echo",
    body: "hello",
    headers: { origin, "idempotency-key": '"k-1"' },
    status: 201
  },
  "a typed failure": { path: "/taken", status: 409 },
  "a defect": { path: "/defect", status: 500 },
  "no route": { path: "/missing", status: 404 },
  "no method": { method: "DELETE", path: "/ok", headers: { origin }, status: 405 },
  "the methods": { method: "OPTIONS", path: "/ok", status: 204 },
  "a preflight": {
    method: "OPTIONS",
    path: "/echo",
    headers: { origin, "access-control-request-method": "PUT" },
    status: 204
  },
  "a body that is too large": { method: "PUT", path: "/echo", body: tooLarge, headers: { origin }, status: 413 },
  "a timeout": { path: "/slow", status: 503 },
  "not modified": { path: "/ok", headers: { "if-none-match": "*" }, status: 304 },
  "a hostile path": { path: "/ok%2F..%2Ftaken", status: 400 },
  "an unknown method": { method: "PROPFIND", path: "/ok", headers: { origin }, status: 501 },
  "an unknown host": { path: "/ok", headers: { host: "evil.example" }, status: 421 },
  "a forged request": {
    method: "POST",
    path: "/visit",
    headers: { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
    status: 403
  },
  "a denied address": { path: "/ok", headers: { "x-forwarded-for": "198.51.100.7" }, status: 403 },
  "a bad credential": { path: "/visit", headers: { authorization: "Bearer bad" }, status: 401 },
  "a deadline of the client": { path: "/slow", headers: { "x-request-timeout-ms": "50" }, status: 504 },
  "an invalid input": { path: "/ok", headers: { "x-page": "many" }, status: 422 },
  "a malformed idempotency key": {
    method: "POST",
    path: "/echo",
    body: "hello",
    headers: { origin, "idempotency-key": "k 1" },
    status: 400
  },
  "a malformed credential": { path: "/visit", headers: { authorization: "Bearer a b" }, status: 400 }
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/** Sends a request, and reads the whole response. */
type Send = (url: string, path: Omit<Path, "path" | "status">) => Promise<Answer>

const byUndici: Send = async (url, { body, headers, method = "GET" }) => {
  const answer = await Undici.request(url, { method: method as "GET", headers: { ...headers }, body: body ?? null })
  await answer.body.dump()
  return {
    status: answer.statusCode,
    headers: Object.fromEntries(Object.entries(answer.headers).map(([name, value]) => [name, String(value)]))
  }
}

const run = promisify(execFile)

const byCurl: Send = async (url, { body, headers = {}, method = "GET" }) => {
  const lines = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`])
  const how = method === "HEAD" ? ["--head"] : ["-X", method]
  const sent = body === undefined ? [] : ["--data-binary", body, "-H", "content-type: text/plain"]
  const { stdout } = await run("curl", ["-s", "-D", "-", "-o", "/dev/null", ...how, ...lines, ...sent, url])
  const [first = "", ...fields] = stdout.split(/\r?\n\r?\n/)[0]!.split(/\r?\n/)
  const named = fields.map((field) => {
    const colon = field.indexOf(":")
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const
  })
  return { status: Number(first.split(" ")[1]), headers: Object.fromEntries(named) }
}

/** The entries with this target, once the server has written as many as it will: it writes after the last byte, so that a client can be faster. */
const entriesOf = async (entries: ReadonlyArray<Entry>, mark: string) => {
  const found = () => entries.filter((entry) => entry["url.query"] === mark)
  for (let turn = 0; turn < 500 && found().length === 0; turn++) await new Promise((resolve) => setTimeout(resolve, 2))
  // A second line would come in the same turn, or with the next request.
  await new Promise((resolve) => setTimeout(resolve, 20))
  return found()
}

const protects = (headers: Readonly<Record<string, string>>): void => {
  assert.strictEqual(headers["x-content-type-options"], "nosniff")
  assert.include(headers["content-security-policy"] ?? "", "default-src 'self'")
  assert.match(headers["x-request-id"] ?? "", /^[\da-f-]{36}$/)
}

const clients: Readonly<Record<string, Send>> = { undici: byUndici, curl: byCurl }

let mark = 0

describe.each(Object.keys(clients))("the recommended order, to %s", (client) => {
  const send = clients[client]!

  it.live("middleware: every way to a response has the headers of all, and one line in the log", () =>
    Effect.gen(function* () {
      const { entries, url } = yield* recommendedServer([origin])
      yield* Effect.promise(async () => {
        for (const [name, { path, status, ...request }] of Object.entries(paths)) {
          const query = `n=${mark++}`
          const answer = await send(`${url}${path}?${query}`, request)
          // Another key: the same one with another URL would be refused.
          const again = request.headers?.["idempotency-key"] === '"k-1"' ? { "idempotency-key": '"k-2"' } : {}
          const withOrigin = await send(`${url}${path}?${query}&o`, {
            ...request,
            headers: { origin, ...request.headers, ...again }
          })
          for (const [{ headers, status: received }, mark] of [
            [answer, query],
            [withOrigin, `${query}&o`]
          ] as const) {
            assert.strictEqual(received, status, name)
            protects(headers)
            assert.include(headers["vary"] ?? "", "Origin", name)
            const lines = await entriesOf(entries, mark)
            assert.lengthOf(lines, 1, name)
            assert.strictEqual(lines[0]!["http.response.status_code"], status, name)
            assert.strictEqual(lines[0]!["fairlead.request_id"], headers["x-request-id"], name)
          }
          const isEvil = request.headers?.["origin"]?.includes("evil") === true
          assert.strictEqual(withOrigin.headers["access-control-allow-origin"], isEvil ? undefined : origin, name)
        }
      })
    }).pipe(logsOf)
  )

  it.live("middleware: a client beyond its rate gets 429 with all headers, by the address that the proxy saw", () =>
    Effect.gen(function* () {
      const { entries, url } = yield* recommendedServer([origin])
      yield* Effect.promise(async () => {
        const get = (address: string, n: number) =>
          send(`${url}/ok?limited=${n}`, { headers: { origin, "x-forwarded-for": address } })
        const statuses = []
        for (let n = 0; n < 3; n++) statuses.push((await get("192.0.2.1", n)).status)
        assert.deepStrictEqual(statuses, [200, 200, 429])
        const refused = await get("192.0.2.1", 4)
        protects(refused.headers)
        assert.strictEqual(refused.headers["access-control-allow-origin"], origin)
        assert.isDefined(refused.headers["retry-after"])
        assert.strictEqual((await get("192.0.2.2", 5)).status, 200)
        const [line, ...others] = await entriesOf(entries, "limited=4")
        assert.lengthOf(others, 0)
        assert.deepStrictEqual([line!["http.response.status_code"], line!["client.address"]], [429, "192.0.2.1"])
      })
    }).pipe(logsOf)
  )

  it.live("middleware: an overloaded and a full server answer 503 with Retry-After and all headers", () =>
    Effect.gen(function* () {
      const { entries, load, url } = yield* recommendedServer([origin])
      const endless = new AbortController()
      yield* Effect.promise(async () => {
        const rejected = async (query: string) => {
          const { headers, status } = await send(`${url}/ok?${query}`, { headers: { origin } })
          assert.strictEqual(status, 503, query)
          protects(headers)
          assert.match(headers["retry-after"] ?? "", /^[1-9]\d*$/, query)
          assert.strictEqual(headers["access-control-allow-origin"], origin, query)
          assert.strictEqual(headers["content-type"], "application/problem+json", query)
          const lines = await entriesOf(entries, query)
          assert.deepStrictEqual(
            lines.map((line) => line["http.response.status_code"]),
            [503]
          )
        }
        load.heapRatio = 0.95
        await rejected("shed")
        // A preflight has its answer before: the browser may ask, and read the 503.
        const preflight = { origin, "access-control-request-method": "PUT" }
        assert.strictEqual((await send(`${url}/echo`, { method: "OPTIONS", headers: preflight })).status, 204)
        load.heapRatio = 0
        const { body } = await Undici.request(`${url}/endless?full=0`, { signal: endless.signal })
        body.on("error", () => {})
        await rejected("full=1")
        endless.abort()
        await entriesOf(entries, "full=0")
        assert.strictEqual((await send(`${url}/ok?full=2`, {})).status, 200)
      })
    }).pipe(logsOf)
  )
})

describe("the recommended order, to a client that goes away", () => {
  it.live.each(["/slow", "/endless"])("middleware: one line with 499, from %s", (path) =>
    Effect.gen(function* () {
      const { entries, url } = yield* recommendedServer([origin])
      const aborts = new AbortController()
      yield* Effect.promise(async () => {
        const answer = Undici.request(`${url}${path}?gone`, { signal: aborts.signal }).then(({ body }) =>
          body.on("error", () => {})
        )
        setTimeout(() => aborts.abort(), 100)
        await answer.catch(() => {})
        const lines = await entriesOf(entries, "gone")
        assert.deepStrictEqual(
          lines.map((line) => line["http.response.status_code"]),
          [499]
        )
      })
    }).pipe(logsOf)
  )
})

interface PageRequest {
  readonly method?: string
  readonly body?: string
  readonly headers?: Record<string, string>
}

/** A page of another origin. */
const pageServer = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer((_, response) =>
      response.setHeader("content-type", "text/html").end("<!doctype html><title>page</title>")
    )
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return server
  }),
  (server) => Effect.sync(() => server.closeAllConnections())
)

describe.skipIf(missing)("the recommended order, to Chromium", () => {
  it.live("middleware: preflights, cookies and forged requests are as the browser sees them", () =>
    Effect.gen(function* () {
      const { port } = (yield* pageServer).address() as AddressInfo
      const page = `http://localhost:${port}`
      const { entries, url } = yield* recommendedServer([page])
      const browser = yield* Effect.acquireRelease(
        Effect.promise(() => launch()),
        (browser) => Effect.promise(() => browser.close())
      )
      const ask = (from: string) =>
        Effect.promise(async () => {
          const context = await browser.newContext()
          const tab = await context.newPage()
          await tab.goto(from)
          return (path: string, init: PageRequest = {}) =>
            tab.evaluate(
              async ([target, options]) => {
                try {
                  const answer = await fetch(target, { credentials: "include", ...options })
                  return [answer.status, await answer.text(), answer.headers.get("x-request-id") !== null] as const
                } catch {
                  return "blocked" as const
                }
              },
              [url + path, init] as const
            )
        })
      const own = yield* ask(page)
      const evil = yield* ask(`http://evil.localhost:${port}`)
      yield* Effect.promise(async () => {
        assert.deepStrictEqual(await own("/visit?1", { method: "POST" }), [200, "guest 1", true])
        assert.deepStrictEqual(await own("/visit?2", { method: "POST" }), [200, "guest 2", true])
        const put = { method: "PUT", body: "hello", headers: { authorization: "Bearer good" } }
        assert.deepStrictEqual(await own("/echo?3", put), [201, "hello", true])
        assert.deepStrictEqual(
          entries.filter((entry) => entry["url.query"] === "3").map((entry) => entry["http.request.method"]),
          ["OPTIONS", "PUT"]
        )
        for (const [path, status] of [
          ["/taken", 409],
          ["/defect", 500],
          ["/missing", 404],
          ["/slow", 503]
        ] as const) {
          const answer = await own(path)
          assert.deepStrictEqual([answer[0], answer[2]], [status, true], path)
        }
        for (const [path, init, status] of [
          ["/slow", { headers: { "x-request-timeout-ms": "50" } }, 504],
          ["/ok", { headers: { "x-page": "many" } }, 422],
          ["/ok", { method: "DELETE" }, 405]
        ] as const) {
          const answer = await own(path, init)
          assert.deepStrictEqual([answer[0], answer[2]], [status, true], path)
        }
        const large = await own("/echo?4", { ...put, body: tooLarge })
        assert.deepStrictEqual([large[0], large[2]], [413, true])
        // The page of another site may not read, and what it sends is refused.
        assert.strictEqual(await evil("/ok?5"), "blocked")
        assert.strictEqual(await evil("/visit?6", { method: "POST" }), "blocked")
        assert.strictEqual(await evil("/echo?7", put), "blocked")
        const statuses = ["5", "6", "7"].map((query) =>
          entries
            .filter((entry) => entry["url.query"] === query)
            .map((entry) => `${String(entry["http.request.method"])} ${String(entry["http.response.status_code"])}`)
        )
        assert.deepStrictEqual(statuses, [["GET 200"], ["POST 403"], ["OPTIONS 204"]])
      })
    }).pipe(logsOf)
  )
})
