/**
 * A server on the loopback interface for tests over real sockets: closed, sockets and all, at the end of the scope.
 */
import { createServer } from "node:http"
import type { RequestListener } from "node:http"
import type { AddressInfo } from "node:net"

import { Effect } from "effect"

export const loopback = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<{
      readonly origin: string
      readonly port: number
      readonly connections: () => number
      readonly stop: () => void
    }>((resume) => {
      let connections = 0
      const server = createServer(listener)
      server.on("connection", () => connections++)
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        resume(
          Effect.succeed({
            origin: `http://127.0.0.1:${port}`,
            port,
            connections: () => connections,
            stop: () => {
              server.close()
              server.closeAllConnections()
            }
          })
        )
      })
    }),
    ({ stop }) => Effect.sync(stop)
  )
