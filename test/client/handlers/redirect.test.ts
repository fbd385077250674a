import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { FetchHttpClient, HttpBody, HttpClient, HttpClientRequest } from "effect/http"
import type { HttpMethod } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"
import { redirect, RedirectError } from "fairlead/client/handlers"

import { bodyOf, scripted, serving, transports } from "./Hostile.ts"
import type { Answer } from "./Hostile.ts"

type Options = Parameters<typeof redirect>[0]
type Request = HttpClientRequest.HttpClientRequest

const to = (location: string, status = 302, headers: Record<string, string> = {}): Response =>
  new Response(null, { status, headers: { ...headers, location } })

/** Sends the request over a script; the answers are given one after the other, and 200 behind the last. */
const follow = (request: Request, answers: ReadonlyArray<Answer>, options?: Options) => {
  const { sent, transport } = scripted((_, __, call) => answers[call - 1] ?? new Response("end"))
  const client = ClientChain.make("c").use(redirect(options)).pipe(ClientChain.over(transport))
  return Effect.map(Effect.result(client.execute(request)), (result) => ({ result, sent }))
}

const reasonOf = (request: Request, answers: ReadonlyArray<Answer>, options?: Options) =>
  Effect.map(follow(request, answers, options), ({ result, sent }) => {
    const error = result._tag === "Failure" ? result.failure : undefined
    return [error instanceof RedirectError ? error.reason._tag : error?._tag, sent.length] as const
  })

const post = HttpClientRequest.post("http://a.test/from").pipe(
  HttpClientRequest.bodyText("body", "text/plain"),
  HttpClientRequest.setHeaders({ "content-language": "en", "content-digest": "x", "x-kept": "yes" })
)

describe("redirect", () => {
  it.effect("301, 302, 303, 307 and 308 are followed, no other status is, with a Location or not", () =>
    Effect.gen(function* () {
      for (const status of [201, 204, 300, 301, 302, 303, 304, 305, 307, 308, 309, 399, 404]) {
        const { sent } = yield* follow(HttpClientRequest.get("http://a.test/"), [to("/next", status)])
        assert.strictEqual(sent.length, [301, 302, 303, 307, 308].includes(status) ? 2 : 1, `${status}`)
      }
      const { result, sent } = yield* follow(HttpClientRequest.get("http://a.test/"), [
        new Response(null, { status: 302 })
      ])
      assert.strictEqual(sent.length, 1)
      assert.strictEqual(result._tag === "Success" && result.success.status, 302)
    })
  )

  it.effect("300 is followed only where the options say so, 304 never", () =>
    Effect.gen(function* () {
      const options = { followMultipleChoices: true }
      const get = HttpClientRequest.get("http://a.test/")
      assert.strictEqual((yield* follow(get, [to("/next", 300)], options)).sent.length, 2)
      assert.strictEqual((yield* follow(get, [to("/next", 304)], options)).sent.length, 1)
    })
  )

  it.effect("the method becomes GET, and body and content headers go, by status and method", () =>
    Effect.gen(function* () {
      const table: ReadonlyArray<readonly [number, HttpMethod.HttpMethod, HttpMethod.HttpMethod]> = [
        [301, "POST", "GET"],
        [301, "PUT", "PUT"],
        [301, "HEAD", "HEAD"],
        [302, "POST", "GET"],
        [302, "PATCH", "PATCH"],
        [303, "POST", "GET"],
        [303, "PUT", "GET"],
        [303, "DELETE", "GET"],
        [303, "HEAD", "HEAD"],
        [303, "GET", "GET"],
        [307, "POST", "POST"],
        [307, "PUT", "PUT"],
        [308, "POST", "POST"],
        [308, "PATCH", "PATCH"]
      ]
      for (const [status, before, after] of table) {
        const request = HttpClientRequest.setMethod(post, before)
        const { sent } = yield* follow(request, [to("/next", status)])
        const last = sent[1]!.request
        assert.strictEqual(last.method, after, `${status} ${before}`)
        const changed = before !== after
        assert.strictEqual(last.body._tag, changed ? "Empty" : "Uint8Array", `${status} ${before}`)
        const content = Object.keys(last.headers).filter((name) => name.startsWith("content-"))
        const kept = ["content-digest", "content-language", "content-length", "content-type"]
        assert.deepStrictEqual(content.toSorted(), changed ? [] : kept, `${status} ${before}`)
        assert.strictEqual(last.headers["x-kept"], "yes")
      }
    })
  )

  it.effect("another origin sees no credentials: another host, port or scheme", () =>
    Effect.gen(function* () {
      const secrets = {
        authorization: "a",
        "proxy-authorization": "b",
        cookie: "c=d",
        "x-api-key": "e",
        host: "a.test"
      }
      const request = HttpClientRequest.get("https://a.test/", { headers: { ...secrets, "x-kept": "yes" } })
      for (const location of ["https://b.test/", "//b.test/", "https://a.test:444/", "https://sub.a.test/"]) {
        const { sent } = yield* follow(request, [to(location)])
        assert.deepStrictEqual(Object.keys(sent[1]!.request.headers), ["x-kept"], location)
      }
      const downgraded = yield* follow(request, [to("http://a.test/")], { allowDowngrade: true })
      assert.deepStrictEqual(Object.keys(downgraded.sent[1]!.request.headers), ["x-kept"])
      for (const location of ["https://a.test/x", "/x", "x", "?x", "https://a.test:443/x", "HTTPS://A.test/x"]) {
        const { sent } = yield* follow(request, [to(location)])
        assert.deepStrictEqual({ ...sent[1]!.request.headers }, { ...request.headers }, location)
      }
    })
  )

  it.effect("another origin does not see secret headers, nor those that the options name, in any case", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.get("https://a.test/", {
        headers: { "x-tenant": "t", "x-api-key": "k", accept: "*/*" }
      })
      const options = { sensitiveHeaders: ["X-Tenant"] }
      const { sent } = yield* follow(request, [to("https://b.test/")], options)
      assert.deepStrictEqual(Object.keys(sent[1]!.request.headers), ["accept"])
    })
  )

  it.effect("a dropped header does not come back when a later hop returns to the first origin", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.get("https://a.test/", { headers: { authorization: "a", cookie: "c" } })
      const { sent } = yield* follow(request, [to("https://b.test/"), to("https://a.test/back")])
      assert.deepStrictEqual(
        sent.map(({ request }) => Object.keys(request.headers).length),
        [2, 0, 0]
      )
    })
  )

  it.effect("user information in a Location is not sent, nor shown", () =>
    Effect.gen(function* () {
      const { sent } = yield* follow(HttpClientRequest.get("http://a.test/"), [to("http://me:secret@a.test/x")])
      assert.strictEqual(sent[1]!.url.href, "http://a.test/x")
      const get = HttpClientRequest.get("https://a.test/")
      const { result } = yield* follow(get, [to("http://me:secret@b.test/")])
      assert.isTrue(result._tag === "Failure")
      assert.notInclude(String(result._tag === "Failure" && result.failure.message), "secret")
    })
  )

  it.effect(
    "a Location is resolved against the URL that was sent, parameters included, and its query is kept as it is",
    () =>
      Effect.gen(function* () {
        const request = HttpClientRequest.get("http://a.test/dir/page").pipe(HttpClientRequest.setUrlParam("q", "1"))
        for (const [location, url] of [
          ["next", "http://a.test/dir/next"],
          ["/next?b=%20+&a", "http://a.test/next?b=%20+&a"],
          ["?z=1", "http://a.test/dir/page?z=1"],
          ["../up", "http://a.test/up"],
          ["//b.test", "http://b.test/"]
        ] as const) {
          const { sent } = yield* follow(request, [to(location)])
          assert.strictEqual(sent[1]!.url.href, url)
        }
      })
  )

  it.effect("a Location of UTF-8 bytes means those characters", () =>
    Effect.gen(function* () {
      const bytes = Buffer.from("/café", "utf8").toString("latin1")
      const { sent } = yield* follow(HttpClientRequest.get("http://a.test/"), [to(bytes)])
      assert.strictEqual(sent[1]!.url.pathname, "/caf%C3%A9")
    })
  )

  it.effect("a target without a fragment inherits that of the request, over several hops", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.get("http://a.test/").pipe(HttpClientRequest.setHash("part"))
      const inherited = yield* follow(request, [to("/x"), to("/y")])
      assert.deepStrictEqual(
        inherited.sent.map(({ url }) => url.hash),
        ["#part", "#part", "#part"]
      )
      const replaced = yield* follow(request, [to("/x#other"), to("/y")])
      assert.deepStrictEqual(
        replaced.sent.map(({ url }) => url.hash),
        ["#part", "#other", "#other"]
      )
    })
  )

  it.effect("more hops than the limit are an error, as many are not", () =>
    Effect.gen(function* () {
      const hops = Array.from({ length: 12 }, (_, hop) => to(`/${hop}`))
      const get = HttpClientRequest.get("http://a.test/")
      assert.deepStrictEqual(yield* reasonOf(get, hops), ["TooManyRedirects", 11])
      assert.deepStrictEqual(yield* reasonOf(get, hops.slice(0, 10)), [undefined, 11])
      assert.deepStrictEqual(yield* reasonOf(get, hops, { maxRedirects: 2 }), ["TooManyRedirects", 3])
      assert.deepStrictEqual(yield* reasonOf(get, hops, { maxRedirects: 0 }), ["TooManyRedirects", 1])
    })
  )

  it.effect("one redirect to itself is no loop, the second of the same request is", () =>
    Effect.gen(function* () {
      const get = HttpClientRequest.get("http://a.test/")
      assert.deepStrictEqual(yield* reasonOf(get, [to("/")]), [undefined, 2])
      assert.deepStrictEqual(yield* reasonOf(get, [to("/"), to("/")]), ["RedirectLoop", 2])
      assert.deepStrictEqual(yield* reasonOf(get, [to("/b"), to("/"), to("/b")]), ["RedirectLoop", 3])
      assert.deepStrictEqual(yield* reasonOf(get, [to("/#x"), to("/#y")]), ["RedirectLoop", 2])
    })
  )

  it.effect("the same URL by another method, or with other cookies, is no loop", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* reasonOf(post, [to("/from", 303), to("/end")]), [undefined, 3])
      let cookies = 0
      const jar = ClientHandler.make("jar", {
        run: ({ request }) => ClientHandler.proceed(HttpClientRequest.setHeader(request, "cookie", `n=${cookies++}`))
      })
      const { sent, transport } = scripted((_, __, call) => (call < 5 ? to("/") : new Response("end")))
      const client = ClientChain.make("c").use(redirect()).use(jar).pipe(ClientChain.over(transport))
      assert.strictEqual((yield* client.get("http://a.test/")).status, 200)
      assert.strictEqual(sent.length, 5)
    })
  )

  it.effect("from https to http is an error, unless it is allowed; the other way is followed", () =>
    Effect.gen(function* () {
      const get = HttpClientRequest.get("https://a.test/")
      assert.deepStrictEqual(yield* reasonOf(get, [to("http://a.test/")]), ["DowngradeForbidden", 1])
      assert.deepStrictEqual(yield* reasonOf(get, [to("http://a.test/")], { allowDowngrade: true }), [undefined, 2])
      assert.deepStrictEqual(yield* reasonOf(HttpClientRequest.get("http://a.test/"), [to("https://a.test/")]), [
        undefined,
        2
      ])
    })
  )

  it.effect("other schemes and invalid URLs are errors", () =>
    Effect.gen(function* () {
      const get = HttpClientRequest.get("http://a.test/")
      for (const location of [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "ftp://a.test/",
        "data:,x",
        "ws://a.test/"
      ]) {
        assert.deepStrictEqual(yield* reasonOf(get, [to(location)]), ["UnsupportedScheme", 1], location)
      }
      for (const location of ["http://", "http://[::1", "http://a.test:99999/"]) {
        assert.deepStrictEqual(yield* reasonOf(get, [to(location)]), ["InvalidLocation", 1], location)
      }
    })
  )

  it.effect(
    "a stream that was sent is not sent again empty: the kept body is an error, unless it is declared replayable",
    () =>
      Effect.gen(function* () {
        const stream = HttpClientRequest.setBody(
          HttpClientRequest.post("http://a.test/"),
          HttpBody.stream(Stream.make(new TextEncoder().encode("once")))
        )
        assert.deepStrictEqual(yield* reasonOf(stream, [to("/next", 307)]), ["FollowUpError", 1])
        assert.deepStrictEqual(yield* reasonOf(stream, [to("/next", 303)]), [undefined, 2])
        assert.deepStrictEqual(yield* reasonOf(ClientHandler.replayable(stream), [to("/next", 307)]), [undefined, 2])
      })
  )

  it.effect("each hop passes all handlers, and says why it runs", () =>
    Effect.gen(function* () {
      const reasons: Array<string> = []
      const sign = ClientHandler.make("sign", {
        run: ({ followUpReason, request }) => {
          reasons.push(followUpReason)
          return ClientHandler.proceed(HttpClientRequest.setHeader(request, "x-signed", request.url))
        }
      })
      const { sent, transport } = scripted((_, __, call) => (call === 1 ? to("/next", 307) : new Response("end")))
      yield* ClientChain.make("c").use(redirect()).use(sign).pipe(ClientChain.over(transport)).get("http://a.test/")
      assert.deepStrictEqual(reasons, ["request", "redirect 307"])
      assert.strictEqual(sent[1]!.request.headers["x-signed"], "http://a.test/next")
    })
  )
})

describe.each(transports)("redirect over %s", (_, transport) => {
  it.live("follows over sockets, keeps the body, and drops credentials for another origin", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const other = yield* serving(async (request, response) => {
        seen.push(`${request.method} ${request.headers.authorization ?? "-"} ${await bodyOf(request)}`)
        response.end("there")
      })
      const { url } = yield* serving(async (request, response) => {
        seen.push(`${request.method} ${request.headers.authorization ?? "-"} ${await bodyOf(request)}`)
        const location = request.url === "/" ? "/second" : `${other.url}/third`
        response.writeHead(request.url === "/" ? 308 : 307, { location }).end("x".repeat(200_000))
      })
      const client = ClientChain.make("c")
        .use(redirect())
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const request = HttpClientRequest.post(url).pipe(
        HttpClientRequest.bodyText("body"),
        HttpClientRequest.setHeader("authorization", "secret")
      )
      const response = yield* client.execute(request)
      assert.strictEqual(yield* response.text, "there")
      assert.deepStrictEqual(seen, ["POST secret body", "POST secret body", "POST - body"])
    }).pipe(Effect.provide(transport))
  )

  it.live("a server that redirects without end is left at the limit", () =>
    Effect.gen(function* () {
      let hops = 0
      const { url } = yield* serving((_, response) => {
        response.writeHead(302, { location: `/${++hops}` }).end()
      })
      const client = ClientChain.make("c")
        .use(redirect({ maxRedirects: 3 }))
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const error = yield* Effect.flip(client.get(url))
      assert.isTrue(error instanceof RedirectError && error.reason._tag === "TooManyRedirects")
      assert.strictEqual(hops, 4)
    }).pipe(Effect.provide(transport))
  )
})

describe("redirect over a fetch that follows by itself", () => {
  it.live("a redirect followed past the handlers is an error that says what to provide", () =>
    Effect.gen(function* () {
      const { url } = yield* serving((request, response) => {
        if (request.url === "/") response.writeHead(302, { location: "/next" })
        response.end()
      })
      const client = ClientChain.make("c")
        .use(redirect())
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const error = yield* Effect.flip(client.get(url))
      assert.isTrue(error instanceof RedirectError && error.reason._tag === "FollowedByTransport")
      assert.include(error.message, 'redirect: "manual"')
      assert.strictEqual((yield* client.get(`${url}/next`)).status, 200)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
