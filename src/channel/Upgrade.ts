/**
 * How an HTTP request becomes a socket: what a server's platform can do better than the default, it does by this service.
 *
 * The default works over any `HttpServer` that upgrades requests. It reads a frame in full before it can refuse it for its size, and it sees neither that a
 * client reads slowly nor its pings, which are no sign of life then. Which subprotocol is answered is up to the `HttpServer`: on Node it is the first that was
 * offered, by phoenix.js `phoenix`. `fairlead/channel/node` does all of it right.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import * as Socket from "effect/socket/Socket"

import type { Prepared, Receiver, Transport } from "./engine/Transport.ts"
import type { Frame } from "./wire/Message.ts"
import { byteLength } from "./wire/Utf8.ts"

export type { Prepared, Receiver, Transport } from "./engine/Transport.ts"

/**
 * The request cannot become a WebSocket.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotUpgradable extends Schema.TaggedError<NotUpgradable>()("fairlead/channel/NotUpgradable", {
  description: Schema.String
}) {
  override get message() {
    return `${this.description}. Send a WebSocket handshake (RFC 6455 §4.1)`
  }
}

/**
 * What a socket is asked for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The largest frame in bytes; a larger one closes the socket with 1009. */
  readonly maxFrame: number
  /** The subprotocol to answer, if the client offered one that is known. */
  readonly protocol: string | undefined
}

/**
 * Makes a socket of a request: `open` is called when the handshake is done, and the Effect ends when the socket is gone. Interrupted, which is the end of the
 * server, it closes the socket with 1012.
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

// Of another protocol, the platform would give the bare connection.
const asksForWebSocket = ({ headers, method }: HttpServerRequest): boolean =>
  method === "GET" && headers["upgrade"]?.toLowerCase() === "websocket"

const overEffectSocket: Upgrade = (request, { maxFrame }, open) =>
  Effect.scoped(
    Effect.gen(function* () {
      const socket = yield* asksForWebSocket(request)
        ? request.upgrade
        : Effect.fail(new NotUpgradable({ description: "The request asks for no upgrade to websocket" }))
      const { pull } = yield* socket.reader
      const { write } = yield* socket.writer
      const frames = yield* Queue.unbounded<Frame | Socket.CloseEvent>()
      const reading = yield* Latch.make(true)
      const receiver = open({
        prepare,
        write: (frame) => Queue.offerUnsafe(frames, frame),
        ready: () => true,
        onDrain: () => {},
        pause: () => reading.closeUnsafe(),
        resume: () => reading.openUnsafe(),
        close: (code, reason) => Queue.offerUnsafe(frames, new Socket.CloseEvent(code, reason))
      })
      const writing = Effect.forever(Effect.flatMap(Queue.take(frames), write))
      yield* Effect.forkScoped(Effect.ignore(writing))
      const reader = reading.whenOpen(pull).pipe(
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
