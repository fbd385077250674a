/**
 * The connect request of a client over HTTP. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

import type { ConnectRequest } from "./ChannelSocket.ts"
import { nestedOf } from "./Query.ts"

/** The connection of a Node request, as far as it is looked at. */
interface PeerSocket {
  readonly remotePort?: number
  readonly authorized?: boolean
  readonly getPeerCertificate?: () => { readonly raw?: Uint8Array } | undefined
}

const peerOf = ({ source }: HttpServerRequest): PeerSocket => (source as { readonly socket?: PeerSocket }).socket ?? {}

const certificateOf = (peer: PeerSocket): Uint8Array | undefined =>
  peer.authorized === true ? peer.getPeerCertificate?.()?.raw : undefined

/** A connect; members that few programs use are read on demand. */
class HttpConnect implements ConnectRequest {
  readonly transport: "websocket" | "longpoll"
  readonly url: string
  readonly pathParams: ConnectRequest["pathParams"]
  readonly params: ReadonlyMap<string, string>
  readonly headers: ConnectRequest["headers"]
  readonly cookies: ConnectRequest["cookies"]
  readonly token: Redacted.Redacted | undefined
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly peerCertificate: Uint8Array | undefined

  constructor(
    transport: "websocket" | "longpoll",
    request: HttpServerRequest,
    given: Pick<ConnectRequest, "params" | "headers" | "pathParams">,
    token: string | undefined
  ) {
    const peer = peerOf(request)
    this.transport = transport
    this.url = request.originalUrl
    this.pathParams = given.pathParams
    this.params = given.params
    this.headers = given.headers
    this.cookies = request.cookies
    this.token = token === undefined ? undefined : Redacted.make(token)
    this.remoteAddress = Option.getOrUndefined(request.remoteAddress)
    this.remotePort = peer.remotePort
    this.peerCertificate = certificateOf(peer)
  }

  get query() {
    return nestedOf(this.url)
  }
}

/** The connect request of an HTTP request. */
export const connectRequest = (
  transport: "websocket" | "longpoll",
  request: HttpServerRequest,
  given: Pick<ConnectRequest, "params" | "headers" | "pathParams">,
  token: string | undefined
): ConnectRequest => new HttpConnect(transport, request, given, token)
