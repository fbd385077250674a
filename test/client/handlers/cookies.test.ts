import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { ClientChain, ClientHandler, RawHeaders } from "fairlead/client"
import { CookieJar, cookies } from "fairlead/client/handlers"

import { cookieHeader } from "../../../src/client/handlers/Cookies.ts"
import { loopback } from "./Loopback.ts"
import { wireOf } from "./Wire.ts"

const answer = (lines: ReadonlyArray<string>, status = 200, headers: Readonly<Record<string, string>> = {}) =>
  new Response(null, {
    status,
    headers: [...lines.map((line): [string, string] => ["set-cookie", line]), ...Object.entries(headers)]
  })

/** Follows a `Location`, so that the cookies of hops can be seen. */
const follow = ClientHandler.make("follow", {
  afterResponse: (outcome, { original }) => {
    const to = outcome._tag === "Response" ? outcome.response.headers["location"] : undefined
    return to === undefined ? undefined : ClientHandler.followUp(HttpClientRequest.setUrl(original, to), "redirect")
  }
})

const chain = ClientChain.make("c").use(follow).use(cookies())

describe("the handler", () => {
  it.effect("client cookies: a response's cookies go with the next request", () =>
    Effect.gen(function* () {
      const wire = wireOf((_, { pathname }) => answer(pathname === "/set" ? ["a=1", "b=2; Path=/set"] : []))
      const client = chain.pipe(ClientChain.over(wire.client))
      for (const path of ["/set", "/set", "/other"]) yield* client.get(`https://x.com${path}`)
      assert.deepStrictEqual(wire.sent("cookie"), [undefined, "b=2; a=1", "a=1"])
    }).pipe(Effect.provide(CookieJar.layer()))
  )

  it.effect("client cookies: a cookie that a redirect sets goes with the very next hop, and none goes elsewhere", () =>
    Effect.gen(function* () {
      const hops: Readonly<Record<string, Response>> = {
        "https://x.com/1": answer(["a=1; Path=/"], 302, { location: "https://x.com/2" }),
        "https://x.com/2": answer(["b=2; Path=/"], 302, { location: "https://y.com/3" }),
        "https://y.com/3": answer(["c=3; Path=/"], 302, { location: "https://x.com/4" })
      }
      const wire = wireOf((_, { href }) => hops[href] ?? answer([]))
      yield* chain.pipe(ClientChain.over(wire.client)).get("https://x.com/1")
      assert.deepStrictEqual(wire.sent("cookie"), [undefined, "a=1", undefined, "a=1; b=2"])
    }).pipe(Effect.provide(CookieJar.layer()))
  )

  it.effect("client cookies: the caller's cookies stay in front and beat the jar's by name, at each hop", () =>
    Effect.gen(function* () {
      const wire = wireOf((_, { pathname }) =>
        answer(
          ["a=jar; Path=/", "b=jar; Path=/"],
          pathname === "/1" ? 302 : 200,
          pathname === "/1" ? { location: "https://x.com/2" } : {}
        )
      )
      yield* chain
        .pipe(ClientChain.over(wire.client))
        .execute(HttpClientRequest.get("https://x.com/1", { headers: { cookie: "z=me;a=me" } }))
      assert.deepStrictEqual(
        wire.sent("cookie"),
        ["z=me;a=me", "z=me; a=me; b=jar"].map((text) => text.replace(";a", "; a"))
      )
    }).pipe(Effect.provide(CookieJar.layer()))
  )

  it("client cookies: the header is made of all cookies at hand", () => {
    assert.isUndefined(cookieHeader(undefined, []))
    assert.isUndefined(cookieHeader(" ; ", []))
    assert.strictEqual(cookieHeader("a", []), "a")
  })

  it.effect("client cookies: cookies of error responses count, a failure comes without any", () =>
    Effect.gen(function* () {
      const wire = wireOf(() => answer(["a=1"], 500))
      yield* chain.pipe(ClientChain.over(wire.client)).get("https://x.com/")
      const failing = HttpClient.make(() => Effect.die("down"))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(chain.pipe(ClientChain.over(failing)).get("https://x.com/"))))
      assert.lengthOf(yield* (yield* CookieJar).all, 1)
    }).pipe(Effect.provide(CookieJar.layer()))
  )

  it.effect("client cookies: the URL that answered is the one that sets, when the client followed by itself", () =>
    Effect.gen(function* () {
      const elsewhere = HttpClient.make((request) => {
        const response = answer(["a=1"])
        Object.defineProperty(response, "url", { value: "https://evil.com/" })
        return Effect.succeed(HttpClientResponse.fromWeb(request, response))
      })
      yield* chain.pipe(ClientChain.over(elsewhere)).get("https://x.com/")
      const jar = yield* CookieJar
      assert.deepStrictEqual(
        (yield* jar.all).map(({ domain }) => domain),
        ["evil.com"]
      )
    }).pipe(Effect.provide(CookieJar.layer()))
  )

  it.effect("client cookies: a cookie ends by the clock", () =>
    Effect.gen(function* () {
      const wire = wireOf((_, { pathname }) => answer(pathname === "/set" ? ["a=1; Max-Age=60; Path=/"] : []))
      const client = chain.pipe(ClientChain.over(wire.client))
      yield* client.get("https://x.com/set")
      yield* TestClock.adjust("59 seconds")
      yield* client.get("https://x.com/")
      yield* TestClock.adjust("1 second")
      yield* client.get("https://x.com/")
      assert.deepStrictEqual(wire.sent("cookie"), [undefined, "a=1", undefined])
    }).pipe(Effect.provide(CookieJar.layer()))
  )

  it.effect("client cookies: it asks for the context of SameSite", () =>
    Effect.gen(function* () {
      const wire = wireOf(() => answer([]))
      const jar = yield* CookieJar
      yield* jar.store(new URL("https://x.com/"), ["a=1; SameSite=Lax"])
      const from = (site: string) =>
        ClientChain.make("c").use(cookies({ siteContext: () => ({ site: new URL(site) }) }))
      yield* from("https://y.com").pipe(ClientChain.over(wire.client)).get("https://x.com/")
      yield* from("https://app.x.com").pipe(ClientChain.over(wire.client)).get("https://x.com/")
      assert.deepStrictEqual(wire.sent("cookie"), [undefined, "a=1"])
    }).pipe(Effect.provide(CookieJar.layer()))
  )
})

describe("raw lines", () => {
  const lines = ["s=1; Path=/", "s=2; Path=/x", "t=3; Expires=Fri, 01 Jan 2100 00:00:00 GMT"]
  const served = loopback((_, response) => {
    response.setHeader("set-cookie", lines)
    response.end("ok")
  })
  const layers = {
    fetch: FetchHttpClient.layer,
    undici: NodeHttpClient.layerUndici,
    "node:http": NodeHttpClient.layerNodeHttp
  }
  for (const [name, layer] of Object.entries(layers)) {
    it.live(`client cookies: lines of one name are kept apart over ${name}`, () =>
      Effect.gen(function* () {
        const url = `${(yield* served).origin}/x/y`
        const response = yield* HttpClient.get(url)
        assert.deepStrictEqual(RawHeaders.setCookies(response), lines)
        yield* response.text
        const client = ClientChain.make("c")
          .use(cookies())
          .pipe(ClientChain.over(yield* HttpClient.HttpClient))
        yield* Effect.flatMap(client.get(url), ({ text }) => text)
        const found = yield* (yield* CookieJar).cookiesFor(new URL(url))
        assert.deepStrictEqual(
          found.map(({ name, value }) => name + value),
          ["s2", "t3", "s1"]
        )
      }).pipe(Effect.provide(Layer.merge(layer, CookieJar.layer())), Effect.scoped)
    )
  }

  it("client 11: a response made from another answers for its lines; one that hides its source has the lines that Effect kept", () => {
    const request = HttpClientRequest.get("https://x.com/")
    const from = HttpClientResponse.fromWeb(request, answer(lines))
    const made = HttpClientResponse.fromWeb(request, new Response("other"))
    assert.deepStrictEqual(RawHeaders.setCookies(made), [])
    assert.deepStrictEqual(RawHeaders.setCookies(RawHeaders.inherit(made, from)), lines)
    assert.isTrue(Option.isNone(RawHeaders.of(made)))
    const hidden: ClientHandler.Response = Object.create(from, {
      source: { value: undefined },
      cookies: { value: from.cookies }
    })
    assert.deepStrictEqual(
      RawHeaders.setCookies(hidden).map((line) => line.slice(0, 3)),
      ["s=2", "t=3"]
    )
  })
})
