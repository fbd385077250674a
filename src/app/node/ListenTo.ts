/**
 * Where an application listens on Node.
 *
 * @since 0.1.0
 */
import type { Server } from "node:http"
import type { ListenOptions } from "node:net"

/**
 * The address and the server of a listener.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListenTo extends ListenOptions {
  /** Makes the Node server: for its time-outs, or for TLS. Default: `http.createServer()`. */
  readonly server?: () => Server
}
