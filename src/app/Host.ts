/**
 * The host of one listener: it serves the requests of an application. Internal to the app part.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as NetAddress from "effect/net/NetAddress"

/** A handler of requests without hooks. Internal to the app part. */
export type Handler = Effect.Effect<HttpServerResponse.HttpServerResponse, unknown>

/** The handler for requests before the end of liftoff, and those requests, as `GET /live`. Internal to the app part. */
export interface Early {
  readonly handler: Handler
  readonly requests: ReadonlySet<string>
}

/** The host of one listener: it serves the requests of an application. Internal to the app part. */
export interface Host {
  readonly address: NetAddress.SocketAddress
  /** Puts the handler in place. Requests wait until `open`, save those with an early answer. */
  readonly serve: (handler: Handler, early?: Early) => Effect.Effect<void>
  readonly open: Effect.Effect<void>
  /** From now on each answer closes its connection. */
  readonly closing: Effect.Effect<void>
  /** Takes no new connections, and closes idle ones. */
  readonly refuse: Effect.Effect<void>
  /** Ends when no request is in flight, and nothing that a request has acquired is left to release. It is awaited once there is nothing else to wait for. */
  readonly idle: Effect.Effect<void>
  /** Interrupts every request in flight, and returns those whose answer is cut by it. */
  readonly interrupt: Effect.Effect<ReadonlyArray<string>>
  /** Destroys every socket, and returns what was still open on them. */
  readonly destroy: Effect.Effect<ReadonlyArray<string>>
  /** The open requests and upgraded connections. */
  readonly pending: () => ReadonlyArray<string>
}

/** The title of a request in logs: without its query, which may hold secrets. Internal to the app part. */
export const titleOf = (method: string | undefined, url: string | undefined): string =>
  `${method ?? "GET"} ${(url ?? "/").replace(/[?#].*$/s, "")}`
