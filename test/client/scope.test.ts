/**
 * A response that nobody reads, over each transport with one connection: what holds that connection, and what lets it go.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"

import { serving, transportsWith } from "./Transports.ts"

const marking = ClientHandler.make("marking", {
  run: ({ request }) => ClientHandler.proceed(HttpClientRequest.setHeader(request, "x-mark", "yes"))
})
const chain = ClientChain.make("c").use(marking)

const { scoped } = Effect

describe.each(transportsWith(1))("over %s", (_, transport) => {
  it.live("a large response that nobody reads keeps its connection for as long as it is held", () =>
    Effect.gen(function* () {
      const { asked, url } = yield* serving
      const client = chain.pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const held = yield* client.get(`${url}/large`)
      const next = yield* Effect.forkChild(client.get(`${url}/next`))
      // The server has time to be asked, and is not.
      assert.isUndefined(yield* Effect.timeoutOrElse(asked("/next"), { duration: 50, orElse: () => Effect.undefined }))
      assert.isUndefined(next.pollUnsafe())
      yield* held.text
      assert.strictEqual((yield* Fiber.join(next)).status, 200)
    }).pipe(Effect.provide(transport), scoped)
  )

  it.live("over a client with a scope the end of the scope releases it", () =>
    Effect.gen(function* () {
      const { aborted, url } = yield* serving
      const client = chain.pipe(ClientChain.over(HttpClient.withScope(yield* HttpClient.HttpClient)))
      assert.strictEqual((yield* scoped(client.get(`${url}/endless`))).status, 200)
      yield* aborted("/endless")
      assert.strictEqual(yield* scoped(Effect.flatMap(client.get(`${url}/next`), ({ text }) => text)), "GET ")
    }).pipe(Effect.provide(transport), scoped)
  )

  it.live("a scope around the chain does not know the request that a handler made of the caller's", () =>
    Effect.gen(function* () {
      const { url } = yield* serving
      const client = HttpClient.withScope(chain.pipe(ClientChain.over(yield* HttpClient.HttpClient)))
      const held = yield* scoped(client.get(`${url}/large`))
      assert.lengthOf(yield* held.text, 1024 * 1024)
    }).pipe(Effect.provide(transport), scoped)
  )

  it.live("a body that its reader leaves closes its connection without a scope", () =>
    Effect.gen(function* () {
      const { aborted, url } = yield* serving
      const client = chain.pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const { stream } = yield* client.get(`${url}/endless`)
      yield* Stream.runDrain(Stream.take(stream, 1))
      yield* aborted("/endless")
      assert.strictEqual(yield* Effect.flatMap(client.get(`${url}/next`), ({ text }) => text), "GET ")
    }).pipe(Effect.provide(transport), scoped)
  )
})
