import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Redacted, Schema } from "effect"
import { HttpServerRespondable, HttpServerResponse } from "effect/http"
import { ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
import { authentication } from "fairlead/channel/handlers"
import type { CredentialSource } from "fairlead/channel/handlers"
import { TestChannel } from "fairlead/testing/channel"

class User extends Context.Service<User, { readonly name: string }>()("test/User") {}
class Whoami extends ChannelApi.make("whoami", { requires: [User], join: { reply: Schema.String } }) {}

class Expired extends Schema.TaggedError<Expired>()("Expired", {}) implements HttpServerRespondable.Respondable {
  [HttpServerRespondable.symbol]() {
    return Effect.succeed(HttpServerResponse.empty({ status: 401 }))
  }
}

const verify = (credential: Redacted.Redacted) => {
  const name = Redacted.value(credential)
  if (name === "expired") return Effect.fail(new Expired())
  return name === "bad" ? Effect.fail(new ChannelHandler.Reject({ reason: "bad" })) : Effect.succeed({ name })
}

const WhoamiLive = Whoami.layer({ join: () => Effect.map(User, ({ name }) => name), on: {} })

const setup = (from?: CredentialSource | ReadonlyArray<CredentialSource>, anonymous?: { readonly name: string }) => {
  const handler = authentication(User, {
    verify,
    ...(from === undefined ? {} : { from }),
    anonymous,
    id: ({ name }) => `user:${name}`
  })
  return TestChannel.make(ChannelServer.make("x").use(handler).mount(Whoami), WhoamiLive)
}

const whoami = (server: TestChannel.TestServer, options: TestChannel.ConnectOptions) =>
  Effect.gen(function* () {
    const client = yield* server.connect(options)
    return yield* client.channel(Whoami, {}).join()
  })

describe("authentication", () => {
  it.effect.each([
    ["a token", undefined, { token: "ann" }],
    ["a parameter", { param: "auth" }, { params: { auth: "ann" } }],
    ["a cookie", { cookie: "session" }, { headers: { cookie: "a=b; session=ann; c=d" } }],
    ["a header", { header: "X-User" }, { headers: { "x-user": "ann" } }]
  ] as const)("makes of %s the service that channels require", ([, from, options]) =>
    Effect.gen(function* () {
      assert.strictEqual(yield* whoami(yield* setup(from), options), "ann")
    })
  )

  it.effect("takes the first one present and not empty, and tries no other after a wrong one", () =>
    Effect.gen(function* () {
      const server = yield* setup(["token", { param: "auth" }, { cookie: "session" }])
      assert.strictEqual(yield* whoami(server, { token: "ann", params: { auth: "bob" } }), "ann")
      assert.strictEqual(yield* whoami(server, { token: "", params: { auth: "bob" } }), "bob")
      const refused = yield* Effect.flip(server.connect({ token: "bad", params: { auth: "bob" } }))
      assert.strictEqual(refused.status, 403)
    })
  )

  it.effect("refuses a client without a credential, or accepts it as the anonymous one", () =>
    Effect.gen(function* () {
      const refused = yield* Effect.flip((yield* setup()).connect({ params: { token: "ann" } }))
      assert.deepInclude(refused.cause, { reason: "unauthenticated" })
      assert.strictEqual(refused.status, 401)
      const cookie = yield* setup({ cookie: "__proto__" })
      assert.strictEqual((yield* Effect.flip(cookie.connect())).status, 401)
      assert.strictEqual(yield* whoami(yield* setup("token", { name: "nobody" }), {}), "nobody")
    })
  )

  it.effect("answers what verify fails with", () =>
    Effect.gen(function* () {
      const server = yield* setup()
      assert.strictEqual((yield* Effect.flip(server.connect({ token: "expired" }))).status, 401)
      assert.deepInclude((yield* Effect.flip(server.connect({ token: "bad" }))).cause, { reason: "bad" })
    })
  )

  it.effect("sets the socket's id, by which all sockets of a user are closed", () =>
    Effect.gen(function* () {
      const server = yield* setup()
      const [ann, bob] = [yield* server.connect({ token: "ann" }), yield* server.connect({ token: "bob" })]
      yield* server.run(ChannelServer.disconnect("user:ann"))
      assert.strictEqual((yield* ann.closed).code, 1001)
      assert.strictEqual((yield* bob.heartbeat).status, "ok")
    })
  )
})
