/**
 * A transport over undici, for what a handler above an `HttpClient` cannot see.
 *
 * 1. *Guarded connections*: with a `guard`, each address that a name resolves to is checked where the connection is made; `blockedBy` finds the reason in the
 *    failure. The environment's proxies are not used, since a proxy would resolve the name by itself.
 * 2. *Connect timeout*, apart from the time that the answer takes. It covers the lookup, the connection and TLS.
 * 3. *Raw headers*: `rawHeaders` gives the pairs as they came, `informational` the 1xx responses before the final one.
 * 4. *A fresh connection on request*, by `freshConnection`: over HTTP/1.1, and closed behind the response.
 * 5. *HTTP/2* where the server offers it over TLS, which gives header names in lower case; `tls: { allowH2: false }` keeps to HTTP/1.1.
 *
 * Redirects are not followed: the `redirect` handler does that, past every guard. Where it works: Node.
 *
 * @since 0.1.0
 */
import type { LookupFunction } from "node:net"

import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"

import { SsrfBlocked } from "../handlers/SsrfGuard.ts"
import type { Policy } from "../handlers/SsrfGuard.ts"
import { freshMark } from "./FreshConnection.ts"
import { guardedConnector } from "./GuardedConnector.ts"
import { observing } from "./ResponseHead.ts"

/**
 * Options of the transport.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** What may be connected to; give `ssrfGuard` the same policy. Default: anything. */
  readonly guard?: Policy
  /** How long a connection may take to be there; undici's clock for it is coarse, and may be up to a second late. Default: 10 seconds. */
  readonly connectTimeout?: Duration.Input
  /** How many connections one origin may have. Default: as many as are needed. */
  readonly connections?: number
  /** How long an unused connection stays open. Default: 4 seconds. */
  readonly keepAlive?: Duration.Input
  /** Resolves names. Default: `dns.lookup`. */
  readonly lookup?: LookupFunction
  /** Settings of TLS: `ca`, `cert`, `key`, `servername`, `rejectUnauthorized`, `allowH2`. Default: those of Node, and HTTP/2 where it is offered. */
  readonly tls?: Undici.buildConnector.BuildOptions
}

const agentOf = (options: Options, fresh: boolean): Undici.Agent =>
  new Undici.Agent({
    connect: guardedConnector({
      guard: options.guard,
      connectTimeout: Duration.toMillis(options.connectTimeout ?? "10 seconds"),
      lookup: options.lookup,
      // An HTTP/2 connection stays open for further requests, whatever one of them asks for.
      tls: fresh ? { ...options.tls, allowH2: false } : (options.tls ?? {})
    }),
    keepAliveTimeout: Duration.toMillis(options.keepAlive ?? "4 seconds"),
    ...(options.connections === undefined || fresh ? {} : { connections: options.connections }),
    // Without pipelining undici asks the server to close the connection behind each response.
    ...(fresh ? { pipelining: 0, allowH2: false } : {})
  })

type Headers = Undici.Dispatcher.DispatchOptions["headers"]

/** The headers without the mark; nothing when they do not have it. */
const withoutMark = (headers: Headers): Headers | undefined => {
  if (headers === null || headers === undefined || Array.isArray(headers) || !(freshMark in headers)) return undefined
  const { [freshMark]: _, ...rest } = headers as Readonly<Record<string, string>>
  return rest
}

const dispatcher = (options: Options) =>
  Effect.acquireRelease(
    Effect.sync(() => ({ pooled: agentOf(options, false), fresh: agentOf(options, true) })),
    ({ fresh, pooled }) => Effect.promise(() => Promise.all([pooled.destroy(), fresh.destroy()]))
  ).pipe(
    Effect.map(({ fresh, pooled }) =>
      // The last is the outermost: both agents' responses are observed.
      pooled.compose(
        (dispatch) => (request, handler) => {
          const headers = withoutMark(request.headers)
          return headers === undefined ? dispatch(request, handler) : fresh.dispatch({ ...request, headers }, handler)
        },
        observing
      )
    )
  )

/**
 * An `HttpClient` over undici.
 *
 * **Example** (Fetching what users link to)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { policy, redirect, ssrfGuard } from "fairlead/client/handlers"
 * import { NodeTransport } from "fairlead/client/node"
 *
 * const guard = policy()
 * const client = ClientChain.make("links").use(redirect()).use(ssrfGuard(guard))
 * const transport = NodeTransport.layer({ guard, connectTimeout: "3 seconds" })
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<HttpClient.HttpClient> =>
  NodeHttpClient.layerUndiciNoDispatcher.pipe(
    Layer.provide(Layer.effect(NodeHttpClient.Dispatcher, dispatcher(options)))
  )

/**
 * Why the guard refused the connection of a failed request, when it did.
 *
 * @category accessors
 * @since 0.1.0
 */
export const blockedBy = (error: unknown): SsrfBlocked | undefined => {
  const cause = HttpClientError.isHttpClientError(error) ? error.reason.cause : undefined
  return cause instanceof SsrfBlocked ? cause : undefined
}

/**
 * Whether a request failed because its connection was not there in time.
 *
 * @category accessors
 * @since 0.1.0
 */
export const isConnectTimeout = (error: unknown): boolean =>
  HttpClientError.isHttpClientError(error) && error.reason.cause instanceof Undici.errors.ConnectTimeoutError
