/**
 * The transport of this entry over undici, which `@effect/platform-node` brings. Loaded when the layer is built, so that the entry can be imported without that package.
 *
 * @since 0.1.0
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Undici from "@effect/platform-node/Undici"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Layer from "effect/Layer"

import { redactUrl } from "../../core/heads/RedactedUrl.ts"
import type { Request } from "../Decision.ts"
import { isCausedBy } from "../handlers/Causes.ts"
import type { ErrorDetails } from "../handlers/Causes.ts"
import { connectorOf } from "./Connector.ts"
import type { ConnectorOptions } from "./Connector.ts"
import { dispatch, isPlain } from "./Dispatching.ts"
import { freshMark } from "./FreshConnection.ts"
import { HeadersTooLarge } from "./HeadersTooLarge.ts"
import { observing } from "./ResponseHead.ts"

/** The checked options of the layer. */
export interface TransportSettings extends ConnectorOptions {
  /** Milliseconds. */
  readonly keepAliveTimeout: number
  readonly maxConnectionsPerOrigin: number | undefined
  readonly maxHeaderBytes: number
}

const agentOf = (settings: TransportSettings, fresh: boolean): Undici.Agent => {
  const { keepAliveTimeout, maxConnectionsPerOrigin, maxHeaderBytes } = settings
  // An HTTP/2 connection stays open for further requests, whatever one of them asks for.
  const allowH2 = !fresh && settings.tls.allowH2 === true
  return new Undici.Agent({
    connect: connectorOf({ ...settings, tls: { ...settings.tls, allowH2 } }),
    allowH2,
    keepAliveTimeout,
    maxHeaderSize: maxHeaderBytes,
    ...(maxConnectionsPerOrigin === undefined || fresh ? {} : { connections: maxConnectionsPerOrigin }),
    // Without pipelining undici asks the server to close the connection after each response.
    ...(fresh ? { pipelining: 0 } : {})
  })
}

type Headers = Undici.Dispatcher.DispatchOptions["headers"]

/** The headers without the mark; nothing when they do not have it. */
const withoutMark = (headers: Headers): Headers | undefined => {
  if (headers === null || headers === undefined || Array.isArray(headers) || !(freshMark in headers)) return undefined
  const { [freshMark]: _, ...rest } = headers as Readonly<Record<string, string>>
  return rest
}

const dispatcher = (settings: TransportSettings) =>
  Effect.acquireRelease(
    Effect.sync(() => ({ pooled: agentOf(settings, false), fresh: agentOf(settings, true) })),
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

const headersTooLarge = (request: Request, maxHeaderBytes: number): HttpClientError.HttpClientError =>
  new HttpClientError.HttpClientError({
    reason: new HttpClientError.TransportError({
      request,
      cause: new HeadersTooLarge({ maxHeaderBytes, method: request.method, url: redactUrl(request.url) })
    })
  })

const isHeadersOverflow = ({ code }: ErrorDetails): boolean => code === "UND_ERR_HEADERS_OVERFLOW"

/** An `HttpClient` over undici: plain requests straight over the dispatcher, the others by Effect's client. */
export const undiciLayer = (settings: TransportSettings): Layer.Layer<HttpClient.HttpClient> =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.gen(function* () {
      const dispatcher = yield* NodeHttpClient.Dispatcher
      const other = yield* HttpClient.HttpClient
      const plain = HttpClient.make((request, url, signal, fiber) =>
        dispatch(dispatcher, request, url, signal, fiber.getRef(NodeHttpClient.UndiciOptions))
      )
      const client = HttpClient.makeWith<
        HttpClientError.HttpClientError,
        never,
        HttpClientError.HttpClientError,
        never
      >(
        (requests) => Effect.flatMap(requests, (request) => (isPlain(request) ? plain : other).execute(request)),
        Effect.succeed
      )
      return HttpClient.transform(client, (effect, request) =>
        Effect.mapError(effect, (error) =>
          isCausedBy(error.reason, isHeadersOverflow) ? headersTooLarge(request, settings.maxHeaderBytes) : error
        )
      )
    })
  ).pipe(
    Layer.provide(NodeHttpClient.layerUndiciNoDispatcher),
    Layer.provide(Layer.effect(NodeHttpClient.Dispatcher, dispatcher(settings)))
  )
