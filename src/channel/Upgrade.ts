/**
 * How an HTTP request becomes a socket. A server's platform that can do better than the default provides this service.
 *
 * The default works over any `HttpServer` that upgrades requests. It reads a frame in full before it can refuse it for its size, and it sees neither that a
 * client reads slowly nor its pings, which are no sign of life then. Which subprotocol is answered is up to the `HttpServer`: on Node it is the first that was
 * offered, by phoenix.js `phoenix`. `fairlead/channel/node` does all of it right.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Schema from "effect/Schema"
import * as Socket from "effect/socket/Socket"

import type { Frame } from "./Payload.ts"
import type { Prepared, Receiver, Transport } from "./Transport.ts"
import { byteLength } from "./wire/Utf8.ts"

export type { Prepared, Receiver, Transport } from "./Transport.ts"

/**
 * The request cannot become a WebSocket.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotUpgradable extends Schema.TaggedError<NotUpgradable>()("NotUpgradable", {
  description: Schema.String
}) {
  override get message() {
    return `${this.description}. Send a WebSocket handshake (RFC 6455 §4.1)`
  }
}

/**
 * The requirements on a socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The largest frame in bytes; a larger one closes the socket with 1009. */
  readonly maxFrame: number
  /** How messages are compressed, where they are. */
  readonly compression?: { readonly threshold: number; readonly level: number } | undefined
  /** The subprotocol to answer, if the client offered a known one. */
  readonly protocol: string | undefined
}

/**
 * Makes a socket of a request: `open` is called when the handshake is done. The Effect ends with the handshake, after which the socket lives on without a fiber; or,
 * where the platform needs the request for it, when the socket is gone. Interrupted, which is the end of the server, it closes the socket with 1012.
 *
 * @category models
 * @since 0.1.0
 */
export type Upgrade = (
  request: HttpServerRequest,
  options: Options,
  open: (transport: Transport) => Receiver
) => Effect.Effect<void, NotUpgradable>

const prepare = (frame: Frame): Prepared => frame

// No text has fewer bytes than units, nor more than three for each: only what is in between is measured.
const isLarger = (frame: Frame, maxFrame: number): boolean =>
  frame.length > maxFrame || (typeof frame === "string" && frame.length * 3 > maxFrame && byteLength(frame) > maxFrame)

const tooLarge = new Socket.CloseEvent(1009, "message too big")

const codeOf = (end: Socket.SocketError | Socket.CloseEvent): number =>
  end instanceof Socket.CloseEvent ? end.code : end.reason._tag === "SocketCloseError" ? end.reason.code : 1006

// For another protocol, the platform would return the bare connection.
const asksForWebSocket = ({ headers, method }: HttpServerRequest): boolean =>
  method === "GET" && headers["upgrade"]?.toLowerCase() === "websocket"

type Outgoing = Frame | Socket.CloseEvent

const soon: (run: () => void) => void =
  "setImmediate" in globalThis ? (run) => void setImmediate(run) : (run) => void setTimeout(run, 0)

/** The frames of one turn of the event loop, written by one fiber after the turn. */
class OutgoingFrames {
  private waiting: Array<Outgoing> = []
  private busy = false
  private readonly write: (frames: ReadonlyArray<Outgoing>, done: () => void) => void

  constructor(write: (frames: ReadonlyArray<Outgoing>, done: () => void) => void) {
    this.write = write
  }

  add(frame: Outgoing): void {
    this.waiting.push(frame)
    if (this.busy) return
    this.busy = true
    soon(() => this.flush())
  }

  private flush(): void {
    const { waiting } = this
    this.waiting = []
    this.busy = waiting.length > 0
    if (this.busy) this.write(waiting, () => this.flush())
  }
}

const overEffectSocket: Upgrade = (request, { maxFrame }, open) =>
  Effect.scoped(
    Effect.gen(function* () {
      const socket = yield* asksForWebSocket(request)
        ? request.upgrade
        : Effect.fail(new NotUpgradable({ description: "The request asks for no upgrade to websocket" }))
      const { pull } = yield* socket.reader
      const { write } = yield* socket.writer
      const context = yield* Effect.context()
      const scope = yield* Effect.scope
      const outgoing = new OutgoingFrames((frames, done) => {
        const writing = Effect.forEach(frames, write, { discard: true })
        const fiber = Effect.runForkWith(context)(Effect.exit(writing))
        fiber.addObserver(done)
        Fiber.runIn(fiber, scope)
      })
      const receiver = open({
        prepare,
        write: (frame) => outgoing.add(frame),
        ready: () => true,
        onDrain: () => {},
        close: (code, reason) => outgoing.add(new Socket.CloseEvent(code, reason))
      })
      const reader = pull.pipe(
        Effect.flatMap((batch) => {
          for (const frame of batch) {
            if (isLarger(frame, maxFrame)) return Effect.fail(tooLarge)
            receiver.receive(frame)
          }
          return Effect.void
        }),
        Effect.forever,
        Effect.onInterrupt(() => Effect.ignore(write(new Socket.CloseEvent(1012, "the server restarts"))))
      )
      const end = yield* Effect.flip(reader)
      if (end instanceof Socket.CloseEvent) yield* Effect.ignore(write(end))
      receiver.closed(codeOf(end))
    })
  ).pipe(
    Effect.catchTags({
      HttpServerError: () => Effect.fail(new NotUpgradable({ description: "This request cannot be upgraded" })),
      SocketError: () => Effect.fail(new NotUpgradable({ description: "The handshake was refused" }))
    })
  )

/**
 * How requests become sockets. A layer of a platform replaces it.
 *
 * @category references
 * @since 0.1.0
 */
export const Upgrade: Context.Reference<Upgrade> = Context.Reference<Upgrade>("fairlead/channel/Upgrade", {
  defaultValue: () => overEffectSocket
})
