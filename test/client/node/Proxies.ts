/**
 * Proxies on this machine, over real sockets: HTTP CONNECT, over TCP or TLS, and SOCKS5. Each notes what it was asked for, and connects every name to the loopback interface.
 */
import { createServer as createHttpServer } from "node:http"
import { createServer as createHttpsServer } from "node:https"
import { connect, createServer } from "node:net"
import type { AddressInfo, Server, Socket } from "node:net"

import { Effect } from "effect"

interface ProxyServer {
  readonly port: number
  /** The targets that were asked for. */
  readonly asked: Array<string>
}

const listening = (server: Server, asked: Array<string>) =>
  Effect.acquireRelease(
    Effect.callback<ProxyServer & { readonly stop: () => void }>((resume) => {
      const sockets = new Set<Socket>()
      server.on("connection", (socket: Socket) => {
        sockets.add(socket)
        socket.on("error", () => {}).on("close", () => sockets.delete(socket))
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const stop = () => {
          server.close()
          for (const socket of sockets) socket.destroy()
        }
        resume(Effect.succeed({ port, asked, stop }))
      })
    }),
    ({ stop }) => Effect.sync(stop)
  )

const join = (one: Socket, other: Socket): void => {
  one.on("error", () => other.destroy()).on("close", () => other.destroy())
  other.on("error", () => one.destroy()).on("close", () => one.destroy())
  one.pipe(other)
  other.pipe(one)
}

interface HttpProxyOptions {
  /** `user:password`; without, everybody may use it. */
  readonly credentials?: string
  /** The status for every CONNECT, instead of connecting. */
  readonly status?: number
  readonly certificate?: { readonly cert: string; readonly key: string }
}

/** A proxy that tunnels by CONNECT. */
export const httpProxy = ({ certificate, credentials, status }: HttpProxyOptions = {}) =>
  Effect.suspend(() => {
    const asked: Array<string> = []
    const server = certificate === undefined ? createHttpServer() : createHttpsServer(certificate)
    server.on("connect", ({ headers, url = "" }, socket: Socket, head) => {
      asked.push(url)
      const wanted = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`
      const refused = headers["proxy-authorization"] === wanted ? status : 407
      if (refused !== undefined) return void socket.end(`HTTP/1.1 ${refused} Refused\r\ncontent-length: 0\r\n\r\n`)
      const target = connect(Number(url.slice(url.lastIndexOf(":") + 1)), "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n")
        if (head.length > 0) target.write(head)
        join(socket, target)
      })
      target.on("error", () => socket.destroy())
      return undefined
    })
    return listening(server, asked)
  })

interface SocksOptions {
  /** `user:password`; without, everybody may use it. */
  readonly credentials?: string
  /** The code of every reply, instead of connecting. */
  readonly code?: number
}

/** Waits for a message of at least so many bytes, whose length may show in it. */
const messages = (socket: Socket) => {
  let held = Buffer.alloc(0)
  let waiting: (() => void) | undefined
  const take = (chunk: Buffer): void => {
    held = Buffer.concat([held, chunk])
    waiting?.()
  }
  socket.on("data", take)
  return {
    read: async (length: number): Promise<Buffer> => {
      while (held.length < length) await new Promise<void>((resolve) => (waiting = resolve))
      const bytes = held.subarray(0, length)
      held = held.subarray(length)
      return bytes
    },
    release: () => socket.off("data", take)
  }
}

const serveSocks = async (socket: Socket, { code = 0, credentials }: SocksOptions, asked: Array<string>) => {
  const { read, release } = messages(socket)
  const [, methodCount = 0] = await read(2)
  const methods = await read(methodCount)
  const method = credentials === undefined ? 0 : 2
  if (!methods.includes(method)) return void socket.end(Buffer.from([5, 255]))
  socket.write(Buffer.from([5, method]))
  if (credentials !== undefined) {
    const user = await read((await read(2))[1]!)
    const password = await read((await read(1))[0]!)
    const isRight = `${user.toString()}:${password.toString()}` === credentials
    socket.write(Buffer.from([1, isRight ? 0 : 1]))
    if (!isRight) return void socket.end()
  }
  const type = (await read(4))[3]
  const address = await read(type === 1 ? 4 : type === 4 ? 16 : (await read(1))[0]!)
  const port = (await read(2)).readUInt16BE()
  const host = type === 3 ? address.toString() : type === 1 ? [...address].join(".") : address.toString("hex")
  asked.push(`${host}:${port}`)
  const reply = Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0])
  if (code !== 0) return void socket.end(reply)
  const target = connect(port, "127.0.0.1", () => {
    release()
    socket.write(reply)
    join(socket, target)
  })
  target.on("error", () => socket.destroy())
  return undefined
}

/** A SOCKS5 proxy. */
export const socksProxy = (options: SocksOptions = {}) =>
  Effect.suspend(() => {
    const asked: Array<string> = []
    return listening(
      createServer((socket) => void serveSocks(socket, options, asked)),
      asked
    )
  })

/** A server that speaks no proxy's language. */
export const babbling = Effect.suspend(() =>
  listening(
    createServer((socket) => void socket.write("220 mail.example ready\r\n")),
    []
  )
)
