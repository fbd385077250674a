/**
 * All handlers against a server that leads them astray: redirects, challenges, cookies and waits that no client should fall for.
 */
import { createHash } from "node:crypto"
import type { IncomingMessage, ServerResponse } from "node:http"

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { ClientChain } from "fairlead/client"
import { parseChallenges } from "fairlead/client/handlers"

import { serving } from "../handlers/Hostile.ts"
import { everything, hurried, outcome, transports } from "./Everything.ts"

const portOf = (url: string) => Number(new URL(url).port)

/** What is allowed for servers of this machine. */
const here = (...urls: ReadonlyArray<string>) => ({ ports: [80, ...urls.map(portOf)], allow: ["127.0.0.1/32"] })

const md = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex")

/** Whether a request's `Authorization` answers the challenge of the nonce by SHA-256. */
const isAnswer = (request: IncomingMessage, nonce: string): boolean => {
  const [given] = parseChallenges(request.headers.authorization ?? "")
  const get = (name: string) => given?.parameters.get(name) ?? ""
  const a1 = md("sha256", "ada:a, b:s3cret")
  const a2 = md("sha256", `${request.method}:${request.url}`)
  const right = md("sha256", `${a1}:${nonce}:${get("nc")}:${get("cnonce")}:auth:${a2}`)
  return given?.scheme === "digest" && get("nonce") === nonce && get("response") === right
}

/** A 401 with four challenges on two lines: the best stands last. */
const challenged = (response: ServerResponse, nonce: string, stale = false) => {
  const digest = `Digest realm="a, b", nonce="${nonce}", qop="auth", stale=${stale}`
  response.setHeader("www-authenticate", [
    `Basic realm="give, me", Negotiate, ${digest}, algorithm=MD5`,
    `${digest}, algorithm=SHA-256`
  ])
  response.writeHead(401).end("who are you?")
}

const redirects: ReadonlyArray<readonly [name: string, to: (path: string, url: string) => string, ends: string]> = [
  ["to itself", (path) => path, "RedirectError RedirectLoop"],
  ["in a circle", (path) => (path === "/a" ? "/b" : path === "/b" ? "/c" : "/a"), "RedirectError RedirectLoop"],
  ["without end", (path) => `${path}a`, "RedirectError TooManyRedirects"],
  ["to a file", () => "file:///etc/passwd", "RedirectError UnsupportedScheme"],
  ["to no URL", () => "http://[", "RedirectError InvalidLocation"],
  ["to a metadata service", () => "http://169.254.169.254/latest/", "SsrfError AddressForbidden"],
  ["to it as one number", () => "http://2852039166/", "SsrfError AddressForbidden"],
  ["to it within IPv6", () => "http://[::ffff:a9fe:a9fe]/", "SsrfError AddressForbidden"],
  ["to a name inside", () => "http://db.internal/", "SsrfError HostForbidden"],
  ["to another port", () => "http://127.0.0.1:22/", "SsrfError PortForbidden"],
  ["to credentials of its own", (_, url) => url.replace("//", "//admin:root@").concat("/ok"), "200 ok"]
]

type Wait = readonly [
  name: string,
  retryAfter: () => string,
  waited: readonly [number, number] | undefined,
  ends: string
]

const patience: ReadonlyArray<Wait> = [
  ["in seconds", () => "2", [2000, 2002], "200 in time"],
  ["as a date", () => new Date(Date.now() + 10_000).toUTCString(), [5000, 10_002], "200 in time"],
  ["as a date that is over", () => "Thu, 01 Jan 1970 00:00:00 GMT", undefined, "200 in time"],
  ["that is none", () => "soon", undefined, "200 in time"],
  ["that is negative", () => "-99999", undefined, "200 in time"],
  ["longer than the total leaves", () => "120", undefined, "503 busy"],
  ["of a year", () => "31536000", undefined, "503 busy"],
  ["of all eternity", () => "9".repeat(400), undefined, "503 busy"],
  ["at the end of time", () => "Fri, 31 Dec 9999 23:59:59 GMT", undefined, "503 busy"]
]

describe.each(transports)("all handlers over %s", (_, layer) => {
  it.live.each(redirects)("a redirect %s ends with $2", ([, to, ends]) =>
    Effect.gen(function* () {
      const seen = new Set<string | undefined>()
      const server = yield* serving(({ headers, url = "" }, response) => {
        seen.add(headers.authorization)
        if (url === "/ok") response.end("ok")
        else response.writeHead(302, { location: to(url, server.url) }).end("elsewhere".repeat(20_000))
      })
      const client = everything({ allow: here(server.url) }).pipe(ClientChain.over(yield* HttpClient.HttpClient))
      assert.strictEqual(yield* outcome(client.get(`${server.url}/a`)), ends)
      assert.strictEqual(yield* outcome(client.get(`${server.url}/ok`)), "200 ok")
      assert.deepStrictEqual([...seen], [undefined])
      yield* Effect.repeat(Effect.sleep(5), { until: () => server.sockets.size <= 1 })
    }).pipe(Effect.provide(layer))
  )

  it.live("credentials of a caller go to no other origin, and do not come back when that one leads back", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const note = (who: string, { headers, url }: IncomingMessage) =>
        seen.push(
          [who, url, headers.authorization ?? "-", headers["x-api-key"] ?? "-", headers.cookie ?? "-"].join(" ")
        )
      const thief = yield* serving((request, response) => {
        note("thief", request)
        response.writeHead(307, { location: `${server.url}/back`, "set-cookie": "stolen=1; Domain=example.com" }).end()
      })
      const server = yield* serving((request, response) => {
        note("server", request)
        if (request.url === "/back") response.end("back")
        else response.writeHead(307, { location: `${thief.url}/take` }).end()
      })
      const allow = here(server.url, thief.url)
      const transport = yield* HttpClient.HttpClient
      const own = HttpClientRequest.get(`${server.url}/lure`).pipe(
        HttpClientRequest.setHeaders({ authorization: "own", "x-api-key": "key", cookie: "c=1" })
      )
      assert.strictEqual(
        yield* outcome(everything({ allow }).pipe(ClientChain.over(transport)).execute(own)),
        "200 back"
      )
      assert.deepStrictEqual(seen.splice(0), ["server /lure own key c=1", "thief /take - - -", "server /back - - -"])
      const bearing = everything({ allow, origins: { bearer: server.url, basic: "https://other.example" } })
      assert.strictEqual(
        yield* outcome(bearing.pipe(ClientChain.over(transport)).get(`${server.url}/lure`)),
        "200 back"
      )
      assert.deepStrictEqual(seen, [
        "server /lure Bearer bearing - -",
        "thief /take - - -",
        "server /back Bearer bearing - -"
      ])
    }).pipe(Effect.provide(layer))
  )

  it.live("a cookie that a hop sets is seen by the next, and by no other host", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const server = yield* serving(({ headers, url = "" }, response) => {
        seen.push(`${headers.host?.split(":")[0]}${url} ${headers.cookie ?? "-"}`)
        const to: Readonly<Record<string, string>> = {
          "/1": "/2",
          "/2": `http://localhost:${portOf(server.url)}/3`,
          "/3": `${server.url}/4`
        }
        response.setHeader("set-cookie", [`hop${url.slice(1)}=yes; Path=/`, "bad=1; Domain=com", "worse=1; Secure"])
        const location = to[url]
        if (location === undefined) response.end("there")
        else response.writeHead(303, { location }).end()
      })
      const allow = { ...here(server.url), hosts: ["localhost"] }
      const client = everything({ allow }).pipe(ClientChain.over(yield* HttpClient.HttpClient))
      assert.strictEqual(yield* outcome(client.get(`${server.url}/1`)), "200 there")
      const own = "worse=1"
      assert.deepStrictEqual(seen, [
        "127.0.0.1/1 -",
        `127.0.0.1/2 hop1=yes; ${own}`,
        "localhost/3 -",
        `127.0.0.1/4 hop1=yes; ${own}; hop2=yes`
      ])
    }).pipe(Effect.provide(layer))
  )

  it.live("of several challenges the best digest is answered; the password is never sent", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const server = yield* serving((request, response) => {
        seen.push(request.headers.authorization ?? "-")
        if (isAnswer(request, "n1")) response.end("in")
        else challenged(response, "n1")
      })
      const chain = everything({ allow: here(server.url), origins: { digest: server.url } })
      const client = chain.pipe(ClientChain.over(yield* HttpClient.HttpClient))
      assert.strictEqual(yield* outcome(client.get(`${server.url}/a`)), "200 in")
      // The next ones are authenticated ahead.
      assert.strictEqual(yield* outcome(client.get(`${server.url}/b`)), "200 in")
      assert.deepStrictEqual(
        seen.map((header) => /^-$|algorithm=SHA-256.*nc=\d+/.exec(header)?.[0].replace(/.*nc/, "nc")),
        ["-", "nc=00000001", "nc=00000002"]
      )
    }).pipe(Effect.provide(layer))
  )

  it.live("basic is sent to its origins, and a digest challenge changes nothing about it", () =>
    Effect.gen(function* () {
      const seen: Array<string | undefined> = []
      const server = yield* serving(({ headers }, response) => {
        seen.push(headers.authorization)
        challenged(response, "n1")
      })
      const chain = everything({ allow: here(server.url), origins: { basic: server.url, digest: server.url } })
      const client = chain.pipe(ClientChain.over(yield* HttpClient.HttpClient))
      assert.strictEqual(yield* outcome(client.get(`${server.url}/a`)), "401 who are you?")
      assert.deepStrictEqual(seen, ["Basic YWRhOnMzY3JldA=="])
    }).pipe(Effect.provide(layer))
  )

  it.live("a server that refuses every answer, and calls each nonce stale, is answered twice", () =>
    Effect.gen(function* () {
      let asked = 0
      const server = yield* serving((_, response) => challenged(response, `n${++asked}`, true))
      const chain = everything({ allow: here(server.url), origins: { digest: server.url } })
      const client = chain.pipe(ClientChain.over(yield* HttpClient.HttpClient))
      assert.strictEqual(yield* outcome(client.get(`${server.url}/a`)), "401 who are you?")
      assert.strictEqual(asked, 3)
    }).pipe(Effect.provide(layer))
  )

  it.live("a server that refuses every token gets two", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const server = yield* serving(({ headers, url }, response) => {
        seen.push(`${url} ${headers.authorization ?? "-"}`)
        if (url === "/token") response.end(`t${seen.length}`)
        else response.writeHead(401).end("no")
      })
      const chain = everything({ allow: here(server.url), origins: { refresh: server.url } })
      const client = chain.pipe(ClientChain.over(yield* HttpClient.HttpClient))
      assert.strictEqual(yield* outcome(client.get(`${server.url}/a`)), "401 no")
      assert.deepStrictEqual(seen, ["/token -", "/a Bearer t1", "/token -", "/a Bearer t3"])
    }).pipe(Effect.provide(layer))
  )

  it.live.each(patience)("a 503 with a Retry-After %s ends with $3", ([, retryAfter, waited, ends]) =>
    Effect.gen(function* () {
      let asked = 0
      const server = yield* serving((_, response) => {
        if (++asked > 1) response.end("in time")
        else response.writeHead(503, { "retry-after": retryAfter() }).end("busy")
      })
      const { clock, waits } = hurried()
      const client = everything({ allow: here(server.url) }).pipe(ClientChain.over(yield* HttpClient.HttpClient))
      assert.strictEqual(yield* Effect.provide(outcome(client.get(`${server.url}/a`)), clock), ends)
      assert.strictEqual(asked, ends === "503 busy" ? 1 : 2)
      assert.lengthOf(waits, waited === undefined ? 0 : 1)
      if (waited !== undefined) assert.isTrue(waits[0]! >= waited[0] && waits[0]! <= waited[1], String(waits))
    }).pipe(Effect.provide(layer))
  )
})
