/**
 * Two ends of a socket in memory, and a request that can be upgraded to one of them. Internal to the testing kits.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Queue from "effect/Queue"
import * as Socket from "effect/socket/Socket"

type Frames = Queue.Queue<Uint8Array | string, Socket.SocketError>

/** The two ends. A written `CloseEvent` closes both. */
export interface SocketPair {
  readonly client: Socket.Socket
  readonly server: Socket.Socket
  /** Closes both ends. */
  readonly close: (code: number, reason?: string) => Effect.Effect<void>
}

/** Makes a pair. */
export const makePair: Effect.Effect<SocketPair> = Effect.gen(function* () {
  const toServer: Frames = yield* Queue.unbounded<Uint8Array | string, Socket.SocketError>()
  const toClient: Frames = yield* Queue.unbounded<Uint8Array | string, Socket.SocketError>()
  let closed: Socket.SocketError | undefined
  const close = (code: number, closeReason?: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const reason = new Socket.SocketCloseError({ code, ...(closeReason === undefined ? {} : { closeReason }) })
      closed ??= new Socket.SocketError({ reason })
      return Effect.andThen(Queue.fail(toServer, closed), Queue.fail(toClient, closed))
    })
  const end = (incoming: Frames, outgoing: Frames): Socket.Socket => {
    const send = (frames: ReadonlyArray<Uint8Array | string>): Effect.Effect<void, Socket.SocketError> =>
      Effect.suspend(() => {
        if (closed !== undefined) return Effect.fail(closed)
        for (const frame of frames) Queue.offerUnsafe(outgoing, frame)
        return Effect.void
      })
    return Socket.make({
      reader: Effect.succeed({ pull: Queue.takeAll(incoming), upgrade: Socket.SocketUpgradeError.unsupported }),
      writer: Effect.succeed({
        write: (frame) => (Socket.isCloseEvent(frame) ? close(frame.code, frame.reason) : send([frame])),
        writeAll: send
      })
    })
  }
  return { client: end(toClient, toServer), server: end(toServer, toClient), close }
})

/** The request, whose upgrade runs `accept`. */
export const upgradable = (
  request: HttpServerRequest.HttpServerRequest,
  accept: Effect.Effect<Socket.Socket>
): HttpServerRequest.HttpServerRequest =>
  Object.defineProperties(request, {
    upgrade: { get: () => accept },
    upgradeWith: { value: () => accept },
    modify: {
      value: (options: Parameters<typeof request.modify>[0]) =>
        upgradable(Object.getPrototypeOf(request).modify.call(request, options), accept)
    }
  })
