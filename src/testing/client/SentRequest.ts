/**
 * A request as it went over the network: resolved, with its whole body. Internal to the testing kit.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Headers from "effect/http/Headers"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/**
 * A request as the network saw it.
 *
 * @category models
 * @since 0.1.0
 */
export interface SentRequest {
  readonly method: string
  /** With the query, without the fragment. */
  readonly url: string
  readonly headers: Headers.Headers
  /** The whole body. A form has the boundary `fairlead-form`, so that equal forms have equal bodies. */
  readonly body: Uint8Array
}

/** Reads the request to its end. A stream body is spent by that. */
export const sentOf = (
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<SentRequest, HttpClientError.HttpClientError> =>
  Effect.map(bodyOf(request), (body) => {
    const { headers, method } = request
    return { method, url: urlOf(request), headers, body }
  })

/** The URL with its query, and without the fragment, which is never sent. */
export const urlOf = (request: HttpClientRequest.HttpClientRequest): string =>
  Option.match(HttpClientRequest.toUrl(request), {
    onNone: () => request.url,
    onSome: (url) => {
      url.hash = ""
      return url.href
    }
  })

const bodyOf = (
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Uint8Array, HttpClientError.HttpClientError> => {
  const { body } = request
  const unreadable = (cause: unknown) =>
    new HttpClientError.HttpClientError({ reason: new HttpClientError.EncodeError({ request, cause }) })
  if (body._tag === "Empty") return Effect.succeed(new Uint8Array())
  if (body._tag === "Uint8Array") return Effect.succeed(body.body)
  if (body._tag === "FormData") return Effect.promise(() => formBytes(body.formData))
  if (body._tag === "Stream") return Effect.map(Effect.mapError(Stream.runCollect(body.stream), unreadable), joined)
  return Effect.tryPromise({
    try: async () => new Uint8Array(await new globalThis.Response(body.body as BodyInit).arrayBuffer()),
    catch: unreadable
  })
}

/** The chunks as one. */
export const joined = (chunks: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

// A platform's own encoding has a random boundary.
const formBytes = async (form: FormData): Promise<Uint8Array> => {
  const encoder = new TextEncoder()
  const chunks: Array<Uint8Array> = []
  for (const [name, value] of form) {
    const file = typeof value === "string" ? "" : `; filename=${JSON.stringify(value.name)}`
    const type = typeof value === "string" || value.type === "" ? "" : `content-type: ${value.type}\r\n`
    const head = `--fairlead-form\r\ncontent-disposition: form-data; name=${JSON.stringify(name)}${file}\r\n${type}\r\n`
    const content = typeof value === "string" ? encoder.encode(value) : new Uint8Array(await value.arrayBuffer())
    chunks.push(encoder.encode(head), content, encoder.encode("\r\n"))
  }
  return joined([...chunks, encoder.encode("--fairlead-form--\r\n")])
}

// A response with such a status has no body, and the platform refuses one.
const bodiless = new Set([204, 205, 304])

/** A web `Response` of header lines, of which several may have one name. */
export const webResponse = (
  status: number,
  headers: ReadonlyArray<readonly [string, string]>,
  body: ReadableStream<Uint8Array>
): globalThis.Response => {
  const lines = new globalThis.Headers()
  for (const [name, value] of headers) lines.append(name, value)
  const content = bodiless.has(status) ? null : (body as ReadableStream<Uint8Array<ArrayBuffer>>)
  return new globalThis.Response(content, { status, headers: lines })
}
