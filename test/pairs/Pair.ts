/**
 * Both ends of one conversation in one process, on one clock: a client chain over a pipeline, in memory or over sockets.
 */
import { NodeHttpServer } from "@effect/platform-node"
import { Context, Effect, Layer } from "effect"
import type { Scope } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import type { HttpClientRequest, HttpServerRequest, HttpServerResponse } from "effect/http"
import { NodeTransport } from "fairlead/client/node"
import { TestServer } from "fairlead/testing/server"

import { loopback } from "../client/handlers/Loopback.ts"

/** A client whose network is `server`, and the statuses that the network has seen. */
export const clientOf = (server: {
  readonly send: TestServer.TestServer["send"]
}): { readonly client: HttpClient.HttpClient; readonly statuses: Array<number> } => {
  const statuses: Array<number> = []
  const client = HttpClient.make((request: HttpClientRequest.HttpClientRequest, url) =>
    Effect.map(
      server.send(request.method, url.pathname + url.search, {
        headers: request.headers,
        ...(request.body._tag === "Uint8Array" ? { body: request.body.body as BodyInit } : {})
      }),
      (reply) => {
        statuses.push(reply.status)
        const body = [204, 304].includes(reply.status) ? null : reply.text
        return HttpClientResponse.fromWeb(request, new Response(body, { status: reply.status, headers: reply.headers }))
      }
    )
  )
  return { client, statuses }
}

type App = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

/** A network between a pipeline and a client, until its scope ends. */
type Connect = (app: App) => Effect.Effect<
  {
    readonly client: HttpClient.HttpClient
    readonly origin: string
    readonly statuses: Array<number>
  },
  never,
  Scope.Scope
>

const overSockets: Connect = (app) =>
  Effect.gen(function* () {
    const handler = yield* NodeHttpServer.makeHandler(app, { scope: yield* Effect.scope })
    const { origin } = yield* loopback(handler)
    const transport = Context.get(yield* Layer.build(Layer.fresh(NodeTransport.layer())), HttpClient.HttpClient)
    const statuses: Array<number> = []
    const client = HttpClient.tap(transport, ({ status }) => Effect.sync(() => statuses.push(status)))
    return { client, origin, statuses }
  })

/** The networks that a pair is tested over. */
export const networks = {
  "in memory": (app) =>
    Effect.map(TestServer.make(app), (server) => ({ ...clientOf(server), origin: "http://api.test" })),
  "over sockets": overSockets
} satisfies Readonly<Record<string, Connect>>

export type Network = keyof typeof networks
