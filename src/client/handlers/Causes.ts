/**
 * The causes of an error: each transport wraps the errors of the system and of TLS in its own way. Internal to the client part.
 *
 * @since 0.1.0
 */

/** The members that distinguish errors of the system, of TLS and of Effect. */
export interface ErrorDetails {
  readonly _tag?: unknown
  readonly code?: unknown
  readonly syscall?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/** Whether the error or anything in its cause chain matches. At most 8 causes are looked at, since a chain may be a circle. */
export const isCausedBy = (error: unknown, matches: (error: ErrorDetails) => boolean, depth = 0): boolean => {
  if (typeof error !== "object" || error === null || depth > 8) return false
  const details: ErrorDetails = error
  if (matches(details)) return true
  // One host may have several addresses, each of which failed.
  const several: ReadonlyArray<unknown> = Array.isArray(details.errors) ? details.errors : []
  return [details.cause, ...several].some((inner) => isCausedBy(inner, matches, depth + 1))
}

/**
 * Codes of OpenSSL and of Node by which a certificate was refused. Not among them: `OUT_OF_MEM`, which is no matter of the certificate, and the codes for a missing or
 * expired list of revoked certificates, which renews itself.
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
export const isOfCertificate = ({ code }: ErrorDetails): boolean => ofCertificates.has(code)
