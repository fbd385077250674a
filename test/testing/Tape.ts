/** What the tests of cassettes share: a store whose text can be seen, and one chain over a scripted network. */
import { Effect } from "effect"
import { HttpClientRequest } from "effect/http"
import type { HttpClient, HttpClientError } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { ClientChain } from "fairlead/client"
import { TestClient } from "fairlead/testing/client"

export const rooms = "https://api.test/rooms"

/** Runs `use` with a client that has the cassette `tape`, as one run of a program. */
export const session = <A, E, R>(
  options: TestClient.CassetteOptions,
  network: TestClient.TestClient,
  use: (client: Client) => Effect.Effect<A, E, R>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const recorder = yield* TestClient.cassette("tape", options)
      return yield* use(ClientChain.make("test").use(recorder).pipe(ClientChain.over(network.client)))
    })
  )

export type Client = HttpClient.HttpClient.With<TestClient.CassetteError | HttpClientError.HttpClientError>

/** The cassette's text, and as JSON. */
export const written = Effect.gen(function* () {
  const store = yield* KeyValueStore.KeyValueStore
  const text = (yield* store.get("tape.json")) ?? ""
  return { text, json: text === "" ? undefined : (JSON.parse(text) as { readonly interactions: ReadonlyArray<any> }) }
})

export const text = (client: Client, request: HttpClientRequest.HttpClientRequest | string) =>
  Effect.flatMap(
    client.execute(typeof request === "string" ? HttpClientRequest.get(request) : request),
    ({ text }) => text
  )

/** A network that nothing may reach. */
export const noNetwork = TestClient.make()
