/**
 * The body of a long-poll request as frames. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"

import type { Frame } from "../Payload.ts"

/** A batch: its frames, and those beyond the limit. */
export interface Batch {
  readonly frames: ReadonlyArray<Frame>
  readonly excess: ReadonlyArray<Frame>
}

const frameOf = (line: string): Frame | undefined =>
  line.startsWith("[") ? line : Result.getOrUndefined(Base64.decode(line))

/** Reads a body. Nothing where a line is neither a message nor base64. With another content type than `application/x-ndjson` the whole body is one message. */
export const batchOf = (contentType: string | undefined, body: string, maxLines: number): Batch | undefined => {
  if (contentType !== "application/x-ndjson") return { frames: [body], excess: [] }
  const frames: Array<Frame> = []
  const excess: Array<Frame> = []
  for (const line of body.split("\n")) {
    if (line === "") continue
    const frame = frameOf(line)
    if (frame === undefined) return undefined
    if (frames.length < maxLines) frames.push(frame)
    else excess.push(frame)
  }
  return { frames, excess }
}
