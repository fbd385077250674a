/**
 * Both ends of one conversation in one process, on one clock: a client chain over a pipeline in memory.
 */
import { Effect } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import type { HttpClientRequest } from "effect/http"
import type { TestServer } from "fairlead/testing/server"

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
