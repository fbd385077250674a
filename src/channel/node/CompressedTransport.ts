/**
 * A WebSocket whose client takes compressed messages. Internal to the channel part.
 *
 * A message is compressed for each socket, so that frames are not shared. Messages that wait to be compressed or sent make the transport full, as for any slow reader.
 *
 * @since 0.1.0
 */
import type { WebSocket } from "@effect/platform-node/NodeWS"

import type { Frame } from "../Payload.ts"
import type { Prepared, Transport } from "../Transport.ts"

/** How many bytes wait before the outbox of the connection takes over. */
const maxWaiting = 64 * 1024

const prepare = (frame: Frame): Prepared => frame

/** The transport of a socket with permessage-deflate. */
export class CompressedTransport implements Transport {
  readonly prepare = prepare
  private readonly ws: WebSocket
  private listener: (() => void) | undefined = undefined
  private readonly sent = (): void => {
    const { listener } = this
    if (listener === undefined || !this.ready()) return
    this.listener = undefined
    listener()
  }

  constructor(ws: WebSocket) {
    this.ws = ws
  }

  write(prepared: Prepared): void {
    if (this.ws.readyState !== this.ws.OPEN) return
    this.ws.send(prepared, { binary: typeof prepared !== "string" }, this.sent)
  }

  ready(): boolean {
    return this.ws.bufferedAmount < maxWaiting
  }

  onDrain(listener: () => void): void {
    this.listener = listener
  }

  close(code: number, reason: string): void {
    this.ws.close(code, reason)
  }
}
