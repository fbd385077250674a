import { assert, describe, it } from "@effect/vitest"
import { connect } from "@nats-io/transport-node"
import { Effect, Layer, Redacted } from "effect"
import { InvalidOption } from "fairlead"
import { Broadcaster } from "fairlead/channel"
import { NatsBroadcaster } from "fairlead/channel/nats"

import { freePort } from "../../kit/Engines.ts"
import { Brief, enter, got, Hall, nodeOver, Room, until } from "../nodes/Chat.ts"
import { nodesContract } from "../nodes/contract/NodesContract.ts"
import { missing, Nats, natsKind } from "./Nats.ts"

nodesContract(natsKind)

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

const own = (given?: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.promise(() => Nats.start(given)),
    (nats) => Effect.promise(() => nats.kill())
  )

const node = ({ url }: Nats, options: NatsBroadcaster.LayerOptions = {}) =>
  nodeOver(NatsBroadcaster.layer({ url, ...options }))

/** How many messages a stream holds, by subject. */
const stored = ({ url }: Nats, stream: string) =>
  Effect.promise(async () => {
    const client = await connect({ servers: url })
    const request = JSON.stringify({ subjects_filter: ">" })
    const answer = await client.request(`$JS.API.STREAM.INFO.${stream}`, request)
    await client.close()
    const { state } = answer.json<{ readonly state: { readonly subjects?: Readonly<Record<string, number>> } }>()
    return state.subjects ?? {}
  })

describe.skipIf(missing)("nodes over NATS alone", () => {
  it.live("nodes 1: a node has one connection, whatever its topics, and leaves the topics without members", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const monitor = yield* Effect.promise(freePort)
        const nats = yield* own(["-js", "-a", "127.0.0.1", "-m", String(monitor)])
        const connections = Effect.promise(async () => {
          const response = await fetch(`http://127.0.0.1:${monitor}/connz?subs=1`)
          const body = (await response.json()) as {
            readonly connections: ReadonlyArray<{ readonly subscriptions_list?: ReadonlyArray<string> }>
          }
          return body.connections.map(({ subscriptions_list: list = [] }) =>
            list.filter((subject) => subject.includes("many"))
          )
        })
        const a = yield* node(nats, { checkInterval: "100 millis" })
        const clients = yield* Effect.forEach(numbers(4), () => a.connect())
        yield* Effect.forEach(numbers(200), (n) => clients[n % 4]!.join(`room:many ${n}`), { concurrency: 20 })
        const during = yield* connections
        assert.deepStrictEqual(
          during.map(({ length }) => length),
          [200]
        )
        for (const client of clients) yield* client.close()
        let left = 200
        for (let tries = 500; left > 0 && tries > 0; tries--) {
          left = (yield* connections)[0]!.length
          yield* Effect.sleep(20)
        }
        assert.strictEqual(left, 0)
      })
    )
  )

  it.live("nodes 1: nodes that publish to a topic at once never number two messages alike", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const nats = yield* own()
        const nodes = yield* Effect.forEach(numbers(3), () => node(nats))
        const client = yield* enter(nodes[0]!, "room:race", { recover_from: null })
        const publish = (n: number) => nodes[n % 3]!.run(Room.publish({ id: "race" }, "said", n))
        const positions = yield* Effect.forEach(numbers(600), publish, { concurrency: "unbounded" })
        assert.deepStrictEqual(
          positions.map((position) => position!.offset).toSorted((x, y) => x - y),
          numbers(600).map((n) => n + 1)
        )
        yield* until(() => got(client).length === 600)
        const byOffset = new Map(positions.map((position, n) => [position!.offset, n]))
        assert.deepStrictEqual(
          got(client),
          numbers(600).map((n) => byOffset.get(n + 1) ?? null)
        )
      })
    )
  )

  it.live("nodes 1: an event without a retention is numbered too, on a node that has no member of its topic", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const nats = yield* own()
        const [a, b] = [yield* node(nats), yield* node(nats)]
        const ann = yield* enter(a, "room:1. *>", { recover_from: null })
        yield* b.run(Broadcaster.broadcast("room:1. *>", "said", "numbered"))
        yield* until(() => got(ann).length === 1)
        assert.match(ann.received.at(-1)!.position ?? "", /:1$/)
      })
    )
  )

  it.live("nodes 1: a log holds what its topic keeps, and no topic holds more than `maxMessages`", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const nats = yield* own()
        const a = yield* node(nats, { maxMessages: 100, prefix: "small" })
        for (const n of numbers(300)) yield* a.run(Brief.publish({ id: "1" }, "said", { n }))
        for (const n of numbers(300)) yield* a.run(Room.publish({ id: "1" }, "said", n))
        yield* Effect.sleep(100)
        const counts = yield* stored(nats, "small-log")
        assert.isAtMost(counts["small.log.brief:1"]!, 128)
        assert.strictEqual(counts["small.log.room:1"], 101)
        const early = yield* enter(a, "room:1", { recover_from: null })
        yield* a.run(Room.publish({ id: "1" }, "said", 300))
        yield* until(() => got(early).length === 1)
        const [epoch] = early.received.at(-1)!.position!.split(":")
        const outcome = (offset: number) =>
          Effect.map(enter(a, "room:1", { recover_from: `${epoch}:${offset}` }), (client) => got(client, "recovery")[0])
        assert.deepInclude(yield* outcome(201), { complete: true })
        assert.deepInclude(yield* outcome(200), { complete: false })
      })
    )
  )

  it.live("nodes 3.3: with `trustRestart`, positions survive the restart of a server", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const nats = yield* own()
        const a = yield* node(nats, { trustRestart: true, heartbeat: "200 millis", commandTimeout: "500 millis" })
        const first = yield* enter(a, "room:kept", { recover_from: null })
        yield* a.run(Room.publish({ id: "kept" }, "said", 1))
        yield* until(() => got(first).length === 1)
        const from = first.received.at(-1)!.position!
        yield* first.close(1006)
        yield* a.run(Room.publish({ id: "kept" }, "said", 2))
        yield* Effect.promise(async () => {
          await nats.stop()
          await nats.restart()
        })
        const published = Effect.exit(a.run(Room.publish({ id: "kept" }, "said", 3)))
        while ((yield* published)._tag === "Failure") yield* Effect.sleep(20)
        const second = yield* enter(a, "room:kept", { recover_from: from })
        yield* until(() => got(second).includes(3))
        assert.deepInclude(got(second, "recovery")[0], { complete: true })
        assert.strictEqual(got(second)[0], 2)
      })
    )
  )

  it.live("nodes 2: changes of presence that later ones replaced are removed from the stream", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const nats = yield* own()
        const a = yield* node(nats)
        const stay = yield* enter(a, "hall", { name: "stay" })
        for (const n of numbers(300)) {
          const client = yield* enter(a, "hall", { name: `n${n % 7}` })
          yield* client.close()
          yield* client.released
        }
        let count = Infinity
        for (let tries = 100; count > 250 && tries > 0; tries--) {
          count = (yield* stored(nats, "fairlead-presence"))["fairlead.presence.hall"]!
          yield* Effect.sleep(20)
        }
        assert.isAtMost(count, 250)
        const { present } = yield* a.run(Hall.presence({}))
        assert.deepStrictEqual(
          present.map(({ key }) => key),
          ["stay"]
        )
        yield* stay.close()
      })
    )
  )

  it.live("nodes 1: entries that their stream would drop are put again", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const nats = yield* own()
        const a = yield* node(nats, { keep: "1 second", heartbeat: "100 millis" })
        yield* enter(a, "hall", { name: "long" })
        yield* Effect.sleep(2500)
        const { present } = yield* a.run(Hall.presence({}))
        assert.deepStrictEqual(
          present.map(({ key }) => key),
          ["long"]
        )
      })
    )
  )

  it.live("nodes 1: a user and a password, or a token, are taken from the URL", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const token = yield* own(["-js", "--auth", "s3cret"])
        const url = (login: string) => `nats://${login}@127.0.0.1:${token.port}`
        yield* node(token, { url: Redacted.make(url("s3cret")) })
        const error = yield* Effect.flip(Effect.scoped(Layer.build(NatsBroadcaster.layer({ url: url("wrong") }))))
        assert.strictEqual(error._tag, "NatsConnectError")
        const user = yield* own(["-js", "--user", "ann", "--pass", "p@ss"])
        yield* node(user, { url: `nats://ann:p%40ss@127.0.0.1:${user.port}`, storage: "memory" })
      })
    )
  )

  it.live("nodes 1: wrong options throw at once, and a NATS without JetStream fails the layer", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const layer = NatsBroadcaster.layer as (options: object) => unknown
        for (const [options, option] of [
          [{ url: "http://localhost" }, "url"],
          [{ url: [] }, "url"],
          [{ url: ["nats://a:1", Redacted.make("nonsense")] }, "url"],
          [{ prefix: "a.b" }, "prefix"],
          [{ commandTimeout: 0 }, "commandTimeout"],
          [{ connectTimeout: 0 }, "connectTimeout"],
          [{ checkInterval: 0 }, "checkInterval"],
          [{ heartbeat: Number.NaN }, "heartbeat"],
          [{ lease: "1 second", heartbeat: "1 second" }, "lease"],
          [{ lease: "50 millis", heartbeat: "10 millis" }, "lease"],
          [{ keep: "10 millis" }, "keep"],
          [{ storage: "disk" }, "storage"],
          [{ replicas: 6 }, "replicas"],
          [{ maxMessages: 0 }, "maxMessages"],
          [{ maxBytes: 0.5 }, "maxBytes"],
          [{ trustRestart: 1 }, "trustRestart"],
          [{ credentials: 1 }, "credentials"]
        ] as const) {
          assert.throws(() => layer(options), InvalidOption, option)
        }
        const failed = (url: string) =>
          Effect.flip(Effect.scoped(Layer.build(NatsBroadcaster.layer({ url, connectTimeout: "300 millis" }))))
        const away = yield* failed("nats://user:secret@127.0.0.1:1")
        assert.strictEqual(away._tag, "NatsConnectError")
        assert.include(away.message, "127.0.0.1:1")
        assert.notInclude(away.message, "secret")
        const { url } = yield* own([])
        assert.include((yield* failed(url)).message, "-js")
      })
    )
  )
})
