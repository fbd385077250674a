import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Redacted, Schema } from "effect"
import { HttpBody, HttpClientRequest } from "effect/http"
import type { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { ClientChain, ClientHandler } from "fairlead/client"
import { basic, bearer, refresh } from "fairlead/client/handlers"

import { wireOf } from "./Wire.ts"

const origins = ["https://api.com"]
const plain = () => wireOf(() => new Response())
const token = (text: string) => Redacted.make(text)

const refusal = (make: () => unknown): InvalidOption => {
  try {
    make()
  } catch (error) {
    if (error instanceof InvalidOption) return error
  }
  return assert.fail("it was accepted")
}

class NoToken extends Schema.TaggedError<NoToken>()("NoToken", {}) {}

describe("basic and bearer", () => {
  it.effect("client auth: the examples of RFC 7617 are sent, in UTF-8", () =>
    Effect.gen(function* () {
      const wire = plain()
      const send = (username: string, password: string) =>
        ClientChain.make("c")
          .use(basic({ origins, username, password: token(password) }))
          .pipe(ClientChain.over(wire.client))
          .get("https://api.com/")
      yield* send("Aladdin", "open sesame")
      yield* send("test", "123£")
      assert.deepStrictEqual(wire.sent("authorization"), [
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        "Basic dGVzdDoxMjPCow=="
      ])
    })
  )

  it.effect("client auth: credentials go to their origins and to no other, over a redirect neither", () =>
    Effect.gen(function* () {
      const wire = wireOf((_, { hostname }) =>
        hostname === "api.com"
          ? new Response(null, { status: 302, headers: { location: "https://evil.com/" } })
          : new Response()
      )
      const follow = ClientHandler.make("follow", {
        afterResponse: (outcome, { original }) => {
          const to = outcome._tag === "Response" ? outcome.response.headers["location"] : undefined
          return to === undefined
            ? undefined
            : ClientHandler.followUp(HttpClientRequest.setUrl(original, to), "redirect")
        }
      })
      const client = ClientChain.make("c")
        .use(follow)
        .use(bearer({ origins, token: token("t") }))
        .pipe(ClientChain.over(wire.client))
      yield* client.get("https://api.com/")
      for (const url of ["http://api.com/", "https://api.com:8443/", "https://api.com.evil.com/"])
        yield* client.get(url)
      const told = wire.asked.filter(({ headers }) => headers["authorization"] !== undefined)
      assert.deepStrictEqual(
        told.map(({ url }) => url),
        ["https://api.com/"]
      )
      assert.isAbove(wire.asked.length, 5)
    })
  )

  it.effect("client auth: the caller's own header stays, and no token is asked for", () =>
    Effect.gen(function* () {
      const wire = plain()
      const request = HttpClientRequest.get("https://api.com/", { headers: { authorization: "own" } })
      const chain = ClientChain.make("c").use(bearer({ origins, token: Effect.die("asked") }))
      yield* chain.pipe(ClientChain.over(wire.client)).execute(request)
      assert.deepStrictEqual(wire.sent("authorization"), ["own"])
    })
  )

  it.effect("client auth: a token is asked for at each request, and its failure is the call's", () =>
    Effect.gen(function* () {
      const wire = plain()
      let count = 0
      const counted = Effect.sync(() => token(`t${++count}`))
      const client = ClientChain.make("c")
        .use(bearer({ origins, token: counted }))
        .pipe(ClientChain.over(wire.client))
      yield* client.get("https://api.com/")
      yield* client.get("https://api.com/")
      assert.deepStrictEqual(wire.sent("authorization"), ["Bearer t1", "Bearer t2"])
      const failing = ClientChain.make("c")
        .use(bearer({ origins, token: Effect.fail(new NoToken()) }))
        .pipe(ClientChain.over(wire.client))
      assert.strictEqual((yield* Effect.flip(failing.get("https://api.com/")))._tag, "NoToken")
    })
  )

  it("client auth: options that cannot work are refused by the constructor, with the right form", () => {
    const password = token("p")
    assert.match(refusal(() => basic({ origins: [], username: "a", password })).message, /origins: name at least one/)
    for (const origin of ["api.com", "https://api.com/path", "ftp://api.com", "https://u@api.com", ""]) {
      assert.match(
        refusal(() => basic({ origins: [origin], username: "a", password })).message,
        /scheme, host and port/
      )
    }
    assert.match(refusal(() => basic({ origins, username: "a:b", password })).message, /colon/)
    const secret = refusal(() => basic({ origins, username: "a", password: token("s3cret\n") }))
    assert.match(secret.message, /trim it/)
    assert.notInclude(JSON.stringify(secret), "s3cret")
  })
})

describe("refresh", () => {
  /** A server that takes only the newest token, and a refresh that makes the next one. */
  const scene = (options: { readonly initial?: Redacted.Redacted; readonly delay?: boolean } = {}) => {
    let newest = 0
    let refreshes = 0
    const wire = wireOf(({ headers }, { pathname }) =>
      pathname === "/token"
        ? new Response(`t${++newest}`)
        : new Response(null, { status: headers["authorization"] === `Bearer t${newest}` && newest > 0 ? 200 : 401 })
    )
    const renew = (inner: HttpClient.HttpClient.With<unknown>) =>
      Effect.gen(function* () {
        refreshes++
        if (options.delay === true) yield* Effect.sleep("1 second")
        return token(yield* (yield* inner.get("https://api.com/token")).text)
      }).pipe(Effect.mapError(() => new NoToken()))
    const handler = refresh({
      origins,
      refresh: renew,
      ...(options.initial === undefined ? {} : { initial: options.initial })
    })
    const client = ClientChain.make("c").use(handler).pipe(ClientChain.over(wire.client))
    return { client, wire, refreshes: () => refreshes, expire: () => void newest++ }
  }

  it.effect("client auth: the first request gets a token, the refresh itself never comes back here", () =>
    Effect.gen(function* () {
      const { client, refreshes, wire } = scene()
      assert.strictEqual((yield* client.get("https://api.com/")).status, 200)
      assert.strictEqual((yield* client.get("https://api.com/")).status, 200)
      assert.strictEqual(refreshes(), 1)
      assert.deepStrictEqual(wire.sent("authorization"), [undefined, "Bearer t1", "Bearer t1"])
    })
  )

  it.effect("client auth: a refused token is replaced and the request is sent once more, with its body", () =>
    Effect.gen(function* () {
      const { client, refreshes, wire } = scene({ initial: token("old") })
      const response = yield* client.post("https://api.com/", { body: HttpBody.text("x") })
      assert.strictEqual(response.status, 200)
      assert.strictEqual(refreshes(), 1)
      assert.deepStrictEqual(
        wire.asked.map(({ body, method }) => `${method} ${body._tag}`),
        ["POST Uint8Array", "GET Empty", "POST Uint8Array"]
      )
    })
  )

  it.effect("client auth: a hundred callers at once share one refresh", () =>
    Effect.gen(function* () {
      const { client, refreshes } = scene({ initial: token("old"), delay: true })
      const all = yield* Effect.forkChild(
        Effect.forEach(Array.from({ length: 100 }), () => client.get("https://api.com/"), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("1 second")
      assert.isTrue((yield* Fiber.join(all)).every(({ status }) => status === 200))
      assert.strictEqual(refreshes(), 1)
    })
  )

  it.effect("client auth: the caller who was first may leave, the others still get their token", () =>
    Effect.gen(function* () {
      const { client, refreshes } = scene({ delay: true })
      const first = yield* Effect.forkChild(client.get("https://api.com/"), { startImmediately: true })
      const second = yield* Effect.forkChild(client.get("https://api.com/"), { startImmediately: true })
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(second)).status, 200)
      assert.strictEqual(refreshes(), 1)
    })
  )

  it.effect("client auth: a second refusal goes to the caller, and the next request asks for a new token", () =>
    Effect.gen(function* () {
      let refreshes = 0
      const wire = wireOf(() => new Response(null, { status: 401 }))
      const renew = () => Effect.sync(() => token(`t${++refreshes}`))
      const client = ClientChain.make("c")
        .use(refresh({ origins, refresh: renew, initial: token("t0") }))
        .pipe(ClientChain.over(wire.client))
      assert.strictEqual((yield* client.get("https://api.com/")).status, 401)
      assert.deepStrictEqual([refreshes, wire.asked.length], [1, 2])
      assert.strictEqual((yield* client.get("https://api.com/")).status, 401)
      assert.deepStrictEqual(wire.sent("authorization"), ["Bearer t0", "Bearer t1", "Bearer t2", "Bearer t3"])
    })
  )

  it.effect("client auth: a body that cannot be sent again is not, the caller sees the 401", () =>
    Effect.gen(function* () {
      const { client, refreshes, wire } = scene({ initial: token("old") })
      const stream = new ReadableStream({ pull: (controller) => controller.close() })
      const request = HttpClientRequest.setBody(HttpClientRequest.post("https://api.com/"), HttpBody.raw(stream))
      assert.strictEqual((yield* client.execute(request)).status, 401)
      assert.deepStrictEqual([refreshes(), wire.asked.length], [0, 1])
      assert.strictEqual((yield* client.get("https://api.com/")).status, 200)
    })
  )

  it.effect("client auth: a failed refresh fails all who wait, and the next request tries again", () =>
    Effect.gen(function* () {
      const wire = plain()
      let down = true
      const renew = () =>
        Effect.andThen(
          Effect.sleep("1 second"),
          Effect.suspend(() => (down ? Effect.fail(new NoToken()) : Effect.succeed(token("t"))))
        )
      const client = ClientChain.make("c")
        .use(refresh({ origins, refresh: renew }))
        .pipe(ClientChain.over(wire.client))
      const two = yield* Effect.forkChild(
        Effect.all([Effect.exit(client.get("https://api.com/")), Effect.exit(client.get("https://api.com/"))], {
          concurrency: 2
        })
      )
      yield* TestClock.adjust("1 second")
      assert.isTrue((yield* Fiber.join(two)).every(Exit.isFailure))
      down = false
      const next = yield* Effect.forkChild(client.get("https://api.com/"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(next)).status, 200)
      assert.deepStrictEqual(wire.sent("authorization"), ["Bearer t"])
    })
  )
})
