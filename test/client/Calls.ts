/** Calls that the client's tests make. */
import { Effect } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"

/** A GET request. */
export const get = HttpClientRequest.get("http://a.test/")

/** The text of the response to a request, by the client in the context. */
export const sent = (request: HttpClientRequest.HttpClientRequest | string) =>
  Effect.flatMap(
    HttpClient.execute(typeof request === "string" ? HttpClientRequest.get(request) : request),
    (response) => response.text
  )
