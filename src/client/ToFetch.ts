/**
 * A client as a `fetch`, for libraries that take one.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Stream from "effect/Stream"

import { CacheMode } from "./CacheMode.ts"
import type { Response as ClientResponse } from "./Decision.ts"
import * as RawHeaders from "./RawHeaders.ts"

const bodiless = new Set([204, 205, 304])

const webResponseOf = (response: ClientResponse): Response => {
  const pairs = RawHeaders.of(response)
  const headers: Array<[string, string]> =
    pairs._tag === "Some"
      ? pairs.value.map(([name, value]): [string, string] => [name, value])
      : Object.entries(response.headers).map(([name, value]): [string, string] => [name, value])
  const hasBody = !bodiless.has(response.status) && response.request.method !== "HEAD"
  const body = hasBody
    ? Stream.toReadableStream(
        Stream.catchIf(
          response.stream,
          (error) => error.reason._tag === "EmptyBodyError",
          () => Stream.empty
        )
      )
    : null
  return new Response(body, { status: response.status, headers })
}

/**
 * A function like `fetch` that sends by the client: the way for a library that takes a `fetch` to go through a chain. An error of the client rejects the promise, and a
 * signal of the caller interrupts the call.
 *
 * **Example** (A library that takes a fetch)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpClient } from "effect/http"
 * import { ClientChain } from "fairlead/client"
 * import { retry } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("library").use(retry())
 *
 * export const fetchOf = Effect.map(HttpClient.HttpClient, (client) => ClientChain.toFetch(ClientChain.over(chain, client)))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const toFetch =
  <E>(
    client: HttpClient.HttpClient.With<E>
  ): ((input: string | URL | Request, init?: RequestInit) => Promise<Response>) =>
  // As with `fetch`, an invalid URL rejects too.
  async (input, init) => {
    const request = new Request(input, init)
    const sent = client
      .execute(HttpClientRequest.fromWeb(request))
      .pipe(Effect.provideService(CacheMode, request.cache))
    return Effect.runPromise(Effect.map(sent, webResponseOf), { signal: request.signal })
  }
