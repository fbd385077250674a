/**
 * A network in memory for handlers: a function from web `Request` to web `Response`, and what was asked of it.
 */
import { Effect } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import type { HttpClientRequest } from "effect/http"

/** A client whose answers are made by `answer`. */
export const wireOf = (
  answer: (request: HttpClientRequest.HttpClientRequest, url: URL) => Response | Effect.Effect<Response>
) => {
  const asked: Array<HttpClientRequest.HttpClientRequest> = []
  const client = HttpClient.make((request, url) => {
    asked.push(request)
    const given = answer(request, url)
    return Effect.map(given instanceof Response ? Effect.succeed(given) : given, (response) =>
      HttpClientResponse.fromWeb(request, response)
    )
  })
  const sent = (header: string): ReadonlyArray<string | undefined> => asked.map(({ headers }) => headers[header])
  return { client, asked, sent }
}
