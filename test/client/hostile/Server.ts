/**
 * A server of this machine that does the worst it can, each path in a way of its own.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { gzipSync } from "node:zlib"

import { Effect } from "effect"

import { serving } from "../handlers/Hostile.ts"

type Answer = (response: ServerResponse, socket: Socket, request: IncomingMessage) => unknown

/** Writes bytes past Node's own writer of responses. */
const raw =
  (...parts: ReadonlyArray<string>): Answer =>
  (_, socket) =>
    socket.write(parts.join("\r\n"), "latin1")

/** Writes the begin, and then what comes next whenever the connection takes more, for ever. */
const flood =
  (begin: string, next: string): Answer =>
  (_, socket) => {
    const more = () => {
      while (!socket.destroyed && socket.write(next)) {}
    }
    socket.on("drain", more)
    socket.write(begin)
    more()
  }

/** Writes the begin, and then a piece every few milliseconds, for ever. */
const drip =
  (begin: string, piece: string): Answer =>
  (_, socket) => {
    socket.write(begin)
    const timer = setInterval(() => socket.write(piece), 10)
    socket.on("close", () => clearInterval(timer))
  }

/** Writes, and then resets the connection: when the bytes are with the client's machine. */
const cut =
  (...parts: ReadonlyArray<string>): Answer =>
  (_, socket) => {
    if (parts.length === 0) socket.resetAndDestroy()
    else socket.write(parts.join("\r\n"), () => setImmediate(() => socket.resetAndDestroy()))
  }

const head = "HTTP/1.1 200 OK"
/** What the truncated body would have been. */
export const text = "some text, again and again. ".repeat(100)
const packed = gzipSync(text)
// Its sum does not fit.
const wrong = Buffer.from(packed)
wrong[wrong.length - 6]! ^= 1
const bomb = gzipSync(Buffer.alloc(20 * 1024 * 1024))

const encoded =
  (encoding: string, body: Uint8Array): Answer =>
  (response) =>
    response.writeHead(200, { "content-encoding": encoding }).end(body)

const answers: Readonly<Record<string, Answer>> = {
  "/ok": (response) => response.end("ok"),
  // Heads.
  "/silent": () => {},
  "/slow-head": drip(`${head}\r\n`, "x-a: b\r\n"),
  "/endless-headers": flood(`${head}\r\n`, `x-a: ${"b".repeat(1000)}\r\n`),
  "/endless-hints": flood("", "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100)),
  "/no-http": raw("SSH-2.0-OpenSSH_9.9", "", ""),
  "/two-lengths": raw(head, "content-length: 2", "content-length: 3", "", "ok!"),
  "/length-and-chunks": raw(head, "content-length: 2", "transfer-encoding: chunked", "", "2", "ok", "0", "", ""),
  "/bad-chunks": raw(head, "transfer-encoding: chunked", "", "what?", "ok", ""),
  "/switch": raw("HTTP/1.1 101 Switching Protocols", "connection: upgrade", "upgrade: evil", "", ""),
  "/reset-at-once": cut(),
  "/reset-in-head": cut(head, "content-len"),
  // Bodies.
  "/reset-in-body": cut(head, "content-length: 1000", "", text.slice(0, 500)),
  "/short": (response, socket) => {
    socket.write(`${head}\r\ncontent-length: 1000\r\n\r\nhalf`, () => socket.end())
    return response
  },
  "/smuggled": raw(head, "content-length: 2", "", `okHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`),
  "/stalled": raw(head, "content-length: 1000", "", "half"),
  "/dripping": drip(`${head}\r\ncontent-length: 400000\r\n\r\n`, "x"),
  "/infinite": flood(`${head}\r\n\r\n`, "x".repeat(65_536)),
  "/huge": raw(head, "content-length: 99999999999", "", "x"),
  "/truncated": encoded("gzip", packed.subarray(0, -6)),
  "/corrupt": encoded("gzip", wrong),
  "/bomb": encoded("gzip", bomb),
  "/bomb-in-bomb": encoded("gzip, gzip", gzipSync(bomb)),
  "/codings": encoded("gzip, gzip, gzip, gzip", packed)
}

/** The server: its URL, the connections that carried a request and are open, and what it was asked for. */
export const hostile = Effect.gen(function* () {
  const asked: Array<string> = []
  const server = yield* serving((request, response) => {
    const path = request.url ?? ""
    asked.push(path)
    // Nothing of this is to be closed by a time limit of the server's.
    request.socket.setTimeout(0)
    answers[path]?.(response, request.socket, request)
  })
  return { ...server, port: Number(new URL(server.url).port), asked }
})
