/**
 * Sends equal concurrent requests once, and shares the exchange among their callers.
 *
 * 1. Only GET and HEAD without a body. Requests are equal when their method, their URL with its unchanged query, and all their headers are: so credentials are in
 *    it, and whatever a server may vary its response by. Headers that never change a response can be left out by name.
 * 2. The first one goes on, in a separate fiber with its caller's context; the others wait for its response, failure or defect. A
 *    caller that leaves cancels nothing for the others; when the last one leaves, the exchange is interrupted.
 * 3. Each caller gets a copy of the whole body, which is therefore read before the response returns; one that breaks off breaks off for all. A body beyond `maxBytes`
 *    is released, and each caller then sends a separate request.
 * 4. Nothing is kept: a request after the shared body has been read is sent again. Use a cache to keep responses.
 *
 * Order: inside of handlers that set headers, as cookies and auth do, and inside of retry, but outside of `hedge`, whose attempts are equal; the later handlers run once for all. Works over any `HttpClient`. Each client
 * has its own: callers of different clients never share an exchange.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Stream from "effect/Stream"

import * as Held from "../../core/Held.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { executeInner } from "../ExchangeView.ts"
import { inheritHeaders } from "../HeaderLines.ts"
import { isOnePiece, withBody, withBytes } from "../ResponseBody.ts"
import { urlOf } from "./RequestUrl.ts"

/**
 * Options of `dedupe`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DedupeOptions {
  /** The handler's name. Default: `dedupe`. */
  readonly name?: string
  /** Headers that do not distinguish requests, such as `traceparent`. Default: none. */
  readonly ignoreHeaders?: ReadonlyArray<string>
  /** The largest shared body, such as `"64 KiB"`. Default: 1 MiB, 1048576. */
  readonly maxBytes?: ByteSize.Input
}

/** The response for each waiting caller; `undefined` when the body was too large. */
type Shared = (() => ClientHandler.Response) | undefined

/** The key by which requests are equal; `undefined` for a request without sharing. */
const keyOf = (request: ClientHandler.Request, ignored: ReadonlySet<string>): string | undefined => {
  const { body, headers, method } = request
  // An upgrade hands over a connection, which has one owner.
  if ((method !== "GET" && method !== "HEAD") || body._tag !== "Empty" || "upgrade" in headers) return undefined
  const href = urlOf(request)?.href
  if (href === undefined) return undefined
  const hash = href.indexOf("#")
  let key = `${method} ${hash === -1 ? href : href.slice(0, hash)}`
  // Lengths keep a value from passing for two headers.
  for (const name of Object.keys(headers).toSorted()) {
    if (!ignored.has(name)) key += `\n${name.length} ${headers[name]!.length} ${name}${headers[name]!}`
  }
  return key
}

/**
 * Sends equal concurrent requests once, and shares the exchange among their callers.
 *
 * **Example** (After a retry, before the network)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { dedupe, retry } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api")
 *   .use(retry())
 *   .use(dedupe({ ignoreHeaders: ["traceparent", "x-request-id"] }))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const dedupe = (options: DedupeOptions = {}): ClientHandler.ClientHandler => {
  const name = nameOr("dedupe", options.name)
  const maxBytes = options.maxBytes === undefined ? 1024 * 1024 : checkOptions(name).bytes("maxBytes", options.maxBytes)
  const ignored = new Set(options.ignoreHeaders?.map((header) => header.toLowerCase()))
  return ClientHandler.make(name, () => {
    const flights = new Held.Flights<string, Shared, unknown>({ startImmediately: true })
    return {
      run: (exchange) => {
        const key = keyOf(exchange.request, ignored)
        return key === undefined
          ? undefined
          : Effect.flatMap(Effect.exit(flights.join(key, take(exchange, maxBytes))), landed)
      }
    }
  })
}

// Its failures are errors of the handlers declared later and of the transport: the chain's type has them from there.
const landed = (exit: Exit.Exit<Shared, unknown>): Effect.Effect<ClientHandler.Halt | undefined> =>
  Exit.isSuccess(exit)
    ? Effect.succeed(exit.value === undefined ? undefined : ClientHandler.halt(exit.value()))
    : (Exit.failCause(exit.cause) as Exit.Exit<never>)

/** Sends the request to the later handlers, and reads the response. */
const take = (exchange: ClientHandler.Exchange, maxBytes: number): Effect.Effect<Shared, unknown> =>
  Effect.flatMap(executeInner(exchange, exchange.request), (response) =>
    isOnePiece(response.headers, maxBytes)
      ? Effect.map(
          Effect.exit(response.arrayBuffer),
          (exit) => () => inheritHeaders(withBytes(response, exit), response)
        )
      : takePieces(response, maxBytes)
  )

const takePieces = (response: ClientHandler.Response, maxBytes: number): Effect.Effect<Shared> => {
  const chunks: Array<Uint8Array> = []
  let size = 0
  const read = Stream.runForEachWhile(response.stream, (chunk) =>
    Effect.sync(() => {
      size += chunk.length
      chunks.push(chunk)
      return size <= maxBytes
    })
  )
  return Effect.map(Effect.exit(read), (exit) => {
    if (size > maxBytes) return undefined
    const broken = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
    // The stream of a web response without a body fails, where its text is empty.
    const isWhole = broken === undefined || broken.reason._tag === "EmptyBodyError"
    const end: Stream.Stream<never, HttpClientError.HttpClientError> = isWhole ? Stream.empty : Stream.fail(broken)
    // A caller may write into what it got.
    const copies = Stream.map(Stream.fromIterable(chunks), (chunk) => chunk.slice())
    return () => inheritHeaders(withBody(response, { stream: Stream.concat(copies, end) }), response)
  })
}
