/** A way to a Redis that a test can cut, and lead to another Redis. */
import { connect, createServer } from "node:net"
import type { AddressInfo, Server, Socket } from "node:net"

/** A relay of TCP connections on a free port of loopback. */
export class Relay {
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private target: number | undefined

  private constructor(target: number) {
    this.target = target
    this.server = createServer((socket) => this.accept(socket))
  }

  static async to(target: number): Promise<Relay> {
    const relay = new Relay(target)
    await new Promise<void>((resolve) => relay.server.listen(0, "127.0.0.1", resolve))
    return relay
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Ends all connections; later ones lead to this port, or are refused. */
  lead(target: number | undefined): void {
    this.target = target
    for (const socket of this.sockets) socket.destroy()
  }

  close(): void {
    this.lead(undefined)
    this.server.close()
  }

  private accept(socket: Socket): void {
    if (this.target === undefined) return void socket.destroy()
    const other = connect(this.target, "127.0.0.1")
    for (const [end, peer] of [
      [socket, other],
      [other, socket]
    ] as const) {
      this.sockets.add(end)
      end.on("error", () => {})
      end.on("close", () => {
        this.sockets.delete(end)
        peer.destroy()
      })
      end.pipe(peer)
    }
  }
}
