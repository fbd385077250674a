/**
 * A response of Node that sends head and body at once where it has both. Internal to the app part.
 *
 * Effect's server sets `strictContentLength`, which checks each write against the declared length, and makes Node send the head apart from the body. A body that comes
 * whole is checked here once; a body in parts stays strict.
 *
 * @since 0.1.0
 */
import { ServerResponse } from "node:http"

/** The response of the servers that `NodeApp` makes. */
export class LeanResponse extends ServerResponse {
  private declaredBytes: number | undefined = undefined
  private hasWritten = false

  // Named parameters, and not a list of them, since this runs for each response.
  override writeHead(status: any, reason?: any, headers?: any): this {
    const given: unknown = headers ?? reason
    if (typeof given === "object" && given !== null && !Array.isArray(given)) {
      const length: unknown = (given as Readonly<Record<string, unknown>>)["content-length"]
      if (length !== undefined) this.declaredBytes = Number(length)
    }
    return super.writeHead(status, reason, headers)
  }

  override write(chunk: any, encoding?: any, callback?: any): boolean {
    this.hasWritten = true
    return super.write(chunk, encoding, callback)
  }

  override end(chunk?: any, encoding?: any, callback?: any): this {
    if (!this.hasWritten && this.declaredBytes !== undefined && this.declaredBytes === lengthOf(chunk, encoding)) {
      this.strictContentLength = false
    }
    return super.end(chunk, encoding, callback)
  }
}

const lengthOf = (chunk: unknown, encoding: unknown): number | undefined => {
  if (typeof chunk === "string") {
    return Buffer.byteLength(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
  }
  return chunk instanceof Uint8Array ? chunk.byteLength : undefined
}
