/**
 * What stands behind an error: transports wrap what the system and TLS tell them, each in its own way. Internal to the client part.
 *
 * @since 0.1.0
 */

/** What errors of systems, of TLS and of Effect have, as far as it tells them apart. */
export interface Told {
  readonly _tag?: unknown
  readonly code?: unknown
  readonly syscall?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/** Whether an error, or one of those that caused it, is such a one. A chain of more than 8 is not looked through, as it may be a circle. */
export const isCausedBy = (error: unknown, isSuch: (error: Told) => boolean, depth = 0): boolean => {
  if (typeof error !== "object" || error === null || depth > 8) return false
  const told: Told = error
  if (isSuch(told)) return true
  // One host may have several addresses, each of which failed.
  const several: ReadonlyArray<unknown> = Array.isArray(told.errors) ? told.errors : []
  return [told.cause, ...several].some((inner) => isCausedBy(inner, isSuch, depth + 1))
}

/**
 * Codes of OpenSSL and of Node by which a certificate was refused. Not among them: `OUT_OF_MEM`, which is no matter of the certificate, and what says that a list of
 * revoked ones is not at hand or too old, since that is renewed by itself.
 */
const ofCertificates = new Set<unknown>([
  "CERT_CHAIN_TOO_LONG",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REJECTED",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "ERROR_IN_CERT_NOT_AFTER_FIELD",
  "ERROR_IN_CERT_NOT_BEFORE_FIELD",
  "HOSTNAME_MISMATCH",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
])

/** Whether this side refused the server's certificate. */
export const isOfCertificate = ({ code }: Told): boolean => ofCertificates.has(code)
