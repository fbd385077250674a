/**
 * Streams as Effect's sockets, so that what speaks over sockets, as Effect RPC does, speaks over a connection. Internal: see `Streams`.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import * as SocketServer from "effect/socket/SocketServer"

import type { BiStream, EndpointConnection, RecvStream, SendStream } from "./EndpointConnection.ts"
import type { StreamError } from "./EndpointError.ts"

const socketError = (reason: Socket.SocketErrorReason) => new Socket.SocketError({ reason })

const reading = (recv: RecvStream): Socket.Reader => ({
  pull: recv.read().pipe(
    Effect.mapError((cause) => socketError(new Socket.SocketReadError({ cause }))),
    Effect.flatMap((bytes) =>
      Option.isSome(bytes)
        ? Effect.succeed(Arr.of(bytes.value))
        : Effect.fail(socketError(new Socket.SocketCloseError({ code: 1000 })))
    )
  ),
  upgrade: () =>
    Effect.fail(socketError(new Socket.SocketUpgradeError({ cause: new Error("The connection is encrypted already") })))
})

const encoder = new TextEncoder()

const writing = (stream: Effect.Effect<SendStream>): Socket.Writer => {
  const failed = Effect.mapError((cause: StreamError) => socketError(new Socket.SocketWriteError({ cause })))
  const write = (chunk: Uint8Array | string | Socket.CloseEvent) =>
    Effect.flatMap(stream, (send) =>
      failed(
        Socket.isCloseEvent(chunk) ? send.finish : send.write(typeof chunk === "string" ? encoder.encode(chunk) : chunk)
      )
    )
  return { write, writeAll: (chunks) => Effect.forEach(chunks, write, { discard: true }) }
}

/** The socket over an open stream. */
const fixed = ({ recv, send }: BiStream): Socket.Socket =>
  Socket.make({ reader: Effect.succeed(reading(recv)), writer: Effect.succeed(writing(Effect.succeed(send))) })

/**
 * A socket over a connection: each time that it is read it opens a stream, which ends with the reader's scope. For `RpcClient.layerProtocolSocket`.
 *
 * @category sockets
 * @since 0.1.0
 */
export const socket = (connection: EndpointConnection): Socket.Socket => {
  let current = Deferred.makeUnsafe<SendStream>()
  const reader = Effect.gen(function* () {
    const { recv, send } = yield* Effect.mapError(connection.openBi, (cause) =>
      socketError(new Socket.SocketOpenError({ kind: "Unknown", cause }))
    )
    if (Deferred.isDoneUnsafe(current)) current = Deferred.makeUnsafe()
    Deferred.doneUnsafe(current, Effect.succeed(send))
    return reading(recv)
  })
  return Socket.make({ reader, writer: Effect.succeed(writing(Effect.suspend(() => Deferred.await(current)))) })
}

const nowhere = Result.getOrThrow(NetAddress.inetAddressFromString("0.0.0.0:0"))

/**
 * A socket server over a connection: each stream that the peer opens is a socket. For `RpcServer.layerProtocolSocketServer`.
 *
 * @category sockets
 * @since 0.1.0
 */
export const socketServer = (connection: EndpointConnection): SocketServer.SocketServer["Service"] => ({
  address: Result.getOrElse(NetAddress.inetAddressFromString(connection.remoteAddress), () => nowhere),
  run: (handler) =>
    Effect.scopedWith((scope) => {
      const next = Effect.gen(function* () {
        const own = yield* Scope.fork(scope)
        const stream = yield* Effect.onError(Scope.provide(connection.acceptBi, own), (cause) =>
          Scope.close(own, Exit.failCause(cause))
        )
        yield* Effect.forkIn(
          Effect.onExit(handler(fixed(stream)), (exit) => Scope.close(own, exit)),
          scope
        )
      })
      return Effect.mapError(
        Effect.forever(next),
        (cause) => new SocketServer.SocketServerError({ reason: new SocketServer.SocketServerUnknownError({ cause }) })
      )
    })
})
