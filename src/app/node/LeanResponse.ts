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

  override writeHead(...args: ReadonlyArray<any>): this {
    const headers: unknown = args.at(-1)
    if (typeof headers === "object" && headers !== null && !Array.isArray(headers)) {
      const length: unknown = (headers as Readonly<Record<string, unknown>>)["content-length"]
      if (length !== undefined) this.declaredBytes = Number(length)
    }
    return (super.writeHead as (...args: ReadonlyArray<any>) => this)(...args)
  }

  override write(...args: ReadonlyArray<any>): boolean {
    this.hasWritten = true
    return (super.write as (...args: ReadonlyArray<any>) => boolean)(...args)
  }

  override end(...args: ReadonlyArray<any>): this {
    const [chunk, encoding] = args
    if (!this.hasWritten && this.declaredBytes !== undefined && this.declaredBytes === lengthOf(chunk, encoding)) {
      this.strictContentLength = false
    }
    return (super.end as (...args: ReadonlyArray<any>) => this)(...args)
  }
}

const lengthOf = (chunk: unknown, encoding: unknown): number | undefined => {
  if (typeof chunk === "string") {
    return Buffer.byteLength(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
  }
  return chunk instanceof Uint8Array ? chunk.byteLength : undefined
}
