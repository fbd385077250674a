/**
 * Lets equal requests that are under way at the same time share one exchange.
 *
 * 1. Only GET and HEAD without a body. Requests are equal when their method, their URL with its query as it stands, and all their headers are: so credentials are in
 *    it, and whatever a server may vary its response by. Headers that never change a response can be left out by name.
 * 2. The first one goes on, in a fiber of its own with what its caller has in its context; the others wait for what comes of it, a response, a failure or a defect. A
 *    caller that leaves cancels nothing for the others; when the last one leaves, the exchange is interrupted.
 * 3. Each caller gets a copy of the whole body, which is therefore read before the response is given; one that breaks off breaks off for all. A body beyond `maxBytes`
 *    is let go, and each caller then sends a request of its own.
 * 4. Nothing is kept: a request that comes when the shared body has been read is sent anew. Keeping is what a cache is for.
 *
 * Order: inside of what sets headers, as cookies and auth do, and inside of retry, but outside of `hedge`, whose attempts are equal; what is declared later runs once for all. Works over any `HttpClient`. Make one
 * for each chain: what is under way in one is not what another would have sent.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

import * as ClientHandler from "../ClientHandler.ts"
import { inheritHeaders } from "../RawHeaders.ts"
import { withBody } from "../ResponseBody.ts"

/**
 * Options of `dedupe`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Headers that do not tell requests apart, such as `traceparent`. Default: none. */
  readonly ignoreHeaders?: ReadonlyArray<string>
  /** The largest body that is shared, in bytes. Default: 1 MiB, 1048576. */
  readonly maxBytes?: number
}

/** What the waiting callers get; `undefined` when the body was too large. */
type Taken = (() => ClientHandler.Response) | undefined

interface Flight {
  readonly fiber: Fiber.Fiber<Taken, unknown>
  waiting: number
}

/** What makes requests equal; `undefined` for one that is not shared. */
const keyOf = (request: ClientHandler.Request, ignored: ReadonlySet<string>): string | undefined => {
  const { body, headers, method } = request
  // What is handed over with an upgrade is a connection, which has one owner.
  if ((method !== "GET" && method !== "HEAD") || body._tag !== "Empty" || "upgrade" in headers) return undefined
  const lines = Object.entries(headers)
    .filter(([name]) => !ignored.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Option.match(HttpClientRequest.toUrl(request), {
    onNone: () => undefined,
    onSome: (url) => JSON.stringify([method, url.href.split("#", 1)[0], lines])
  })
}

/**
 * Lets equal requests that are under way at the same time share one exchange.
 *
 * **Example** (Behind a retry, before the network)
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
export const dedupe = ({ ignoreHeaders = [], maxBytes = 1024 * 1024 }: Options = {}): ClientHandler.ClientHandler => {
  const flights = new Map<string, Flight>()
  const ignored = new Set(ignoreHeaders.map((name) => name.toLowerCase()))
  const end = (key: string, flight: Flight): void => {
    if (flights.get(key) === flight) flights.delete(key)
  }

  const join = (key: string, exchange: ClientHandler.Exchange): Effect.Effect<Flight> =>
    Effect.suspend(() => {
      const present = flights.get(key)
      if (present !== undefined) {
        present.waiting++
        return Effect.succeed(present)
      }
      const work = Effect.interruptible(take(exchange, maxBytes))
      return Effect.map(Effect.forkDetach(work), (fiber) => {
        const flight = { fiber, waiting: 1 }
        flights.set(key, flight)
        fiber.addObserver(() => end(key, flight))
        return flight
      })
    })

  const leave = (key: string, flight: Flight): Effect.Effect<void> =>
    Effect.suspend(() => {
      flight.waiting--
      if (flight.waiting > 0) return Effect.void
      // Whoever comes from here on must not wait for what is being interrupted.
      end(key, flight)
      return Fiber.interrupt(flight.fiber)
    })

  return ClientHandler.make("dedupe", {
    run: (exchange) => {
      const key = keyOf(exchange.request, ignored)
      if (key === undefined) return undefined
      return Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(join(key, exchange), (flight) =>
          Effect.onExit(restore(Fiber.await(flight.fiber)), () => leave(key, flight))
        )
      ).pipe(Effect.flatMap(landed))
    }
  })
}

// What it fails with is raised by the handlers declared later and by the transport: the chain's type has it from them.
const landed = (exit: Exit.Exit<Taken, unknown>): Effect.Effect<ClientHandler.Halt | undefined> =>
  Exit.isSuccess(exit)
    ? Effect.succeed(exit.value === undefined ? undefined : ClientHandler.halt(exit.value()))
    : (Exit.failCause(exit.cause) as Exit.Exit<never>)

/** Sends the request to what is declared later, and reads the response. */
const take = ({ inner, request }: ClientHandler.Exchange, maxBytes: number): Effect.Effect<Taken, unknown> =>
  Effect.gen(function* () {
    const response = yield* inner.execute(request)
    const chunks: Array<Uint8Array> = []
    let size = 0
    const read = Stream.runForEachWhile(response.stream, (chunk) =>
      Effect.sync(() => {
        size += chunk.length
        chunks.push(chunk)
        return size <= maxBytes
      })
    )
    const exit = yield* Effect.exit(read)
    if (size > maxBytes) return undefined
    const broken = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
    // The stream of a web response without a body fails, where its text is empty.
    const isWhole = broken === undefined || broken.reason._tag === "EmptyBodyError"
    const end: Stream.Stream<never, HttpClientError.HttpClientError> = isWhole ? Stream.empty : Stream.fail(broken)
    // A caller may write into what it got.
    const copies = Stream.map(Stream.fromIterable(chunks), (chunk) => chunk.slice())
    return () => inheritHeaders(withBody(response, { stream: Stream.concat(copies, end) }), response)
  })
