/**
 * Settings of TLS.
 *
 * @since 0.1.0
 */
import type { ConnectionOptions, SecureContextOptions } from "node:tls"

/**
 * Settings of TLS: those of `node:tls`, and whether HTTP/2 is used where a server offers it. Default of `allowH2`: false.
 *
 * @category models
 * @since 0.1.0
 */
export interface TlsOptions
  extends SecureContextOptions, Pick<ConnectionOptions, "servername" | "rejectUnauthorized" | "checkServerIdentity"> {
  readonly allowH2?: boolean
}
