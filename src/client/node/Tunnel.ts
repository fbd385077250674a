/**
 * Asks a proxy, over a socket to it, for a connection to a target: by HTTP CONNECT (RFC 9110 §9.3.6) or by SOCKS5 (RFC 1928, RFC 1929).
 *
 * @since 0.1.0
 */
import * as http from "node:http"
import * as net from "node:net"
import type { Socket } from "node:net"

import { ProxyError, shownProxy } from "./Proxy.ts"

/** The target that the proxy connects to: a name or an address. */
export interface TunnelTarget {
  readonly host: string
  readonly port: number
}

const targetText = ({ host, port }: TunnelTarget): string =>
  net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`

const proxyError = (proxy: URL, target: TunnelTarget, reason: ProxyError["reason"]): ProxyError =>
  new ProxyError({ reason, proxy: shownProxy(proxy), target: targetText(target) })

const credentialsOf = ({ password, username }: URL): readonly [user: string, password: string] | undefined =>
  username === "" && password === "" ? undefined : [decodeURIComponent(username), decodeURIComponent(password)]

/** The socket, when the proxy has connected it to the target. */
export const tunnel = (socket: Socket, proxy: URL, target: TunnelTarget): Promise<Socket> =>
  proxy.protocol.startsWith("socks") ? socks(socket, proxy, target) : connect(socket, proxy, target)

const connect = (socket: Socket, proxy: URL, target: TunnelTarget): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const credentials = credentialsOf(proxy)
    const host = targetText(target)
    const request = http.request({
      method: "CONNECT",
      path: host,
      headers: {
        host,
        ...(credentials === undefined
          ? {}
          : { "proxy-authorization": `Basic ${Buffer.from(credentials.join(":")).toString("base64")}` })
      },
      createConnection: () => socket
    })
    request.once("error", (error) =>
      reject("code" in error && String(error.code).startsWith("HPE_") ? invalidReply(proxy, target) : error)
    )
    request.once("connect", ({ statusCode = 0 }, connected: Socket, head) => {
      if (statusCode >= 200 && statusCode < 300) {
        if (head.length > 0) connected.unshift(head)
        return resolve(connected)
      }
      connected.destroy()
      const reason: ProxyError["reason"] =
        statusCode === 407 ? { _tag: "AuthenticationRequired" } : { _tag: "ConnectRejected", status: statusCode }
      return reject(proxyError(proxy, target, reason))
    })
    request.end()
  })

const invalidReply = (proxy: URL, target: TunnelTarget): ProxyError =>
  proxyError(proxy, target, { _tag: "InvalidReply" })

const [version, noCredentials, byPassword] = [5, 0, 2]

const socks = async (socket: Socket, proxy: URL, target: TunnelTarget): Promise<Socket> => {
  const credentials = credentialsOf(proxy)
  socket.write(
    Buffer.from(credentials === undefined ? [version, 1, noCredentials] : [version, 2, noCredentials, byPassword])
  )
  const [spoken, method] = await read(socket, 2)
  if (spoken !== version) throw invalidReply(proxy, target)
  if (method === byPassword && credentials !== undefined) {
    const [user, password] = credentials.map((text) => Buffer.from(text).subarray(0, 255))
    socket.write(Buffer.concat([Buffer.from([1, user!.length]), user!, Buffer.from([password!.length]), password!]))
    const [, status] = await read(socket, 2)
    if (status !== 0) throw proxyError(proxy, target, { _tag: "AuthenticationRequired" })
  } else if (method !== noCredentials) throw proxyError(proxy, target, { _tag: "AuthenticationRequired" })
  socket.write(Buffer.concat([Buffer.from([version, 1, 0]), addressOf(target.host), portOf(target.port)]))
  const [replyVersion, code = 1, , type] = await read(socket, 4)
  if (replyVersion !== version) throw invalidReply(proxy, target)
  if (code !== 0) throw proxyError(proxy, target, { _tag: "SocksRejected", code })
  // The address that the proxy is bound to; nobody needs it.
  const length = type === 1 ? 4 : type === 4 ? 16 : (await read(socket, 1))[0]!
  await read(socket, length + 2)
  return socket
}

const portOf = (port: number): Buffer => Buffer.from([port >> 8, port & 255])

const addressOf = (host: string): Buffer => {
  if (net.isIPv4(host)) return Buffer.from([1, ...host.split(".").map(Number)])
  if (net.isIPv6(host)) return Buffer.from([4, ...ipv6Octets(host)])
  const name = Buffer.from(host).subarray(0, 255)
  return Buffer.concat([Buffer.from([3, name.length]), name])
}

const ipv6Octets = (host: string): ReadonlyArray<number> => {
  // The URL parser writes the last 32 bits in hexadecimal form too.
  const [head = "", tail] = new URL(`http://[${host}]`).hostname.slice(1, -1).split("::")
  const groups = (text: string): ReadonlyArray<string> => (text === "" ? [] : text.split(":"))
  const before = groups(head)
  const after = groups(tail ?? "")
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0")
  return [...before, ...zeros, ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 255]
  })
}

/** Reads so many bytes; later bytes stay in the socket. */
const read = (socket: Socket, count: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const done = (settle: () => void) => {
      socket.off("readable", readable).off("error", failed).off("close", ended).off("end", ended)
      settle()
    }
    const readable = () => {
      const bytes: Buffer | null = socket.read(count)
      if (bytes !== null) done(() => resolve(bytes))
    }
    const failed = (error: Error) => done(() => reject(error))
    const ended = () => done(() => reject(new Error("the proxy closed the connection before it had answered")))
    socket.on("readable", readable).on("error", failed).on("close", ended).on("end", ended)
    readable()
  })
