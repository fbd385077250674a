/** A load balancer without stickiness: each HTTP request goes to the next server, and where that one does not listen, to the one after it. */
import { createServer, request } from "node:http"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export class RoundRobin {
  /** How many requests each port has answered. */
  readonly served = new Map<number, number>()
  private readonly ports: () => ReadonlyArray<number>
  private readonly server: Server
  private turn = 0

  private constructor(ports: () => ReadonlyArray<number>) {
    this.ports = ports
    this.server = createServer((incoming, outgoing) => void this.take(incoming, outgoing))
  }

  static start(ports: () => ReadonlyArray<number>): Promise<RoundRobin> {
    const balancer = new RoundRobin(ports)
    return new Promise((resolve) => balancer.server.listen(0, "127.0.0.1", () => resolve(balancer)))
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  stop(): void {
    this.server.closeAllConnections()
    this.server.close()
  }

  private async take(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Array<Buffer> = []
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
    this.forward(incoming, Buffer.concat(chunks), outgoing, this.turn++, this.ports().length)
  }

  private forward(
    incoming: IncomingMessage,
    body: Buffer,
    outgoing: ServerResponse,
    turn: number,
    tries: number
  ): void {
    const ports = this.ports()
    const port = ports[turn % ports.length]!
    const { headers, method, url } = incoming
    const forwarded = request({ host: "127.0.0.1", port, method, path: url, headers, agent: false }, (answer) => {
      this.served.set(port, (this.served.get(port) ?? 0) + 1)
      outgoing.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(outgoing)
    })
    outgoing.on("close", () => forwarded.destroy())
    forwarded.on("error", (error: NodeJS.ErrnoException) => {
      if (outgoing.headersSent || outgoing.destroyed) outgoing.destroy()
      else if (error.code === "ECONNREFUSED" && tries > 1) this.forward(incoming, body, outgoing, turn + 1, tries - 1)
      else outgoing.writeHead(502).end()
    })
    forwarded.end(body)
  }
}
