/** What docs/client/order.md and the guides say about order and errors. */
import { readFileSync } from "node:fs"

import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, Schema } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"
import { bearer, cache as httpCache, refresh } from "fairlead/client/handlers"

import { wireOf } from "./handlers/Wire.ts"

const origin = "https://api.com"
const User = Context.Reference<string>("test/User", { defaultValue: () => "nobody" })

/** A cache of a program's own, keyed by URL and all headers. */
const cache = () => {
  const stored = new Map<string, string>()
  // Entries: JSON of Headers has "<redacted>" for the credentials.
  const keyOf = ({ headers, url }: ClientHandler.Request) => JSON.stringify([url, Object.entries(headers)])
  return ClientHandler.make("cache", {
    run: ({ request }) => {
      const body = stored.get(keyOf(request))
      return body === undefined
        ? undefined
        : ClientHandler.halt(HttpClientResponse.fromWeb(request, new Response(body)))
    },
    afterResponse: (outcome, { haltedBy, request }) =>
      outcome._tag === "Failure" || haltedBy !== undefined
        ? Effect.void
        : Effect.map(Effect.orDie(outcome.response.text), (text) => void stored.set(keyOf(request), text))
  })
}

const credentials = bearer({ origins: [origin], token: Effect.map(User, Redacted.make) })

const asUser = <E, R>(client: HttpClient.HttpClient.With<E, R>, user: string) =>
  Effect.flatMap(client.get(`${origin}/me`), ({ text }) => text).pipe(Effect.provideService(User, user))

/** The order of specification cache 1, by the names that the page's chain uses. */
const order = [
  ["log", "metrics", "tracing"],
  ["idempotencyKey"],
  ["redirect"],
  ["retry"],
  ["timeouts"],
  ["bearer"],
  ["cookies"],
  ["decompress"],
  ["cache"],
  ["circuitBreaker"],
  ["rateLimit"],
  ["bodyLimit"],
  ["log"],
  ["ssrfGuard"]
].flat()

describe("the order page", () => {
  it("cache 1: the chain of the page has the handlers in their order, and its table the same", () => {
    const page = readFileSync(new URL("../../docs/client/order.md", import.meta.url), "utf8")
    const chain = page.split("```")[1]!
    assert.deepStrictEqual(
      [...chain.matchAll(/\.use\((\w+)\(/g)].map(([, name]) => name),
      order
    )
    const rows = [...page.matchAll(/^\| \d+ \| (.*?) \|/gm)].map(([, cell]) => cell!)
    const places = [
      "log](",
      "idempotencyKey](",
      "redirect](",
      "retry](",
      "hedge](",
      "timeouts](",
      "basic, bearer](",
      "cookies](",
      "decompress](",
      "cache](",
      "circuitBreaker](",
      "rateLimit](",
      "bodyLimit](",
      "signs",
      "attempt",
      "ssrfGuard]("
    ]
    assert.strictEqual(rows.length, places.length)
    for (const [index, place] of places.entries()) assert.include(rows[index], place)
  })

  it.effect(
    "cache 1: a cache inside credentials keeps users apart, and outside of them a request has no partition",
    () =>
      Effect.gen(function* () {
        const answer = () =>
          wireOf(
            ({ headers }) =>
              new Response(`data of ${headers["authorization"]}`, { headers: { "cache-control": "max-age=60" } })
          )
        const inside = answer()
        const over = ClientChain.over(ClientChain.make("c").use(credentials).use(httpCache()), inside.client)
        const users = Effect.all([asUser(over, "ada"), asUser(over, "bob"), asUser(over, "ada")])
        assert.deepStrictEqual(yield* users, ["data of Bearer ada", "data of Bearer bob", "data of Bearer ada"])
        assert.lengthOf(inside.asked, 2)
        const outside = ClientChain.over(ClientChain.make("c").use(httpCache()).use(credentials), answer().client)
        assert.deepStrictEqual(yield* Effect.all([asUser(outside, "ada"), asUser(outside, "bob")]), [
          "data of Bearer ada",
          "data of Bearer ada"
        ])
      })
  )

  it.effect(
    "client2 4.1: a cache inside credentials has an entry for each user; outside of them Bob gets Ada's data",
    () =>
      Effect.gen(function* () {
        const { client } = wireOf(({ headers }) => new Response(`data of ${headers["authorization"]}`))
        const inside = ClientChain.over(ClientChain.make("c").use(credentials).use(cache()), client)
        const outside = ClientChain.over(ClientChain.make("c").use(cache()).use(credentials), client)
        const both = (over: typeof inside) =>
          Effect.all([asUser(over, "ada"), asUser(over, "bob"), asUser(over, "ada")])
        const [ada, bob] = ["data of Bearer ada", "data of Bearer bob"]
        assert.deepStrictEqual(yield* both(inside), [ada, bob, ada])
        assert.deepStrictEqual(yield* both(outside), [ada, ada, ada])
      })
  )
})

describe("a class-tagged handler", () => {
  class NoToken extends Schema.TaggedError<NoToken>()("NoToken", {}) {}
  class Auth extends ClientHandler.Service<Auth>()("app/Auth", { error: NoToken }) {}

  it.effect("client2 4.3: Auth.layer(refresh(…)) declares the refresh's own error and no other", () =>
    Effect.gen(function* () {
      const wire = wireOf(({ headers }) => new Response("ok", { status: headers["authorization"] ? 200 : 401 }))
      const chain = ClientChain.make("c").recover(NoToken, (_, { request }) =>
        HttpClientResponse.fromWeb(request, new Response("no token"))
      )
      const call = Effect.flatMap(HttpClient.HttpClient, (client) =>
        Effect.flatMap(client.get(`${origin}/`), ({ text }) => text)
      )
      const over = (token: Effect.Effect<Redacted.Redacted, NoToken>) =>
        call.pipe(
          Effect.provide(
            ClientChain.layer(chain.use(Auth)).pipe(
              Layer.provide(Auth.layer(refresh({ origins: [origin], refresh: () => token }))),
              Layer.provide(Layer.succeed(HttpClient.HttpClient, wire.client))
            )
          )
        )
      assert.strictEqual(yield* over(Effect.succeed(Redacted.make("t"))), "ok")
      assert.strictEqual(yield* over(Effect.fail(new NoToken())), "no token")
      // A refresh that is declared with the error is not accepted where the class declares none.
      class Silent extends ClientHandler.Service<Silent>()("app/Silent") {}
      // @ts-expect-error NoToken is not declared
      Silent.layer(refresh({ origins: [origin], refresh: () => Effect.fail(new NoToken()) }))
    })
  )
})
