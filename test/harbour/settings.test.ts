import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Option, Redacted } from "effect"

import { settings } from "../../examples/harbour/Settings.ts"

describe("settings", () => {
  it.effect.each([
    [{}, []],
    [{ HARBOUR_PREVIEW_ALLOW: "" }, []],
    [{ HARBOUR_PREVIEW_ALLOW: "http://wiki.internal:8080" }, ["http://wiki.internal:8080"]],
    [{ HARBOUR_PREVIEW_ALLOW: "http://127.0.0.1:1 , https://[::1]" }, ["http://127.0.0.1:1", "https://[::1]"]]
  ] as const)("harbour: %j allows previews from %j", ([environment, origins]) =>
    Effect.map(settings.parse(ConfigProvider.fromUnknown(environment)), ({ previewAllow }) =>
      assert.deepStrictEqual(previewAllow, origins)
    )
  )

  it.effect.each([
    "http://a.example/",
    "http://a.example:80",
    "a.example",
    "ftp://a.example",
    "http://u@a.example",
    "null"
  ])("harbour: %s is no origin, and says so", (text) =>
    Effect.map(
      Effect.exit(settings.parse(ConfigProvider.fromUnknown({ HARBOUR_PREVIEW_ALLOW: `http://b.example,${text}` }))),
      (exit) => {
        assert.isTrue(Exit.isFailure(exit))
        assert.match(String(exit), /an origin: scheme, host and port only/)
        assert.match(String(exit), /HARBOUR_PREVIEW_ALLOW/)
      }
    )
  )

  const [ada, bob] = ["a".repeat(64), "b".repeat(64)]

  it.effect.each([
    [{}, [], undefined],
    [{ HARBOUR_PEERS: ada }, [{ id: ada, addrs: [] }], undefined],
    [{ HARBOUR_PEER_LISTEN: "[::1]:4433" }, [], "[::1]:4433"],
    [
      { HARBOUR_PEERS: `${ada}@192.0.2.7:4433, ${bob},${ada}@[2001:db8::1]:4433`, HARBOUR_PEER_LISTEN: "0.0.0.0:0" },
      [
        { id: ada, addrs: ["192.0.2.7:4433", "[2001:db8::1]:4433"] },
        { id: bob, addrs: [] }
      ],
      "0.0.0.0:0"
    ]
  ] as const)("harbour: %j names its peers and where they find it", ([environment, peers, listen]) =>
    Effect.map(settings.parse(ConfigProvider.fromUnknown(environment)), (read) => {
      assert.deepStrictEqual<unknown>(read.peers, peers)
      assert.strictEqual(Option.getOrUndefined(read.peerListen), listen)
    })
  )

  it.effect("harbour: REDIS_URL names a Redis, and its password is redacted", () =>
    Effect.gen(function* () {
      const url = "rediss://user:secret@redis.example:6380"
      const { redis } = yield* settings.parse(ConfigProvider.fromUnknown({ REDIS_URL: url }))
      assert.strictEqual(Redacted.value(Option.getOrThrow(redis)), url)
      assert.notInclude(String(redis), "secret")
      const exit = yield* Effect.exit(
        settings.parse(ConfigProvider.fromUnknown({ REDIS_URL: "http://u:secret@a.example" }))
      )
      assert.match(String(exit), /REDIS_URL/)
      assert.notInclude(String(exit), "secret")
    })
  )

  it.effect.each([
    { HARBOUR_PEERS: "ada" },
    { HARBOUR_PEERS: ada.toUpperCase() },
    { HARBOUR_PEERS: `${ada}@` },
    { HARBOUR_PEERS: `${ada}@harbour.example:4433` },
    { HARBOUR_PEERS: `${ada}@192.0.2.7` },
    { HARBOUR_PEER_LISTEN: "4433" },
    { HARBOUR_PEER_LISTEN: "localhost:4433" }
  ])("harbour: %j is no such thing, and says so", (environment) =>
    Effect.map(Effect.exit(settings.parse(ConfigProvider.fromUnknown(environment))), (exit) => {
      assert.isTrue(Exit.isFailure(exit))
      assert.match(String(exit), /a peer: an id of 64|an IP address and a port/)
      for (const name of Object.keys(environment)) assert.include(String(exit), name)
    })
  )
})
