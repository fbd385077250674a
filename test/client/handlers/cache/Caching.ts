/**
 * A cached client over a scripted origin, for the tests of the cache.
 */
import { Effect } from "effect"
import type { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { HttpClientRequest as Requests } from "effect/http"
import { ClientChain } from "fairlead/client"
import { cache, CacheMode } from "fairlead/client/handlers"
import type { CacheOptions } from "fairlead/client/handlers"

import { wireOf } from "../Wire.ts"

type Asked = HttpClientRequest.HttpClientRequest

/** What the origin answers: a status, fields and a body. */
export interface Scripted {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>> | ReadonlyArray<readonly [string, string]>
  readonly body?: BodyInit | null
}

export const url = "https://api.com/a"

/** The date of the test clock, as HTTP writes it. */
export const httpDate = (seconds: number): string => new Date(seconds * 1000).toUTCString()

const responseOf = ({ body = "body", headers = {}, status = 200 }: Scripted): Response => {
  const pairs = Array.isArray(headers) ? headers : Object.entries(headers)
  return new Response([204, 304].includes(status) ? null : body, {
    status,
    headers: pairs.map(([name, value]): [string, string] => [name, value])
  })
}

/** A client with a cache over an origin. */
export const cached = (
  answer: (request: Asked, count: number) => Scripted | Effect.Effect<Scripted>,
  options: CacheOptions = {}
) => {
  let count = 0
  const wire = wireOf((request) => {
    const answered = answer(request, ++count)
    return Effect.isEffect(answered) ? Effect.map(answered, responseOf) : responseOf(answered)
  })
  const client = ClientChain.over(ClientChain.make("c").use(cache(options)), wire.client)
  return { ...wire, client, count: () => count }
}

interface Call {
  readonly method?: "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "QUERY"
  readonly url?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly mode?: (typeof CacheMode)["Service"]
  readonly body?: string
}

/** What the client got. */
export interface Got {
  readonly status: number
  readonly text: string
  readonly headers: HttpClientResponse.HttpClientResponse["headers"]
}

/** Calls, and reads the whole body. */
export const call = <E>(
  client: HttpClient.HttpClient.With<E>,
  { body, headers = {}, method = "GET", mode = "default", url: target = url }: Call = {}
): Effect.Effect<Got, unknown> => {
  const plain = Requests.make(method as "GET")(target, { headers })
  const request = body === undefined ? plain : Requests.bodyText(plain, body)
  return Effect.flatMap(client.execute(request), (response) =>
    Effect.map(response.text, (text) => ({ status: response.status, text, headers: response.headers }))
  ).pipe(Effect.provideService(CacheMode, mode))
}

/** How the cache answered: `hit`, or the reason why the network did. */
export const outcome = ({ headers }: Got): string => {
  const parts = (headers["cache-status"] ?? "").split("; ")
  return parts.includes("hit") ? "hit" : (parts.find((part) => part.startsWith("fwd="))?.slice(4) ?? "none")
}

/** A resource with this tag, which answers conditional requests. */
export const tagged =
  (etag: string, headers: Readonly<Record<string, string>>, update: Readonly<Record<string, string>> = {}) =>
  (request: { readonly headers: Readonly<Record<string, string | undefined>> }): Scripted =>
    request.headers["if-none-match"] === undefined
      ? { headers: { etag, ...headers } }
      : { status: 304, headers: { etag, ...update } }

/** A minute of freshness. */
export const fresh = { "cache-control": "max-age=60" } as const
