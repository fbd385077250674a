/**
 * Between requests and responses and the entries of a cassette. Internal to the testing kit.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"

import * as RawHeaders from "../../client/RawHeaders.ts"
import { bodyEntry, bytesOf, chunksOf, headerEntries, headerPairs } from "./Cassette.ts"
import type { Interaction } from "./Cassette.ts"
import { between, betweenBodies, betweenUrls } from "./Difference.ts"
import type { Difference } from "./Difference.ts"
import type { Redactor } from "./Redaction.ts"
import { joined, urlOf, webResponse } from "./SentRequest.ts"
import type { SentRequest } from "./SentRequest.ts"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
type Pairs = ReadonlyArray<readonly [string, string]>

/** The parts by which two requests are compared, in addition to method and URL. */
export interface CompareOptions {
  /** Default: none. */
  readonly headers?: ReadonlyArray<string>
  /** Default: `true`. */
  readonly body?: boolean
}

/** The request as it is written down. */
export const requestEntry = (
  sent: SentRequest,
  redactor: Redactor,
  secret: ReadonlyArray<string>
): Interaction["request"] => {
  const body = redactor.body(sent.body, sent.headers["content-type"])
  const entry = bodyEntry(body.length === 0 ? [] : [body])
  return {
    method: sent.method,
    url: redactor.url(sent.url, secret),
    headers: headerEntries(redacted(Object.entries(sent.headers), redactor, sent.body, body)),
    ...(entry === undefined ? {} : { body: entry })
  }
}

const redacted = (pairs: Pairs, redactor: Redactor, before: Uint8Array, after: Uint8Array): Pairs =>
  pairs.map(([name, value]) =>
    name === "content-length" && before !== after ? [name, String(after.length)] : [name, redactor.header(name, value)]
  )

/** The differences of a request from a recorded one. */
export const compareEntries = (
  recorded: Interaction["request"],
  request: Interaction["request"],
  { body = true, headers = [] }: CompareOptions
): ReadonlyArray<Difference> => [
  ...between("method", recorded.method, request.method, 4),
  ...betweenUrls(recorded.url, request.url),
  ...headers.flatMap((name) =>
    between(`header ${name}`, lineOf(recorded, name.toLowerCase()), lineOf(request, name.toLowerCase()), 2)
  ),
  ...(body ? betweenBodies(bytesOf(recorded.body), bytesOf(request.body)) : [])
]

const lineOf = ({ headers }: Interaction["request"], name: string): string | undefined => {
  const line = headers[name]
  return line === undefined || typeof line === "string" ? line : line.join(", ")
}

/** A response that was read to its end, its entry, and the same response once more for whoever asked for it. */
export const takeResponse = (
  response: Response,
  redactor: Redactor
): Effect.Effect<{ readonly entry: NonNullable<Interaction["response"]>; readonly again: Response }> =>
  Effect.gen(function* () {
    const { request, status } = response
    const pairs = pairsOf(response)
    const chunks: Array<Uint8Array> = []
    const read = Stream.runForEach(response.stream, (chunk) => Effect.sync(() => chunks.push(chunk)))
    const broken = yield* Effect.match(read, { onSuccess: () => undefined, onFailure: whyBroken })
    const whole = joined(chunks)
    const bytes = redactor.body(whole, response.headers["content-type"])
    const body = bodyEntry(bytes === whole ? chunks : [bytes], broken === undefined ? broken : redactor.text(broken))
    return {
      entry: {
        status,
        ...(response.url === urlOf(request) ? {} : { url: redactor.url(response.url) }),
        headers: headerEntries(redacted(pairs, redactor, whole, bytes)),
        ...(body === undefined ? {} : { body })
      },
      again: respond(request, { status, url: response.url, pairs, chunks, broken })
    }
  })

const whyBroken = ({ message, reason }: HttpClientError.HttpClientError): string | undefined => {
  if (reason._tag === "EmptyBodyError") return undefined
  return "cause" in reason && reason.cause instanceof Error ? reason.cause.message : message
}

const pairsOf = (response: Response): Pairs => [
  ...Object.entries(response.headers).filter(([name]) => name !== "set-cookie"),
  ...RawHeaders.setCookies(response).map((line) => ["set-cookie", line] as const)
]

/** The response of an interaction. */
export const replayed = (
  request: Request,
  { body, headers, status, url = "" }: NonNullable<Interaction["response"]>
): Response =>
  respond(request, { status, url, pairs: headerPairs(headers), chunks: chunksOf(body), broken: body?.broken })

const respond = (
  request: Request,
  given: {
    readonly status: number
    readonly url: string
    readonly pairs: Pairs
    readonly chunks: ReadonlyArray<Uint8Array>
    readonly broken: string | undefined
  }
): Response => {
  let at = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = given.chunks[at++]
        if (chunk !== undefined) controller.enqueue(chunk)
        else if (given.broken === undefined) controller.close()
        else controller.error(new Error(given.broken))
      }
    },
    { highWaterMark: 0 }
  )
  const response = webResponse(given.status, given.pairs, body)
  return HttpClientResponse.fromWeb(request, Object.defineProperty(response, "url", { value: given.url }))
}

/** The entry of a failure of the network; nothing for a failure that the request itself is to blame for. */
export const failureEntry = (error: unknown, redactor: Redactor): NonNullable<Interaction["failure"]> | undefined => {
  if (!HttpClientError.isHttpClientError(error) || error.reason._tag !== "TransportError") return undefined
  const { cause, description } = error.reason
  const { code, message } = behind(cause)
  return {
    ...(description === undefined ? {} : { description: redactor.text(description) }),
    ...(message === undefined ? {} : { cause: redactor.text(message) }),
    ...(code === undefined ? {} : { code })
  }
}

// The platform's fetch reports "fetch failed", and the reason is its cause.
const behind = (cause: unknown): { readonly message?: string; readonly code?: string } => {
  if (cause === undefined) return {}
  if (!(cause instanceof Error)) return { message: typeof cause === "string" ? cause : JSON.stringify(cause) }
  if (cause.cause instanceof Error) return behind(cause.cause)
  return { message: cause.message, ...("code" in cause ? { code: String(cause.code) } : {}) }
}

/** The failure of an interaction. */
export const refail = (
  request: Request,
  { cause, code, description }: NonNullable<Interaction["failure"]>
): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({
      request,
      ...(description === undefined ? {} : { description }),
      ...(cause === undefined ? {} : { cause: Object.assign(new Error(cause), code === undefined ? {} : { code }) })
    })
  })
