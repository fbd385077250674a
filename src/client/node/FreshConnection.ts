/**
 * The mark on a request that must not go over an open connection.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "effect/http/HttpClientRequest"

/** The header that carries the mark through handlers; the transport takes it away. Internal to the client part. */
export const freshMark = "fairlead-connection"

/**
 * Marks a request so that the transport of this entry point opens a connection for it and closes that afterwards: after a 421, or where an old connection is not
 * trusted. Other transports would send the mark as a header.
 *
 * **Example** (The retry after 421)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { retry } from "fairlead/client/handlers"
 * import { NodeTransport } from "fairlead/client/node"
 *
 * const chain = ClientChain.make("api").use(retry({ newConnection: NodeTransport.freshConnection }))
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const freshConnection = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.setHeader(request, freshMark, "fresh")
