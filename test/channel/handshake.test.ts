/**
 * What is asked of a request before it becomes a socket, without a network: in place of the upgrade stands one that refuses.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Logger, Redacted } from "effect"
import { HttpServerRequest, HttpServerRespondable, HttpServerResponse } from "effect/http"
import { Broadcaster, ChannelHandler, ChannelServer } from "fairlead/channel"
import type { ChannelSocket } from "fairlead/channel"
import * as fc from "fast-check"

import * as Handshake from "../../src/channel/Handshake.ts"
import { hubOf } from "../../src/channel/MountedHub.ts"
import { NotUpgradable } from "../../src/channel/Upgrade.ts"
import type { Options } from "../../src/channel/Upgrade.ts"

type Settings = Omit<ChannelServer.Options, "path">

/** Asks with the request, and gives the answer, what handlers saw of the connect, and what the upgrade was asked for. */
const ask = (
  query: string,
  headers: Readonly<Record<string, string>> = {},
  options: Settings = {},
  connect: () => Effect.Effect<void, ChannelHandler.Reject | HttpServerRespondable.Respondable> = () => Effect.void,
  method = "GET"
) =>
  Effect.gen(function* () {
    const seen: { connect?: ChannelSocket.ConnectRequest; upgrade?: Options } = {}
    const watch = ChannelHandler.make("watch", {
      connect: (given) => {
        seen.connect = given
        return connect()
      }
    })
    const mounted = { path: "/socket", ...options } as const
    const hub = yield* hubOf(ChannelServer.make("asked").use(watch), mounted)
    const handler = Handshake.make(hub, mounted, (_, given) => {
      seen.upgrade = given
      return Effect.fail(new NotUpgradable({ description: "This one is never upgraded" }))
    })
    const response = yield* handler(
      HttpServerRequest.fromWeb(new Request(`http://app.test/socket/websocket${query}`, { method, headers }))
    )
    const web = HttpServerResponse.toWeb(response)
    return { ...seen, status: web.status, body: yield* Effect.promise(() => web.text()) }
  }).pipe(Effect.provide(Layer.merge(Broadcaster.layer, Logger.layer([]))))

const protocols = (...names: ReadonlyArray<string>) => ({ "sec-websocket-protocol": names.join(", ") })

/** As phoenix.js sends a token. */
const bearer = (token: string) => `base64url.bearer.phx.${Buffer.from(token).toString("base64").replaceAll("=", "")}`

const tokenOf = (headers: Readonly<Record<string, string>>, authToken = true) =>
  Effect.map(ask("", headers, { authToken }), ({ connect, upgrade }) => ({
    token: connect?.token === undefined ? undefined : Redacted.value(connect.token),
    protocol: upgrade?.protocol
  }))

class Busy extends Error implements HttpServerRespondable.Respondable {
  [HttpServerRespondable.symbol]() {
    return Effect.succeed(HttpServerResponse.text("come back later", { status: 503 }))
  }
}

describe("a handshake", () => {
  it.effect("channel 1.1: that cannot be upgraded is a 400 that says so", () =>
    Effect.gen(function* () {
      const { body, status } = yield* ask("")
      assert.strictEqual(status, 400)
      assert.include(body, "This one is never upgraded")
    })
  )

  it.effect("channel 1.1: is refused as the handler says: 403, its status, its reason, its response", () =>
    Effect.gen(function* () {
      const refused = (options: Partial<ConstructorParameters<typeof ChannelHandler.Reject>[0]>) =>
        Effect.map(
          ask("", {}, {}, () => Effect.fail(new ChannelHandler.Reject({ reason: "no", ...options }))),
          ({ body, status, upgrade }) => [status, body, upgrade]
        )
      assert.deepStrictEqual(yield* refused({}), [403, "", undefined])
      assert.deepStrictEqual(yield* refused({ status: 401 }), [401, "", undefined])
      assert.deepStrictEqual(yield* refused({ status: 401, expose: true }), [401, "no", undefined])
      const busy = yield* ask("", {}, {}, () => Effect.fail(new Busy()))
      assert.deepStrictEqual([busy.status, busy.body], [503, "come back later"])
    })
  )

  it.effect("channel 1.1: whose handler dies is no socket, and fails as any route that dies", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(ask("", {}, {}, () => Effect.die(new Error("a bug"))))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  it.effect("channel 1.1: calls no handler for a refusal of the mount itself", () =>
    Effect.gen(function* () {
      for (const [query, headers] of [
        ["", { origin: "http://evil.test" }],
        ["", protocols("mqtt")],
        ["?vsn=9", {}]
      ] as const) {
        const { body, connect, status } = yield* ask(query, { host: "app.test", ...headers })
        assert.deepStrictEqual([status, body, connect], [403, "", undefined])
      }
    })
  )

  it.effect("channel 1.1: has the parameters of the query, vsn left out, of equal names the last", () =>
    Effect.gen(function* () {
      const { connect } = yield* ask("?a=1&vsn=2.0.0&b=x%20y&a=2&=e&c&d%5Be%5D=f")
      assert.deepStrictEqual(Object.fromEntries(connect!.params), { a: "2", b: "x y", "": "e", c: "", "d[e]": "f" })
      assert.strictEqual(connect!.transport, "websocket")
    })
  )

  it.effect("channel 1.1: keeps names like __proto__ as parameters", () =>
    Effect.gen(function* () {
      const { connect } = yield* ask("?__proto__=1&constructor=2")
      assert.deepStrictEqual(
        [...connect!.params],
        [
          ["__proto__", "1"],
          ["constructor", "2"]
        ]
      )
    })
  )

  it.effect("channel 1.1: asks for frames of 1 MiB, or as large as the mount says", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* ask("")).upgrade?.maxFrame, 1024 * 1024)
      assert.strictEqual((yield* ask("", {}, { maxFrameBytes: 10 })).upgrade?.maxFrame, 10)
    })
  )

  it.effect("channel 1.1: answers phoenix where it is offered, in whatever place", () =>
    Effect.gen(function* () {
      for (const names of [["phoenix"], ["a", "phoenix"], [bearer("x"), "phoenix"], ["phoenix", "b"]]) {
        assert.strictEqual((yield* ask("", protocols(...names))).upgrade?.protocol, "phoenix")
      }
      assert.isUndefined((yield* ask("")).upgrade?.protocol)
      for (const names of [["Phoenix"], ["phoenix2"], [""], [bearer("x")]]) {
        assert.strictEqual((yield* ask("", protocols(...names))).status, 403)
      }
    })
  )

  it.effect("channel 1.1: hands a token over where the mount takes one, hidden from logs", () =>
    Effect.gen(function* () {
      const { connect } = yield* ask("", protocols("phoenix", bearer("secret")), { authToken: true })
      assert.strictEqual(Redacted.value(connect!.token!), "secret")
      const shown = JSON.stringify([connect, connect!.headers])
      assert.notInclude(shown, "secret")
      assert.notInclude(shown, bearer("secret"))
      assert.strictEqual(connect!.headers["sec-websocket-protocol"], "phoenix")
      const { token } = yield* tokenOf(protocols("phoenix", bearer("secret")), false)
      assert.isUndefined(token)
    })
  )

  it.effect("channel 1.1: takes a token that comes alone, and none of several", () =>
    Effect.gen(function* () {
      const [one, two] = [bearer("one"), bearer("two")]
      assert.deepStrictEqual(yield* tokenOf(protocols(one)), { token: "one", protocol: undefined })
      assert.deepStrictEqual(yield* tokenOf(protocols(one, "phoenix", two)), { token: undefined, protocol: "phoenix" })
      for (const names of [[one, two], [one, "mqtt"], ["mqtt"]]) {
        assert.strictEqual((yield* ask("", protocols(...names), { authToken: true })).status, 403)
      }
    })
  )

  it.effect("channel 1.1: other than a GET is a 400, and no handler is called", () =>
    Effect.gen(function* () {
      for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
        const { body, connect, status } = yield* ask("?vsn=9", { origin: "http://evil.test" }, {}, undefined, method)
        assert.deepStrictEqual([status, connect], [400, undefined])
        assert.include(body, "A WebSocket handshake is a GET")
      }
    })
  )

  it.effect("channel 1.1: takes what is no base64 for no token", () =>
    Effect.gen(function* () {
      for (const text of ["a", "aaaaa", "a b", "ab!d", "====", "ab=c"]) {
        const { protocol, token } = yield* tokenOf(protocols("phoenix", `base64url.bearer.phx.${text}`))
        assert.deepStrictEqual([protocol, token], ["phoenix", undefined], text)
      }
    })
  )

  it("channel 1.1: reads every token as it was written", () =>
    fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme", minLength: 1 }), fc.boolean(), async (token, last) => {
        const names = last ? ["phoenix", bearer(token)] : [bearer(token), "phoenix"]
        const read = await Effect.runPromise(tokenOf(protocols(...names)))
        assert.deepStrictEqual(read, { token, protocol: "phoenix" })
      })
    ))

  it("channel 1.1: of any query and header is refused or upgraded, and never dies", () => {
    const field = fc.constantFrom("origin", "host", "sec-websocket-protocol", "cookie")
    const offered = fc.string({ unit: fc.constantFrom("a", "Z", "0", "9", "+", "/", "=", "-", "_", ".", " ") })
    const value = fc.oneof(
      fc.string({ unit: "grapheme-ascii" }),
      fc.constant("http://app.test"),
      offered.map((text) => `phoenix, base64url.bearer.phx.${text}`)
    )
    const statuses = new Set<number>()
    return fc
      .assert(
        fc.asyncProperty(fc.string(), fc.dictionary(field, value), async (query, headers) => {
          const asked = ask(`?${query.replaceAll("#", "")}`, headers, { authToken: true })
          const { status, upgrade } = await Effect.runPromise(asked)
          assert.strictEqual(status, upgrade === undefined ? 403 : 400)
          statuses.add(status)
        }),
        { numRuns: 500 }
      )
      .then(() => assert.sameMembers([...statuses], [400, 403]))
  })
})
