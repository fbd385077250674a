/**
 * The HTTP side of a socket: what is asked of a request before it becomes one, in Phoenix's order: origin, token, subprotocol, version, handlers, upgrade.
 * Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Headers from "effect/http/Headers"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

import { Refused } from "./ChannelHandler.ts"
import type { Connect } from "./ChannelSocket.ts"
import type { Hub } from "./engine/Hub.ts"
import { serve } from "./engine/Socket.ts"
import type { Options } from "./Mount.ts"
import * as Origin from "./Origin.ts"
import { NotUpgradable } from "./Upgrade.ts"
import type { Upgrade } from "./Upgrade.ts"
import { negotiate } from "./wire/Message.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

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

/** Reads `Sec-WebSocket-Protocol`: a token beside the protocol's name, or in its place, is for the server alone. Of several tokens none is believed. */
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

interface Query {
  readonly params: ReadonlyMap<string, string>
  readonly vsn: string | undefined
}

// Most sockets have no parameters, and all of them can do with one map.
const noParams: ReadonlyMap<string, string> = new Map()

const queryOf = (url: string): Query => {
  const start = url.indexOf("?")
  const params = new Map(start === -1 ? [] : new URLSearchParams(url.slice(start + 1)))
  const vsn = params.get("vsn")
  params.delete("vsn")
  return { params: params.size === 0 ? noParams : params, vsn }
}

/** The answer to a connect that is refused. */
export const refusal = (error: unknown): Effect.Effect<Response> => {
  if (error instanceof Refused) {
    const { reason, status = 403, tell = false } = error
    return Effect.succeed(tell ? HttpServerResponse.text(reason, { status }) : HttpServerResponse.empty({ status }))
  }
  if (error instanceof NotUpgradable) return Effect.succeed(HttpServerResponse.text(error.message, { status: 400 }))
  return HttpServerRespondable.toResponseOrElse(error, HttpServerResponse.empty({ status: 403 }))
}

// A socket that was has no response: nobody gets this one.
const over = HttpServerResponse.empty()

/** Makes the handler of the path where sockets connect. It ends when the socket does. */
export const make = (
  hub: Hub,
  { authToken = false, maxFrame = defaultMaxFrame, origin = "host" }: Options,
  upgrade: Upgrade
): ((request: Request) => Effect.Effect<Response>) => {
  const allowed = Origin.check(origin)
  const forbidden = HttpServerResponse.empty({ status: 403 })
  return (request) => {
    const { remoteAddress, url } = request
    if (request.method !== "GET") return refusal(new NotUpgradable({ description: "A WebSocket handshake is a GET" }))
    if (hub.closed) return Effect.succeed(HttpServerResponse.empty({ status: 503 }))
    const { host, origin } = request.headers
    if (!allowed(origin, host, request.protocol === "https")) return Effect.succeed(forbidden)
    const { headers, protocol, supported, token } = subprotocols(request.headers, authToken)
    if (!supported) return Effect.succeed(forbidden)
    const { params, vsn } = queryOf(url)
    const wire = negotiate(vsn)
    if (wire === undefined) return Effect.succeed(forbidden)
    const connect: Connect = {
      transport: "websocket",
      params,
      headers,
      token: token === undefined ? undefined : Redacted.make(token),
      remoteAddress: Option.getOrUndefined(remoteAddress)
    }
    return serve(hub, wire, connect, (open) => upgrade(request, { maxFrame, protocol }, open)).pipe(
      Effect.as(over),
      Effect.catch(refusal)
    )
  }
}
