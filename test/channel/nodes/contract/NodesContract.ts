/** What nodes promise over any broker. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import type { Layer } from "effect"
import { Broadcaster, ChannelServer } from "fairlead/channel"
import type { Presence } from "fairlead/channel"
import { afterAll, beforeAll } from "vitest"

import { Brief, enter, got, nodeOver, Price, Room, until } from "../Chat.ts"
import { Proxy } from "../Proxy.ts"

/** A broker that runs on a port of its own. */
export interface RunningBroker {
  readonly port: number
  readonly kill: () => Promise<void>
  /** Starts it again after `kill`. */
  readonly restart: () => Promise<void>
  readonly signal: (signal: "SIGSTOP" | "SIGCONT") => void
  /** A way to it that a test cuts; by default to its port. */
  readonly proxy?: () => Promise<BrokerProxy>
}

/** A way to a broker. Nodes use its port as that of the broker. */
export interface BrokerProxy {
  readonly port: number
  isOpen: boolean
  readonly cut: () => void
  readonly stop: () => void
}

/** Options that every engine has. */
export interface EngineOptions {
  readonly heartbeat?: `${number} millis`
  readonly lease?: `${number} millis`
  readonly commandTimeout?: `${number} millis`
  readonly checkInterval?: `${number} millis`
}

/** A kind of broker, with its engine. */
export interface BrokerKind {
  readonly name: string
  readonly missing: boolean
  readonly start: () => Promise<RunningBroker>
  readonly engine: (
    port: number,
    options: EngineOptions
  ) => Layer.Layer<Broadcaster.Broadcaster | Presence.Presence, unknown>
}

/** A broker for one test. */
export const ownBroker = (kind: BrokerKind) =>
  Effect.acquireRelease(
    Effect.promise(() => kind.start()),
    (broker) => Effect.promise(() => broker.kill())
  )

/** A way to a broker for one test. */
export const proxyTo = (broker: RunningBroker) =>
  Effect.acquireRelease(
    Effect.promise((): Promise<BrokerProxy> => broker.proxy?.() ?? Proxy.start(broker.port)),
    (proxy) => Effect.sync(() => proxy.stop())
  )

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

/** The tests of a kind of broker. */
export const nodesContract = (kind: BrokerKind): void => {
  const nodeAt = (port: number, options: EngineOptions = {}) => nodeOver(kind.engine(port, options))
  const own = ownBroker(kind)

  describe.skipIf(kind.missing)(`nodes over ${kind.name}`, () => {
    let broker: RunningBroker
    beforeAll(async () => {
      broker = await kind.start()
    })
    afterAll(() => broker.kill())

    const nodes = (count: number, options?: EngineOptions) =>
      Effect.forEach(numbers(count), () => nodeAt(broker.port, options))

    it.live("nodes 1: a broadcast reaches the members of all nodes, in one order, with positions", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [a, b] = (yield* nodes(2)) as [never, never]
          const ann = yield* enter(a, "room:order", { recover_from: null })
          const ben = yield* enter(b, "room:order", { recover_from: null })
          for (const n of numbers(50)) {
            yield* ann.notify("room:order", "say", { ann: n })
            yield* ben.notify("room:order", "say", { ben: n })
          }
          yield* until(() => got(ann).length === 100 && got(ben).length === 100)
          assert.deepStrictEqual(got(ann), got(ben))
          assert.deepStrictEqual(
            got(ann).filter((payload) => "ann" in (payload as object)),
            numbers(50).map((n) => ({ ann: n }))
          )
          const positions = ann.received.filter(({ event }) => event === "said").map(({ position }) => position!)
          assert.deepStrictEqual(
            positions.map((position) => Number(position.split(":")[1])),
            numbers(100).map((n) => n + 1)
          )
        })
      )
    )

    it.live("nodes 1: a sender is excluded, and a socket is closed by its id, from any node", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [a, b] = yield* nodes(2)
          const ann = yield* enter(a!, "room:except")
          const ben = yield* enter(b!, "room:except")
          yield* ann.push("room:except", "publish", "for both")
          yield* ann.notify("room:except", "sayToOthers", "for ben")
          yield* until(() => got(ben).includes("for ben"))
          yield* ben.notify("room:except", "say", "last")
          yield* until(() => got(ann).includes("last") && got(ben).includes("last"))
          assert.deepStrictEqual(got(ann), ["for both", "last"])
          assert.deepStrictEqual(got(ben), ["for both", "for ben", "last"])

          const carl = yield* a!.connect({ params: { user: "carl" } })
          yield* carl.heartbeat
          yield* b!.run(ChannelServer.disconnect("carl"))
          assert.strictEqual((yield* carl.closed).code, 1001)
        })
      )
    )

    it.live("nodes 1: bytes travel between nodes, and ephemeral events have no position", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [a, b] = yield* nodes(2)
          const ann = yield* enter(a!, "fleeting:1")
          yield* b!.run(Broadcaster.broadcast("fleeting:1", "said", Uint8Array.of(0, 200, 255)))
          yield* b!.run(Broadcaster.broadcast("fleeting:1", "said", "text"))
          yield* until(() => got(ann).length === 2)
          assert.deepStrictEqual(got(ann), [Uint8Array.of(0, 200, 255), "text"])
          assert.isUndefined(ann.received.at(-1)!.position)
          assert.isUndefined(yield* a!.run(Broadcaster.publish({ topic: "fleeting:1", event: "said", payload: 1 })))
        })
      )
    )

    it.live("nodes 1: an ephemeral event is delivered at most once: a node that reconnects misses it", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const proxy = yield* proxyTo(broker)
          const [away, near] = [yield* nodeAt(proxy.port), yield* nodeAt(broker.port)]
          const ann = yield* enter(away, "fleeting:once", { recover_from: null })
          const ben = yield* enter(near, "fleeting:once", { recover_from: null })
          const said = (payload: string) =>
            near.run(Broadcaster.publish({ topic: "fleeting:once", event: "said", payload }))
          yield* said("before")
          yield* until(() => got(ann).length === 1)

          const states: Array<string> = []
          yield* Effect.forkScoped(
            away.run(Stream.runForEach(Broadcaster.health, ({ _tag }) => Effect.sync(() => void states.push(_tag))))
          )
          proxy.isOpen = false
          proxy.cut()
          yield* until(() => states.at(-1) === "Suspended")
          yield* said("meanwhile")
          yield* until(() => got(ben).length === 2)
          proxy.isOpen = true
          yield* until(() => states.at(-1) === "Connected")
          // The broker may still be taking the node's subscription.
          const later: Array<string> = []
          while (got(ann).length === 1) {
            later.push(`after ${later.length}`)
            yield* said(later.at(-1)!)
            yield* Effect.sleep(20)
          }
          yield* until(() => got(ann).at(-1) === later.at(-1) && got(ben).at(-1) === later.at(-1))
          assert.deepStrictEqual(got(ben), ["before", "meanwhile", ...later])
          assert.deepStrictEqual(got(ann), ["before", ...later.slice(1 - got(ann).length)])
        })
      )
    )

    it.live("nodes 1: a client that comes back to another node gets what it missed", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [a, b] = yield* nodes(2)
          const first = yield* enter(a!, "room:back", { recover_from: null })
          yield* a!.run(Room.broadcast({ id: "back" }, "said", 1))
          yield* until(() => got(first).length === 1)
          const from = first.received.find(({ event }) => event === "said")!.position!
          yield* first.close(1006)
          for (const n of [2, 3, 4]) yield* b!.run(Room.broadcast({ id: "back" }, "said", n))
          const second = yield* enter(b!, "room:back", { recover_from: from })
          yield* until(() => got(second).length === 3)
          assert.deepStrictEqual(got(second), [2, 3, 4])
          assert.deepInclude(got(second, "recovery")[0], { complete: true })
          // More than the topic keeps.
          const brief = yield* enter(a!, "brief:back", { recover_from: null })
          for (const n of numbers(5)) yield* b!.run(Brief.broadcast({ id: "back" }, "said", { n }))
          yield* until(() => got(brief).length === 5)
          const early = (got(brief)[0] as { readonly recovery_id: string }).recovery_id
          const late = yield* enter(b!, "brief:back", { recover_from: early })
          assert.deepInclude(got(late, "recovery")[0], { complete: false })
          const middle = (got(brief)[1] as { readonly recovery_id: string }).recovery_id
          const other = yield* enter(b!, "brief:back", { recover_from: middle })
          assert.deepInclude(got(other, "recovery")[0], { complete: true })
          assert.lengthOf(got(other), 3)
        })
      )
    )

    it.live("nodes 1: a cache keeps the last event for members of all nodes", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [a, b] = yield* nodes(2)
          for (const n of numbers(3)) yield* a!.run(Price.broadcast({}, "said", { n }))
          const ann = yield* enter(b!, "price", { recover_from: null })
          yield* until(() => got(ann).length === 1)
          assert.deepStrictEqual(got(ann), [{ n: 2 }])
        })
      )
    )

    it.live("nodes 3.4: an event that another node publishes right after the join's ok is never lost", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [a, b] = yield* nodes(2)
          const client = yield* Effect.forEach(numbers(3), () => a!.connect())
          const fresh = (n: number) =>
            Effect.gen(function* () {
              const topic = `fleeting:fresh ${n}`
              const socket = client[n % 3]!
              yield* socket.join(topic)
              yield* b!.run(Broadcaster.broadcast(topic, "said", n))
              // A broker of several servers keeps the order of a topic only.
              yield* until(() => got(socket).includes(n))
              yield* socket.leave(topic)
            })
          yield* Effect.forEach(numbers(600), fresh, { concurrency: 20 })
          const heard = client.flatMap((socket) => got(socket)).toSorted((x, y) => Number(x) - Number(y))
          assert.deepStrictEqual(heard, numbers(600))
        })
      )
    )

    it.live("nodes 3.3: connections that are cut while messages are published lose nothing silently", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const proxy = yield* proxyTo(broker)
          const [a, b] = [yield* nodeAt(proxy.port), yield* nodeAt(proxy.port)]
          const ann = yield* enter(a, "room:cut", { recover_from: null })
          const publishing = yield* Effect.forkScoped(
            Effect.forEach(numbers(1500), (n) =>
              Effect.gen(function* () {
                const exit = yield* Effect.exit(b.run(Room.publish({ id: "cut" }, "said", n)))
                if (n % 10 === 0) yield* Effect.sleep(1)
                return Exit.isSuccess(exit) ? [n] : []
              })
            )
          )
          for (const _ of numbers(6)) {
            yield* Effect.sleep(60)
            proxy.cut()
          }
          const published = (yield* Fiber.join(publishing)).flat()
          const heard = () => got(ann) as ReadonlyArray<number>
          yield* until(
            () => heard().includes(published.at(-1)!),
            () => [published.length, heard().length]
          )
          assert.deepStrictEqual(
            published.filter((n) => !heard().includes(n)),
            []
          )
          assert.strictEqual(new Set(heard()).size, heard().length)
          assert.deepStrictEqual(
            heard().toSorted((x, y) => x - y),
            heard()
          )
          assert.deepStrictEqual(got(ann, "discontinuity"), [])
        })
      )
    )
  })

  describe.skipIf(kind.missing)(`a ${kind.name} that goes away`, () => {
    it.live("nodes 3.3: suspends the nodes; afterwards members learn what may be lost, and all goes on", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const broker = yield* own
          const options = { heartbeat: "200 millis", commandTimeout: "500 millis" } as const
          const a = yield* nodeAt(broker.port, options)
          const b = yield* nodeAt(broker.port, options)
          const ann = yield* enter(a, "room:gone", { recover_from: null })
          yield* b.run(Room.broadcast({ id: "gone" }, "said", 1))
          yield* until(() => got(ann).length === 1)
          const states: Array<string> = []
          yield* Effect.forkScoped(
            a.run(Stream.runForEach(Broadcaster.health, ({ _tag }) => Effect.sync(() => void states.push(_tag))))
          )
          yield* until(() => states.length === 1)

          yield* Effect.promise(() => broker.kill())
          yield* until(() => states.at(-1) === "Suspended")
          assert.strictEqual((yield* ann.push("room:gone", "publish", 2)).response, "BroadcasterUnavailable")
          const refused = yield* Effect.flatMap(a.connect(), (client) => client.join("room:other"))
          assert.deepStrictEqual(refused, { status: "error", response: { reason: "unavailable" } })

          yield* Effect.promise(() => broker.restart())
          yield* until(() => states.at(-1) === "Connected")
          // A broker that has restarted may have lost messages.
          yield* until(() => got(ann, "discontinuity").length === 1)
          yield* until(() => a.sockets() > 0)
          let sent = 3
          const publish = Effect.exit(b.run(Room.publish({ id: "gone" }, "said", sent)))
          while (Exit.isFailure(yield* publish)) yield* Effect.sleep(50)
          yield* until(() => got(ann).includes(sent))
          assert.deepStrictEqual(got(ann), [1, 3])
          const again = yield* enter(b, "room:gone", {
            recover_from: ann.received.find(({ position }) => position)!.position!
          })
          assert.deepInclude(got(again, "recovery")[0], { complete: false })
        })
      )
    )

    it.live("nodes 3.3: and stops without an end is noticed, and loses nothing silently", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const broker = yield* own
          const options = { heartbeat: "200 millis", commandTimeout: "300 millis" } as const
          const a = yield* nodeAt(broker.port, options)
          const ann = yield* enter(a, "room:still", { recover_from: null })
          broker.signal("SIGSTOP")
          // The signal may arrive after a message or two.
          const first = ann.push("room:still", "publish", 1)
          yield* Effect.repeat(first, { until: ({ response }) => response === "BroadcasterUnavailable" })
          yield* Effect.sleep(600)
          broker.signal("SIGCONT")
          // A message that was reported as failed may have been published.
          const answers: Array<unknown> = []
          while (answers.at(-1) !== "ok") {
            answers.push((yield* ann.push("room:still", "publish", `try ${answers.length}`)).response)
            yield* Effect.sleep(50)
          }
          const last = `try ${answers.length - 1}`
          yield* until(() => got(ann).includes(last))
          const positions = ann.received.flatMap(({ position }) => (position === undefined ? [] : [position]))
          const offsets = positions.map((position) => Number(position.split(":")[1]))
          assert.deepStrictEqual(
            offsets,
            numbers(offsets.length).map((n) => n + offsets[0]!)
          )
        })
      )
    )
  })
}
