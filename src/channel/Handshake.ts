/**
 * The HTTP side of a socket: the checks of a request before it becomes one, in Phoenix's order: origin, token, subprotocol, version, handlers, upgrade.
 * Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Headers from "effect/http/Headers"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"

import { checkOptions } from "../core/Options.ts"
import { Reject } from "../core/Reject.ts"
import { connectRequest } from "./Connecting.ts"
import type { Hub } from "./engine/Hub.ts"
import { serve } from "./engine/Socket.ts"
import type { CompressionOptions, HandshakeOptions } from "./MountOptions.ts"
import * as Origin from "./Origin.ts"
import { queryOf } from "./Query.ts"
import { NotUpgradable } from "./Upgrade.ts"
import type { Upgrade } from "./Upgrade.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse
type PathParams = Readonly<Record<string, string | undefined>>

const defaultMaxFrame = 1024 * 1024

const tokenPrefix = "base64url.bearer.phx."

const header = "sec-websocket-protocol"

interface Subprotocols {
  readonly token: string | undefined
  /** The request's headers, without a token. */
  readonly headers: Headers.Headers
  /** The one to answer. */
  readonly protocol: string | undefined
  readonly supported: boolean
}

/** Reads `Sec-WebSocket-Protocol`: a token next to the protocol's name, or in its place, is for the server alone. Several tokens are all ignored. */
const subprotocols = (headers: Headers.Headers, authToken: boolean): Subprotocols => {
  const field = headers[header]
  const offered = field === undefined ? [] : field.split(",").map((name) => name.trim())
  const carried = authToken ? offered.filter((name) => name.startsWith(tokenPrefix)) : []
  const protocol = offered.find((name) => name === "phoenix")
  const others = offered.filter((name) => !carried.includes(name))
  return {
    headers: carried.length === 0 ? headers : Headers.set(headers, header, others.join(", ")),
    token: carried.length === 1 ? decodeToken(carried[0]!.slice(tokenPrefix.length)) : undefined,
    protocol,
    supported: protocol !== undefined || (others.length === 0 && carried.length < 2)
  }
}

// phoenix.js leaves the padding out.
const decodeToken = (text: string): string | undefined =>
  Result.getOrUndefined(Base64.decodeString(text.padEnd(Math.ceil(text.length / 4) * 4, "=")))

/** The answer to a refused connect. */
export const refusal = (error: unknown): Effect.Effect<Response> => {
  if (error instanceof Reject) {
    const { details, expose, reason, status } = error
    const response = expose ? HttpServerResponse.text(reason, { status }) : HttpServerResponse.empty({ status })
    const millis = details?.["retry_after_ms"]
    return Effect.succeed(
      typeof millis === "number" && millis >= 0
        ? HttpServerResponse.setHeader(response, "retry-after", String(Math.ceil(millis / 1000)))
        : response
    )
  }
  if (error instanceof NotUpgradable) return Effect.succeed(HttpServerResponse.text(error.message, { status: 400 }))
  return HttpServerRespondable.toResponseOrElse(error, HttpServerResponse.empty({ status: 403 }))
}

// After an upgrade there is no HTTP response left to send; this one is for middleware.
const withoutLog = HttpMiddleware.withLoggerDisabled(Effect.succeed(HttpServerResponse.empty()))

const compressionOf = (options: boolean | CompressionOptions) => {
  if (options === false) return undefined
  const { level = 3, threshold = 1024 } = options === true ? {} : options
  const check = checkOptions("ChannelServer.layer")
  if (level > 9) throw check.invalid("compression.level", `${level} is not between 1 and 9`)
  return {
    threshold: check.integer("compression.threshold", threshold),
    level: check.integer("compression.level", level)
  }
}

/** Makes the handler of the path where sockets connect. It ends with the handshake, or where the platform needs it, with the socket. */
export const make = (
  hub: Hub,
  {
    authToken = false,
    compression: compress = false,
    maxFrameBytes: maxFrame = defaultMaxFrame,
    allowedOrigins: origin = "host"
  }: HandshakeOptions,
  upgrade: Upgrade
): ((request: Request, pathParams?: PathParams) => Effect.Effect<Response>) => {
  const allowed = Origin.check(origin)
  const compression = compressionOf(compress)
  const forbidden = HttpServerResponse.empty({ status: 403 })
  return (request, pathParams = {}) => {
    if (request.method !== "GET") return refusal(new NotUpgradable({ description: "A WebSocket handshake is a GET" }))
    if (hub.closed) return Effect.succeed(HttpServerResponse.empty({ status: 503 }))
    const { host, origin } = request.headers
    if (!allowed(origin, host, request.protocol === "https")) return Effect.succeed(forbidden)
    const { headers, protocol, supported, token } = subprotocols(request.headers, authToken)
    if (!supported) return Effect.succeed(forbidden)
    const { params, vsn } = queryOf(request.url)
    const wire = hub.negotiate(vsn)
    if (wire === undefined) return Effect.succeed(forbidden)
    const connect = connectRequest("websocket", request, { params, headers, pathParams }, token)
    return serve(hub, wire, connect, (open) => upgrade(request, { maxFrame, protocol, compression }, open)).pipe(
      // The end of a socket is no response: `serve` writes its line, at Debug.
      Effect.andThen(Effect.provideService(withoutLog, HttpServerRequest.HttpServerRequest, request)),
      Effect.catch(refusal)
    )
  }
}
