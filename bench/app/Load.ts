/** Clients at work while a server stops: each says how many answers it got whole, and whether one was lost. */
import { connect } from "node:net"
import type { Socket } from "node:net"

import { host } from "../server/Contender.ts"

/** The answers of one connection. */
export interface Answers {
  /** The answers that came whole. */
  readonly whole: number
  /** Whether a request was sent and its answer did not come, or not whole. */
  readonly lost: boolean
  /** Whether the connection was reset instead of closed. */
  readonly reset: boolean
}

interface Asking {
  readonly path: string
  /** Whether it asks again after each answer, until an answer closes the connection. */
  readonly again: boolean
  /** Milliseconds that it waits before it reads on, after each chunk. */
  readonly pause: number
}

/** A client at work: it has sent its request, or has the head of its answer. */
export interface Client {
  readonly socket: Socket
  /** Once the connection has closed. */
  readonly ended: Promise<Answers>
}

const crlf = "\r\n\r\n"

/** Opens a connection and asks on it; it is there when the server has the request or, with a pause, when the answer has begun. */
export const ask = (port: number, { again, path, pause }: Asking): Promise<Client> =>
  new Promise((resolve, reject) => {
    const socket = connect(port, host)
    let [whole, owed, reset, isTold] = [0, false, false, false]
    let head = ""
    let missing: number | undefined
    const send = () => {
      owed = true
      head = ""
      missing = undefined
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}${crlf}`)
    }
    const ended = new Promise<Answers>((end) => socket.once("close", () => end({ whole, lost: owed, reset })))
    const client: Client = { socket, ended }
    const began = () => resolve(client)
    socket.once("error", reject)
    socket.on(
      "error",
      (error: NodeJS.ErrnoException) => (reset = error.code === "ECONNRESET" || error.code === "EPIPE")
    )
    socket.once("connect", () => {
      send()
      if (pause === 0) began()
    })
    socket.on("data", (chunk: Buffer) => {
      if (pause > 0) {
        began()
        socket.pause()
        setTimeout(() => socket.resume(), pause)
      }
      let body = chunk.length
      if (missing === undefined) {
        head += chunk.toString("latin1")
        const end = head.indexOf(crlf)
        if (end === -1) return
        missing = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
        isTold = /^connection: close/im.test(head.slice(0, end))
        body = head.length - end - crlf.length
      }
      missing -= body
      if (missing > 0) return
      owed = false
      whole++
      if (again && !isTold) send()
    })
  })

/** Opens as many, 100 at a time. */
export const askMany = async (port: number, count: number, asking: Asking): Promise<ReadonlyArray<Client>> => {
  const all: Array<Client> = []
  while (all.length < count) {
    const more = Math.min(100, count - all.length)
    all.push(...(await Promise.all(Array.from({ length: more }, () => ask(port, asking)))))
  }
  return all
}
