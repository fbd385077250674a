/**
 * Content codings (RFC 9110 §8.4.1): how the body of a response is decoded, as web streams, so that each runtime can bring its own.
 *
 * @since 0.1.0
 */

/**
 * A content coding.
 *
 * @category models
 * @since 0.1.0
 */
export interface ContentCoding {
  /** As in `Content-Encoding` and `Accept-Encoding`, in lower case. */
  readonly name: string
  /** Makes a decoder for one body. `start` is how the body begins: at least two bytes, unless it is shorter. */
  readonly decoder: (start: Uint8Array) => ReadableWritablePair<Uint8Array, Uint8Array>
}

const web = (format: string): ReadableWritablePair<Uint8Array, Uint8Array> =>
  new DecompressionStream(format as CompressionFormat) as ReadableWritablePair<Uint8Array, Uint8Array>

/** Whether a deflate body has the header of RFC 1950 §2.2, which is asked for; some servers send the deflate stream bare. Internal to the client part. */
export const hasZlibHeader = ([first = 0, second = 0]: Uint8Array): boolean =>
  (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0

const candidates: ReadonlyArray<ContentCoding & { readonly format: string }> = [
  { name: "br", format: "brotli", decoder: () => web("brotli") },
  { name: "gzip", format: "gzip", decoder: () => web("gzip") },
  {
    name: "deflate",
    format: "deflate-raw",
    decoder: (start) => web(hasZlibHeader(start) ? "deflate" : "deflate-raw")
  }
]

const isKnown = (format: string): boolean => {
  try {
    return web(format) !== undefined
  } catch {
    return false
  }
}

/**
 * The codings that this runtime decodes by its own `DecompressionStream`: gzip and deflate everywhere, br where it knows that.
 *
 * @category constructors
 * @since 0.1.0
 */
export const webCodings = (): ReadonlyArray<ContentCoding> => candidates.filter(({ format }) => isKnown(format))
