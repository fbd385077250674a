/**
 * A WebSocket client that keeps no rule that it is not told to keep: it sends the bytes it is given, reads only while it is to, and answers nothing.
 */
import { connect } from "node:net"
import type { Socket } from "node:net"

import { Effect } from "effect"
import type { Scope } from "effect"

const key = "dGhlIHNhbXBsZSBub25jZQ=="

/** Lines of a handshake; a field that is given replaces the usual one, and an empty one leaves it out. */
export const handshake = (
  path = "/socket/websocket?vsn=2.0.0",
  fields: Readonly<Record<string, string>> = {},
  method = "GET"
): string => {
  const usual = {
    Host: "127.0.0.1",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Key": key,
    "Sec-WebSocket-Version": "13"
  }
  const lines = Object.entries({ ...usual, ...fields }).filter(([, value]) => value !== "")
  return [`${method} ${path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`), "", ""].join("\r\n")
}

export interface FrameOptions {
  readonly fin?: boolean
  readonly reserved?: number
  readonly masked?: boolean
  /** The length that the header claims. */
  readonly claims?: number
}

/** A frame of a client, as wrong as it is asked to be. */
export const frame = (opcode: number, payload: string | Uint8Array, options: FrameOptions = {}): Buffer => {
  const { fin = true, masked = true, reserved = 0 } = options
  const data = Buffer.from(payload)
  const length = options.claims ?? data.length
  const size = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const head = Buffer.alloc(2 + size + (masked ? 4 : 0))
  head[0] = (fin ? 0x80 : 0) | (reserved << 4) | opcode
  head[1] = (masked ? 0x80 : 0) | (size === 0 ? length : size === 2 ? 126 : 127)
  if (size === 2) head.writeUInt16BE(length, 2)
  if (size === 8) head.writeBigUInt64BE(BigInt(length), 2)
  // The mask is zero: what is masked is itself.
  return Buffer.concat([head, data])
}

const text = (message: unknown): Buffer => frame(1, JSON.stringify(message))

export const join = (topic: string, payload: unknown = {}, ref = "1"): Buffer =>
  text([ref, ref, topic, "phx_join", payload])

export const push = (topic: string, event: string, payload: unknown = {}, ref: string | null = "2"): Buffer =>
  text([null, ref, topic, event, payload])

/** A whole frame of a server. */
interface Got {
  readonly opcode: number
  readonly payload: Buffer
}

export interface Raw {
  readonly socket: Socket
  readonly send: (...bytes: ReadonlyArray<string | Uint8Array>) => void
  /** The opcodes of the frames that came. */
  readonly opcodes: ReadonlyArray<number>
  /** The messages that came as text. */
  readonly messages: () => ReadonlyArray<ReadonlyArray<any>>
  /** Forgets what came, so that refs can be used anew. */
  readonly forget: Effect.Effect<void>
  /** Succeeds as soon as it holds, and dies when the connection ends before. */
  readonly until: (holds: () => boolean, what: string) => Effect.Effect<void>
  /** The next answer to this ref. */
  readonly answer: (ref: string) => Effect.Effect<{ readonly status: string; readonly response: any }>
  /** The close code that the server sent, or what it wrote in place of a handshake, when the connection has ended. */
  readonly ended: Effect.Effect<number | string | undefined>
  /** The status of the answer to the handshake, as soon as it is there. */
  readonly opened: Effect.Effect<void>
}

/** Splits what was received into frames, and gives what is left. */
const split = (bytes: Buffer, use: (frame: Got) => void): Buffer => {
  for (;;) {
    if (bytes.length < 2) return bytes
    const short = bytes[1]! & 0x7f
    const start = short < 126 ? 2 : short === 126 ? 4 : 10
    if (bytes.length < start) return bytes
    const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    if (bytes.length < start + length) return bytes
    use({ opcode: bytes[0]! & 0x0f, payload: bytes.subarray(start, start + length) })
    bytes = bytes.subarray(start + length)
  }
}

/** Connects and sends these bytes. It answers a Close by the end of the connection, unless it is to ignore it. */
export const connecting = (
  port: number,
  first = handshake(),
  { ignoresClose = false }: { readonly ignoresClose?: boolean } = {}
): Effect.Effect<Raw, never, Scope.Scope> =>
  Effect.gen(function* () {
    const opcodes: Array<number> = []
    const messages: Array<ReadonlyArray<any>> = []
    let code: number | undefined
    const waiting = new Set<() => void>()
    let head: string | undefined
    let bytes: Buffer = Buffer.alloc(0)
    let over = false
    const take = ({ opcode, payload }: Got) => {
      opcodes.push(opcode)
      if (opcode === 1) messages.push(JSON.parse(payload.toString()))
      if (opcode === 8) code = payload.readUInt16BE(0)
    }
    const tell = () => waiting.forEach((check) => check())
    const socket = yield* Effect.acquireRelease(
      Effect.sync(() => connect({ port, host: "127.0.0.1", noDelay: true })),
      (socket) => Effect.sync(() => socket.destroy())
    )
    socket.on("error", () => {})
    socket.on("data", (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      if (head === undefined) {
        const end = bytes.indexOf("\r\n\r\n")
        if (end === -1) return
        head = bytes.toString("latin1", 0, end)
        bytes = bytes.subarray(end + 4)
      }
      if (head.startsWith("HTTP/1.1 101")) bytes = split(bytes, take)
      if (!ignoresClose && code !== undefined) socket.end()
      tell()
    })
    socket.on("close", () => {
      over = true
      tell()
    })
    socket.write(first)
    const wait = (holds: () => boolean, orElse?: () => Error): Effect.Effect<void> =>
      Effect.callback((resume) => {
        const check = () => {
          if (holds()) resume(Effect.void)
          else if (over && orElse !== undefined) resume(Effect.die(orElse()))
          else return
          waiting.delete(check)
        }
        waiting.add(check)
        check()
        return Effect.sync(() => waiting.delete(check))
      })
    const until = (holds: () => boolean, what: string) =>
      wait(holds, () => new Error(`the connection has ended before ${what}: ${head ?? ""} ${code ?? ""}`))
    const answerTo = (ref: string) => messages.find((message) => message[1] === ref && message[3] === "phx_reply")
    return {
      socket,
      opcodes,
      messages: () => messages,
      until,
      forget: Effect.sync(() => {
        opcodes.length = 0
        messages.length = 0
      }),
      send: (...all) => all.forEach((bytes) => socket.write(bytes)),
      answer: (ref) =>
        Effect.map(
          until(() => answerTo(ref) !== undefined, `the answer to ${ref}`),
          () => answerTo(ref)![4]
        ),
      ended: Effect.map(
        wait(() => over),
        () => code ?? (head?.startsWith("HTTP/1.1 101") === true ? undefined : head?.split("\r\n")[0])
      ),
      opened: until(() => head !== undefined, "it was opened")
    } satisfies Raw
  })

/** Connects, shakes hands and joins. */
export const joined = (port: number, topic: string, payload: unknown = {}): Effect.Effect<Raw, never, Scope.Scope> =>
  Effect.gen(function* () {
    const raw = yield* connecting(port)
    yield* raw.opened
    raw.send(join(topic, payload))
    yield* raw.answer("1")
    return raw
  })
