/** Subscriptions at a server whose replies arrive in an order chosen by the test. */
import { createServer } from "node:net"
import type { AddressInfo, Socket } from "node:net"

import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"

import { createClient, peer } from "../../../../src/channel/redis/Client.ts"
import { ShardSubscriber } from "../../../../src/channel/redis/cluster/ShardSubscriber.ts"
import { until } from "../../nodes/Chat.ts"

/** A server that answers each command with what the test says. */
const serverOf = (answer: (words: ReadonlyArray<string>, socket: Socket) => string) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ readonly port: number; readonly close: () => void }>((resolve) => {
          const sockets = new Set<Socket>()
          const server = createServer((socket) => {
            sockets.add(socket)
            socket.on("error", () => {})
            socket.on("data", (data) => {
              // A command is an array of texts, and has no line break in them here.
              for (const command of String(data).split(/(?=\*\d+\r\n)/)) {
                const words = command.split("\r\n").filter((word) => word !== "" && !/^[*$]\d/.test(word))
                socket.write(words[0] === "HELLO" ? "%0\r\n" : answer(words, socket))
              }
            })
          }).listen(0, "127.0.0.1", () =>
            resolve({
              port: (server.address() as AddressInfo).port,
              close: () => {
                for (const socket of sockets) socket.destroy()
                server.close()
              }
            })
          )
        })
    ),
    ({ close }) => Effect.sync(close)
  )

const push = (...words: ReadonlyArray<string>): string =>
  `>${words.length + 1}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}:1\r\n`

const subscriberAt = (port: number) =>
  Effect.gen(function* () {
    const redis = yield* peer
    const broken: Array<string> = []
    const moved: Array<string> = []
    const url = `redis://127.0.0.1:${port}`
    const subscriber = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const client = createClient(redis, { url, connectTimeout: Duration.seconds(2), reconnects: false })
        return new ShardSubscriber(`127.0.0.1:${port}`, "echo", client, {
          broken: (_, description) => void broken.push(description),
          moved: (_, channel) => void moved.push(channel)
        })
      }),
      (opened) => Effect.sync(() => opened.close())
    )
    return { subscriber, broken, moved }
  })

const subscribes = ([name, channel = ""]: ReadonlyArray<string>): string | undefined =>
  name?.toLowerCase() === "ssubscribe" ? push("ssubscribe", channel) : undefined

describe("a connection for subscriptions", () => {
  it.live("nodes 3.3: says which slot has left, where no reply is awaited", () =>
    Effect.scoped(
      Effect.gen(function* () {
        let open: Socket | undefined
        const server = yield* serverOf((words, socket) => {
          open = socket
          return subscribes(words) ?? "+OK\r\n"
        })
        const { broken, moved, subscriber } = yield* subscriberAt(server.port)
        const heard: Array<string> = []
        yield* Effect.promise(() => subscriber.add("a", (message) => void heard.push(message)))
        open!.write(push("smessage", "a").replace(":1", "$2\r\nhi"))
        yield* until(() => heard.length === 1)
        open!.write(push("sunsubscribe", "a"))
        yield* until(() => moved.length === 1)
        assert.deepStrictEqual([moved, broken, subscriber.has("a")], [["a"], [], false])
        // Its own channel goes with the slot: there would be no sign of life any more.
        open!.write(push("sunsubscribe", "echo"))
        yield* until(() => broken.length === 1)
        const problem = yield* Effect.flip(Effect.tryPromise(() => subscriber.add("b", () => {})))
        assert.include(String(problem.cause), "has ended")
      })
    )
  )

  it.live("nodes 3.3: is closed when the end of a subscription was taken for a reply", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* serverOf((words) =>
          words[1] === "b" ? `${push("sunsubscribe", "a")}${push("ssubscribe", "b")}` : (subscribes(words) ?? "+OK\r\n")
        )
        const { broken, moved, subscriber } = yield* subscriberAt(server.port)
        yield* Effect.promise(() => subscriber.add("a", () => {}))
        yield* Effect.exit(Effect.tryPromise(() => subscriber.add("b", () => {})))
        yield* until(() => broken.length === 1)
        // node-redis never said that "a" has ended.
        assert.deepStrictEqual(moved, [])
        assert.isFalse(subscriber.has("a"))
      })
    )
  )

  it.live("nodes 3.3: is closed when its own messages do not come back, but not when its server refuses them", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const server = yield* serverOf((words) => subscribes(words) ?? "+OK\r\n")
        const { broken, subscriber } = yield* subscriberAt(server.port)
        yield* Effect.promise(() => subscriber.add("a", () => {}))
        const within = Duration.millis(10)
        yield* Effect.ignore(subscriber.prove(() => Effect.fail(new Error("away") as never), within))
        for (const _ of [1, 2]) yield* subscriber.prove(() => Effect.void, within)
        assert.deepStrictEqual(broken, [])
        yield* subscriber.prove(() => Effect.void, within)
        assert.deepStrictEqual(broken, ["it does not deliver"])
      })
    )
  )
})
