/**
 * Makes 1,000 connects over iroh, some of them interrupted, refused or cut off, and prints what they leave behind: run by the leak test in a process of its own, with
 * `--expose-gc`. It ends when its endpoints are closed, by itself.
 */
import { readdirSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"

import { Effect, Exit, Option, Scope, Stream } from "effect"
import { Endpoint, EndpointHooks, HookChain, Identity } from "fairlead/endpoint"
import { IrohTransport } from "fairlead/endpoint/iroh"

const gc = globalThis.gc
if (gc === undefined) throw new Error("run with --expose-gc")

const echo = Identity.alpn("echo/1")
const kinds = ["echo", "echo", "cut", "interrupt", "refuse"]

/** What is open in this process: the heap, file descriptors where the system lists them, and what keeps the process alive. */
const figures = async () => {
  for (let round = 0; round < 5; round++) {
    await sleep(20)
    gc()
  }
  const files = process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0
  return { heap: process.memoryUsage().heapUsed, rss: process.memoryUsage().rss, files }
}

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

const connects = (count: number) =>
  Effect.gen(function* () {
    const [server, client] = [yield* serving, yield* Endpoint.make({ alpns: [] })]
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

const run = async (count: number): Promise<void> => {
  const scope = Scope.makeUnsafe()
  await Effect.runPromise(
    connects(count).pipe(
      Scope.provide(scope),
      Effect.provide(IrohTransport.layer({ bind: ["127.0.0.1:0", "[::1]:0"] }))
    )
  )
  await Effect.runPromise(Scope.close(scope, Exit.void))
}

await run(200)
const before = await figures()
const idle = resources()
ended = 0
const start = performance.now()
await run(1000)
const millis = Math.round(performance.now() - start)
const after = await figures()
console.log(JSON.stringify({ before, after, ended, millis, idle, left: resources() }))
