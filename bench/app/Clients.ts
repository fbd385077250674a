/** Clients of the life bench: separate connections, without a pool that would hide what happens to them. */
import { connect } from "node:net"
import type { Socket } from "node:net"

import { host } from "../server/Contender.ts"

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`

/** A connection on which this was sent: once it is sent or, with `answered`, once the answer is there. */
const asked = (port: number, text: string, answered: boolean): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, host, () => socket.write(text, () => answered || resolve(socket)))
    socket.once("error", reject)
    // A later end of a connection, a reset too, is the server's business and not a failure of the bench.
    socket.on("error", () => {})
    if (answered) socket.once("data", () => resolve(socket))
    socket.resume()
  })

/** Asks on as many connections, 100 at a time. */
export const clients = async (
  port: number,
  count: number,
  path: string,
  answered: boolean
): Promise<ReadonlyArray<Socket>> => {
  const sockets: Array<Socket> = []
  while (sockets.length < count) {
    const more = Math.min(100, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: more }, () => asked(port, request(path), answered)))))
  }
  return sockets
}

/** A connection that never sends the rest of its headers. */
export const halfOpen = (port: number): Promise<Socket> => asked(port, request("/").slice(0, -4), false)

/** Asks once, and waits for the answer. */
export const firstAnswer = async (port: number): Promise<void> => {
  const socket = await asked(port, request("/"), true)
  socket.destroy()
}
