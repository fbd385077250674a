/** What presence promises over any broker. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { TestChannel } from "fairlead/testing/channel"
import { afterAll, beforeAll } from "vitest"

import { enter, Hall, nodeOver, until } from "../Chat.ts"
import type { Node } from "../Chat.ts"
import { ownBroker, proxyTo } from "./NodesContract.ts"
import type { BrokerKind, EngineOptions, RunningBroker } from "./NodesContract.ts"

type Metas = Readonly<Record<string, { readonly metas: ReadonlyArray<Readonly<Record<string, string>>> }>>
export interface Diff {
  readonly joins: Metas
  readonly leaves: Metas
}

/** Who is present for a client that merges as phoenix.js does, by ref. */
const shown = ({ received }: TestChannel.TestSocket): ReadonlyArray<string> => {
  const refs = new Map<string, string>()
  const each = (metas: Metas, use: (ref: string, text: string) => void) => {
    for (const [key, { metas: all }] of Object.entries(metas)) {
      for (const { at, phx_ref: ref } of all) use(ref!, `${key} ${at}`)
    }
  }
  for (const { event, payload } of received) {
    if (event === "presence_state") {
      refs.clear()
      each(payload as never, (ref, text) => refs.set(ref, text))
    } else if (event === "presence_diff") {
      const { joins, leaves } = payload as unknown as Diff
      each(joins, (ref, text) => refs.set(ref, text))
      each(leaves, (ref) => refs.delete(ref))
    }
  }
  return [...refs.values()].toSorted()
}

export const sees = (client: TestChannel.TestSocket, ...expected: ReadonlyArray<string>) =>
  until(
    () => JSON.stringify(shown(client)) === JSON.stringify(expected.toSorted()),
    () => [shown(client), expected]
  )

export const present = (node: Node) =>
  Effect.map(node.run(Hall.presence({})), ({ present }) =>
    present.flatMap(({ key, metas }) => metas.map(({ at }) => `${key} ${at}`)).toSorted()
  )

/** The tests of a kind of broker. */
export const presenceContract = (kind: BrokerKind): void => {
  describe.skipIf(kind.missing)(`presence over ${kind.name}`, () => {
    let broker: RunningBroker
    beforeAll(async () => {
      broker = await kind.start()
    })
    afterAll(() => broker.kill())

    const nodeAt = (port: number, options: EngineOptions = {}) => nodeOver(kind.engine(port, options))
    const quick = { heartbeat: "100 millis", lease: "600 millis", commandTimeout: "500 millis" } as const

    it.live("nodes 2: members of all nodes see one another come, change and go", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const [a, b] = [yield* nodeAt(broker.port), yield* nodeAt(broker.port)]
          const ann = yield* enter(a, "hall", { name: "ann" })
          const ben = yield* enter(b, "hall", { name: "ben" })
          yield* sees(ann, "ann home", "ben home")
          yield* sees(ben, "ann home", "ben home")
          const tab = yield* enter(b, "hall", { name: "ann" })
          assert.strictEqual((yield* ben.push("hall", "update", "work")).response, "ok")
          for (const client of [ann, ben, tab]) yield* sees(client, "ann home", "ann home", "ben work")
          assert.deepStrictEqual(yield* present(a), ["ann home", "ann home", "ben work"])
          yield* tab.close(1006)
          yield* ben.leave("hall")
          yield* sees(ann, "ann home")
          yield* ann.close()
          yield* ann.released
          const watcher = yield* enter(b, "hall")
          yield* sees(watcher)
        })
      )
    )

    it.live(
      "nodes 3.5: the members of a node that lost its broker are removed in one diff, and are present again when it is back",
      () =>
        Effect.scoped(
          Effect.gen(function* () {
            const proxy = yield* proxyTo(broker)
            const [a, b] = [yield* nodeAt(proxy.port, quick), yield* nodeAt(broker.port, quick)]
            const clients = yield* Effect.forEach(["x", "y", "z"], (name) => enter(a, "hall", { name }))
            const watcher = yield* enter(b, "hall")
            yield* sees(watcher, "x home", "y home", "z home")
            const before = watcher.received.length
            proxy.isOpen = false
            proxy.cut()
            yield* until(() => watcher.received.length > before)
            const { joins, leaves } = watcher.received[before]!.payload as unknown as Diff
            assert.deepStrictEqual([Object.keys(joins), Object.keys(leaves).toSorted()], [[], ["x", "y", "z"]])
            yield* clients[0]!.close(1006)
            proxy.isOpen = true
            yield* sees(watcher, "y home", "z home")
            assert.deepStrictEqual(yield* present(b), ["y home", "z home"])
            const late = yield* enter(b, "hall")
            yield* sees(late, "y home", "z home")
          })
        )
    )

    it.live("nodes 3.5: after the broker was away and came back, all who are there are present again", () =>
      Effect.scoped(
        Effect.gen(function* () {
          const other = yield* ownBroker(kind)
          const [a, b] = [yield* nodeAt(other.port, quick), yield* nodeAt(other.port, quick)]
          const ann = yield* enter(a, "hall", { name: "ann" })
          const ben = yield* enter(b, "hall", { name: "ben" })
          const carl = yield* enter(b, "hall", { name: "carl" })
          yield* sees(ann, "ann home", "ben home", "carl home")
          yield* Effect.promise(() => other.kill())
          yield* Effect.sleep(300)
          // It leaves while nobody can be told.
          yield* carl.close(1006)
          assert.strictEqual((yield* ann.push("hall", "update", "work")).response, "PresenceError")
          yield* Effect.promise(() => other.restart())
          yield* sees(ann, "ann home", "ben home")
          yield* sees(ben, "ann home", "ben home")
          yield* until(() => ann.received.length > 0)
          assert.deepStrictEqual(yield* present(a), ["ann home", "ben home"])
        })
      )
    )
  })
}
