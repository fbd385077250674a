/**
 * Makes mixed exchanges over each transport, and prints what they leave behind: run by the leak test in a process of its own, with `--expose-gc` and the URL of
 * the server.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { queryObjects } from "node:v8"

import { Effect, Exit, Scope } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import * as Layer from "effect/Layer"
import { ClientChain, ClientHandler } from "fairlead/client"
import { timeouts } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { Cycle } from "../../src/client/Cycle.ts"
import { LogicalRequest } from "../../src/client/LogicalRequest.ts"
import { ResponseAround } from "../../src/client/ResponseBody.ts"
import { transportsWith } from "./Transports.ts"

const [, , url = ""] = process.argv
const connections = 64
const gc = globalThis.gc
if (gc === undefined) throw new Error("run with --expose-gc")

/** Does what the request's `x-does` says. */
const acting = ClientHandler.make("acting", {
  run: ({ request }) =>
    request.headers["x-does"] === "halt"
      ? ClientHandler.halt(HttpClientResponse.fromWeb(request, new Response("halted")))
      : ClientHandler.proceedWith(request.headers["x-does"]),
  afterResponse: (outcome, exchange, does) => {
    const { attempt, original, release, request } = exchange
    switch (does._tag === "Some" ? does.value : undefined) {
      case "fail":
        return Effect.fail("failed" as const)
      case "followUp":
        return attempt < 3 ? ClientHandler.followUp(original, "again") : undefined
      case "replace":
        return Effect.as(
          outcome._tag === "Response" ? release(outcome.response) : Effect.void,
          ClientHandler.respond(HttpClientResponse.fromWeb(request, new Response("replaced")))
        )
      case "watch":
        exchange.onBody({ piece: () => undefined })
        return undefined
      case "wait":
        return Effect.never
      default:
        return undefined
    }
  }
})

type Kinds = ReadonlyArray<readonly [does: string, path: string]>

const kinds: Kinds = [
  ["read", "/echo"],
  ["halt", "/echo"],
  ["watch", "/large"],
  ["fail", "/large"],
  ["followUp", "/large"],
  ["timeout", "/hang"],
  ["wait", "/endless"],
  ["abandon", "/large"],
  ["replace", "/large"],
  ["refused", ""]
]

/** The kinds that a transport cannot make without leaving something behind, and why. */
const leftOut: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "node:http": {
    abandon: "a response that nobody reads is kept alive by its socket, and never collected: read it, or release it"
  }
}

const mixed = <E>(client: HttpClient.HttpClient.With<E>, count: number, kinds: Kinds) =>
  Effect.forEach(
    Array.from({ length: count }, (_, number) => kinds[number % kinds.length]!),
    ([does, path]) => {
      const to = does === "refused" ? "http://127.0.0.1:1/" : `${url}${path}`
      const sent = client.execute(HttpClientRequest.get(to).pipe(HttpClientRequest.setHeader("x-does", does)))
      const call = path === "/hang" || path === "/endless" ? Effect.timeout(sent, "10 millis") : sent
      return Effect.exit(
        does === "abandon" ? Effect.asVoid(call) : Effect.asVoid(Effect.flatMap(call, ({ text }) => text))
      )
    },
    { concurrency: 8, discard: true }
  )

/** Collects what is garbage, and lets what was abandoned close. */
const settle = async () => {
  for (let round = 0; round < 4; round++) {
    gc()
    await sleep(20)
  }
}

// An abandoned body holds its connection until it is collected, so that is done before the pool is used up.
const hundreds = async <E>(client: HttpClient.HttpClient.With<E>, count: number, kinds: Kinds) => {
  for (let batch = 0; batch < count; batch++) {
    await Effect.runPromise(mixed(client, 100, kinds))
    await settle()
  }
}

/** The live objects of calls: logical requests, cycles, and responses around others. */
const objects = () =>
  [LogicalRequest, Cycle, ResponseAround].map((kind) =>
    queryObjects(kind as never, { format: "count" })
  ) as ReadonlyArray<number>

const sockets = () => process.getActiveResourcesInfo().filter((resource) => resource === "TCPSocketWrap").length
const resources = () => process.getActiveResourcesInfo().filter((resource) => resource !== "PipeWrap")

const transports = [
  ...transportsWith(connections),
  ["fairlead/client/node", NodeTransport.layer({ maxConnectionsPerOrigin: connections })] as const
]

for (const [name, transport] of transports) {
  const missing = leftOut[name] ?? {}
  const possible = kinds.filter(([does]) => !(does in missing))
  const before = resources()
  const scope = Scope.makeUnsafe()
  const context = await Effect.runPromise(Layer.buildWithScope(transport, scope))
  const client = ClientChain.make("mixed")
    .use(timeouts({ total: "1 minute" }))
    .use(acting)
    .pipe(ClientChain.over(await Effect.runPromise(Effect.provide(HttpClient.HttpClient, context))))
  await hundreds(client, 3, possible)
  const heap = process.memoryUsage().heapUsed
  await hundreds(client, 10, possible)
  const grown = process.memoryUsage().heapUsed - heap
  const held = sockets()
  const kept = objects()
  await Effect.runPromise(Scope.close(scope, Exit.void))
  await settle()
  console.log(
    JSON.stringify({
      name,
      heap,
      grown,
      held,
      kept,
      before,
      after: resources(),
      kinds: possible.map(([does]) => does),
      missing
    })
  )
}
