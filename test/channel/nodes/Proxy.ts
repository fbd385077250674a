/** A way to a port whose connections a test cuts. */
import { connect, createServer } from "node:net"
import type { AddressInfo, Server, Socket } from "node:net"

export class Proxy {
  /** Whether connections are let through. */
  isOpen = true
  private readonly sockets = new Set<Socket>()
  private readonly server: Server

  private constructor(target: number) {
    this.server = createServer((near) => {
      if (!this.isOpen) {
        near.destroy()
        return
      }
      const far = connect(target, "127.0.0.1")
      for (const [socket, other] of [
        [near, far],
        [far, near]
      ] as const) {
        this.sockets.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => {
          this.sockets.delete(socket)
          other.destroy()
        })
      }
      near.pipe(far)
      far.pipe(near)
    })
  }

  static start(target: number): Promise<Proxy> {
    const proxy = new Proxy(target)
    return new Promise((resolve) => proxy.server.listen(0, "127.0.0.1", () => resolve(proxy)))
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  /** Ends all connections at once. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  stop(): void {
    this.cut()
    this.server.close()
  }
}
