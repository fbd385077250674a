/**
 * Content codings by `node:zlib`: br, gzip of several members, deflate, and zstd, which `DecompressionStream` does not know. For Node 22.19 and later, and
 * whatever has its `node:zlib`.
 *
 * @since 0.1.0
 */
import { Duplex } from "node:stream"
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from "node:zlib"

import { hasZlibHeader } from "../ContentCoding.ts"
import type { ContentCoding } from "../ContentCoding.ts"

const decoder = (transform: Duplex): ReturnType<ContentCoding["decoder"]> =>
  Duplex.toWeb(transform) as ReturnType<ContentCoding["decoder"]>

/**
 * The codings for `decompress`, most wanted first.
 *
 * **Example** (With zstd)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { decompress } from "fairlead/client/handlers"
 * import { NodeTransport } from "fairlead/client/node"
 *
 * const chain = ClientChain.make("api").use(decompress({ codings: NodeTransport.codings }))
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export const nodeCodings: ReadonlyArray<ContentCoding> = [
  { name: "zstd", decoder: () => decoder(createZstdDecompress()) },
  { name: "br", decoder: () => decoder(createBrotliDecompress()) },
  { name: "gzip", decoder: () => decoder(createGunzip()) },
  {
    name: "deflate",
    decoder: (start) => decoder(hasZlibHeader(start) ? createInflate() : createInflateRaw())
  }
]
