import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import { HttpServerRespondable, HttpServerResponse } from "effect/http"
import { Probe } from "fairlead"
import { ChannelApi, ChannelHandler, ChannelServer, ChannelSocket } from "fairlead/channel"
import { TestChannel } from "fairlead/testing/channel"

import { journaling } from "./Journaling.ts"
import { joined, loggingServerOf, serverOf, until } from "./Room.ts"

const { accept, make, Reject } = ChannelHandler

class Teapot extends Schema.TaggedError<Teapot>()("Teapot", {}) implements HttpServerRespondable.Respondable {
  [HttpServerRespondable.symbol]() {
    return Effect.succeed(HttpServerResponse.empty({ status: 418 }))
  }
}

class User extends Context.Service<User, string>()("test/User") {}
class Place extends Context.Service<Place, string>()("test/Place") {}

describe("the hooks of several handlers", () => {
  it.effect.each([
    ["at once", Effect.void],
    ["with a pause", Effect.yieldNow]
  ] as const)(
    "channel 0.2: that end %s run in declared order on the way in, and in reverse on the way out",
    ([, pause]) =>
      Effect.gen(function* () {
        const { handler, journal } = journaling(pause)
        const server = yield* serverOf({}, [handler("a"), handler("b")])
        const client = yield* server.connect()
        assert.deepStrictEqual(journal.splice(0), ["a connect", "b connect"])
        yield* client.join("room:1")
        assert.deepStrictEqual(journal.splice(0), ["a join", "b join", "b out reply ok", "a out reply ok"])
        yield* client.push("room:1", "ask")
        assert.deepStrictEqual(journal.splice(0), ["a in ask", "b in ask", "b out reply ok", "a out reply ok"])
        yield* client.close(1001)
        yield* client.released
        const left = ["b leave room:1 disconnected", "a leave room:1 disconnected"]
        assert.deepStrictEqual(journal, [...left, "b disconnect 1001", "a disconnect 1001"])
      })
  )

  it.effect("channel 0.2: are reported to the probe, and the journal names them", () =>
    Effect.gen(function* () {
      const { handler } = journaling(Effect.void)
      const server = yield* serverOf({}, [handler("a")])
      const client = yield* joined(server)
      yield* client.push("room:1", "ask")
      yield* client.close()
      yield* client.released
      assert.deepStrictEqual(TestChannel.journalLines(server.journal), [
        "connect a: success",
        "join a: success",
        "join room:{id}: success",
        "outgoing a: success",
        "incoming a: success",
        "ask room:{id}: success",
        "outgoing a: success",
        "leave a: success",
        "leave room:{id}: success",
        "disconnect a: success"
      ])
      assert.isTrue(server.journal.every(({ composite, part }) => part === "channel" && composite === "rooms"))
    })
  )

  it.effect("channel 0.2: are reported to a probe that the test has set, too", () =>
    Effect.gen(function* () {
      const names: Array<string> = []
      const probe = { report: (event: Probe.Event) => void names.push(event.interceptor) }
      const server = yield* Effect.provideService(
        serverOf({}, [make("a", { connect: () => accept() })]),
        Probe.Probe,
        probe
      )
      yield* server.connect()
      assert.deepStrictEqual(names, ["rooms", "a", "a"])
    })
  )
})

describe("connect", () => {
  it.effect("channel 1.1: refuses with the handler's status, and asks no later handler; its scope closes", () =>
    Effect.gen(function* () {
      const journal: Array<string> = []
      const first = make("first", {
        connect: () => Effect.addFinalizer(() => Effect.sync(() => void journal.push("released")))
      })
      const second = make("second", { connect: () => Effect.fail(new Reject({ reason: "banned", status: 429 })) })
      const third = make("third", {
        connect: () => void journal.push("asked"),
        disconnect: () => void journal.push("gone")
      })
      const server = yield* serverOf({}, [first, second, third])
      const refused = yield* Effect.flip(server.connect())
      assert.strictEqual(refused.status, 429)
      assert.deepInclude(refused.cause, { _tag: "Reject", reason: "banned" })
      assert.deepStrictEqual(journal, ["released"])
      assert.strictEqual(server.sockets(), 0)
    })
  )

  it.effect("channel 1.1: refuses with an error's response, and with 403 without one", () =>
    Effect.gen(function* () {
      const teapot = new Teapot()
      const answering = make("teapot", {
        connect: ({ params }) =>
          params.has("tea") ? Effect.fail(teapot) : Effect.fail(new Reject({ reason: "coffee only" }))
      })
      const server = yield* serverOf({}, [answering])
      assert.strictEqual((yield* Effect.flip(server.connect({ params: { tea: "1" } }))).status, 418)
      assert.strictEqual((yield* Effect.flip(server.connect())).status, 403)
    })
  )

  it.effect("channel 1.1: that dies is a 500, logged once with the handler's name", () =>
    Effect.gen(function* () {
      const { lines, server } = yield* loggingServerOf({}, [make("broken", { connect: () => Effect.die("oh") })])
      assert.strictEqual((yield* Effect.flip(server.connect())).status, 500)
      yield* until(() => lines.length > 0)
      assert.lengthOf(lines, 1)
      assert.include(lines[0]?.message, `"broken" of channel server "rooms" died`)
    })
  )

  it.effect("channel 1.1: sees what the client connected with", () =>
    Effect.gen(function* () {
      let seen: ChannelSocket.ConnectRequest | undefined
      const server = yield* serverOf({}, [make("see", { connect: (connect) => void (seen = connect) })])
      yield* server.connect({
        params: { a: "1" },
        headers: { "X-Trace": "t" },
        remoteAddress: "192.0.2.1",
        token: "secret"
      })
      assert.deepStrictEqual([...seen!.params], [["a", "1"]])
      assert.deepInclude(seen, { transport: "memory", headers: { "x-trace": "t" }, remoteAddress: "192.0.2.1" })
      assert.notInclude(JSON.stringify(seen), "secret")
    })
  )

  it.effect.each(["", "2.1.0", "three"])("channel 1.1: refuses the unknown version %j", (vsn) =>
    Effect.gen(function* () {
      const server = yield* serverOf({})
      assert.strictEqual((yield* Effect.flip(server.connect({ vsn }))).status, 403)
    })
  )
})

describe("the services of connect", () => {
  class Whoami extends ChannelApi.make("whoami", {
    requires: [User, Place],
    incoming: { ask: { reply: ChannelApi.AnyPayload } }
  }) {}

  const user = make("user", {
    connect: ({ params }) => accept({ id: "u", context: Context.make(User, params.get("name") ?? "nobody") })
  })

  it.effect("channel 0.2: is there in later handlers, in its own other hooks, and in channels that require it", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const see = (where: string) => Effect.map(User, (name) => void seen.push(`${where} ${name}`))
      const place = make("place", {
        connect: () => Effect.map(User, (name) => accept({ context: Context.make(Place, `${name}'s`) })),
        join: () => see("join"),
        incoming: () => see("incoming"),
        leave: () => see("leave"),
        disconnect: () => see("disconnect")
      })
      const WhoamiLive = Whoami.layer({
        join: () => see("channel"),
        on: {
          ask: () =>
            Effect.gen(function* () {
              const { id } = yield* ChannelSocket.ChannelSocket
              return { user: yield* User, place: yield* Place, id: id ?? null }
            })
        }
      })
      const server = yield* TestChannel.make(ChannelServer.make("x").use(user).use(place).mount(Whoami), WhoamiLive)
      const client = yield* server.connect({ params: { name: "ann" } })
      yield* client.join("whoami")
      const reply = yield* client.push("whoami", "ask")
      assert.deepStrictEqual(reply.response, { user: "ann", place: "ann's", id: "u" })
      const other = yield* server.connect({ params: { name: "bob" } })
      yield* other.join("whoami")
      assert.deepInclude((yield* other.push("whoami", "ask")).response, { user: "bob" })
      yield* other.close()
      yield* other.released
      assert.deepStrictEqual(seen, [
        "join ann",
        "channel ann",
        "incoming ann",
        "join bob",
        "channel bob",
        "incoming bob",
        "leave bob",
        "disconnect bob"
      ])
    })
  )

  it.effect("channel 0.2: may be a service class, and a test provides another layer of it", () =>
    Effect.gen(function* () {
      class Authenticate extends ChannelHandler.Service<Authenticate>()("test/Authenticate", { provides: User }) {}
      class Greeting extends Context.Service<Greeting, string>()("test/Greeting") {}
      class Hello extends ChannelApi.make("hello", { requires: [User], join: { reply: ChannelApi.AnyPayload } }) {}
      const HelloLive = Hello.layer({
        join: () =>
          Effect.gen(function* () {
            return `${yield* Greeting} ${yield* User}`
          }),
        on: {}
      }).pipe(Layer.provide(Layer.succeed(Greeting, "hello")))
      const everybodyIsAnn = make("ann", { connect: () => accept({ context: Context.make(User, "ann") }) })
      const layer = Layer.mergeAll(HelloLive, Authenticate.layer(everybodyIsAnn))
      const server = yield* TestChannel.make(ChannelServer.make("x").use(Authenticate).mount(Hello), layer)
      const client = yield* server.connect()
      assert.deepStrictEqual(yield* client.join("hello"), { status: "ok", response: "hello ann" })
      assert.strictEqual(server.journal[0]?.interceptor, "test/Authenticate")
    })
  )
})
