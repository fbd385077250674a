/**
 * Makes 1,000 connects over iroh, some of them interrupted, refused or cut off, and prints what they leave behind: run by the leak test in a process of its own, with
 * `--expose-gc`. It ends when its endpoints are closed, by itself.
 */
import { readdirSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { queryObjects } from "node:v8"

import { Connection } from "@number0/iroh"
import { Effect, Exit, Option, Scope, Stream } from "effect"
import { Alpn, Endpoint, EndpointHooks, HookChain } from "fairlead/endpoint"
import { IrohTransport } from "fairlead/endpoint/iroh"

const gc = globalThis.gc
if (gc === undefined) throw new Error("run with --expose-gc")

const echo = Alpn.fromString("echo/1")
const kinds = ["echo", "echo", "cut", "interrupt", "refuse"]

/** What is held: the heap, file descriptors where the system lists them, and native connections that were not collected. */
const figures = async () => {
  for (let round = 0; round < 5; round++) {
    await sleep(20)
    gc()
  }
  const files = process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0
  const connections = queryObjects(Connection)
  return { heap: process.memoryUsage().heapUsed, rss: process.memoryUsage().rss, files, connections }
}

/** What keeps the process alive. */
const resources = () => process.getActiveResourcesInfo().filter((name) => name !== "TTYWrap" && name !== "PipeWrap")

let ended = 0
let refusing = false

const serving = Effect.gen(function* () {
  const hooks = EndpointHooks.make("hooks", {
    beforeAccept: () => (refusing ? "refuse" : "accept"),
    onClose: () => void ended++
  })
  const endpoint = yield* Endpoint.make({ alpns: [echo], hooks: HookChain.make("serving").use(hooks) })
  yield* Effect.forkScoped(
    Stream.runForEach(endpoint.incoming, (connection) =>
      Effect.forkScoped(
        Effect.scoped(
          Effect.gen(function* () {
            const { recv, send } = yield* connection.acceptBi
            yield* send.write(Option.getOrThrow(yield* recv.read()))
          })
        ).pipe(Effect.ignore)
      )
    )
  )
  return endpoint
})

type Peers = Effect.Success<typeof peers>

const peers = Effect.gen(function* () {
  return { server: yield* serving, client: yield* Endpoint.make({ alpns: [] }) }
})

const connects = ({ client, server }: Peers, count: number) =>
  Effect.gen(function* () {
    const roundTrip = Effect.gen(function* () {
      const { recv, send } = yield* (yield* client.connect(server.addr, echo)).openBi
      yield* send.write(Uint8Array.of(1, 2, 3))
      return yield* recv.read()
    })
    for (let number = 0; number < count; number++) {
      const kind = kinds[number % kinds.length]
      refusing = kind === "refuse"
      if (kind === "echo") yield* Effect.scoped(roundTrip)
      else if (kind === "cut") yield* Effect.flip(Effect.scoped(Effect.andThen(roundTrip, Effect.fail("cut"))))
      else if (kind === "refuse") yield* Effect.flip(Effect.scoped(client.connect(server.addr, echo)))
      else yield* Effect.timeoutOption(Effect.scoped(Effect.andThen(roundTrip, Effect.never)), 1 + (number % 7))
    }
  })

const idle = resources()
const scope = Scope.makeUnsafe()
const endpoints = await Effect.runPromise(
  peers.pipe(Scope.provide(scope), Effect.provide(IrohTransport.layer({ bindAddresses: ["127.0.0.1:0", "[::1]:0"] })))
)
await Effect.runPromise(connects(endpoints, 200))
const before = await figures()
ended = 0
const start = performance.now()
await Effect.runPromise(connects(endpoints, 1000))
const millis = Math.round(performance.now() - start)
const after = await figures()
await Effect.runPromise(Scope.close(scope, Exit.void))
await figures()
console.log(JSON.stringify({ before, after, ended, millis, idle, left: resources() }))
