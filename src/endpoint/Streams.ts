/**
 * The common uses of streams: whole texts and files, messages with a schema, Effect's `Stream` and `Sink`, Effect RPC.
 *
 * **Example** (Messages with a schema)
 *
 * ```ts
 * import { Effect, Schema, Stream } from "effect"
 * import { Streams } from "fairlead/endpoint"
 * import type { EndpointConnection } from "fairlead/endpoint"
 *
 * const Chat = Streams.messages(Schema.Struct({ from: Schema.String, text: Schema.String }))
 *
 * const say = (connection: EndpointConnection.EndpointConnection, text: string) =>
 *   Effect.scoped(Effect.flatMap(connection.openUni, (send) => Chat.write(send, { from: "ada", text })))
 *
 * const listen = (connection: EndpointConnection.EndpointConnection) =>
 *   Effect.scoped(
 *     Effect.flatMap(connection.acceptUni, (recv) =>
 *       Stream.runForEach(Chat.readAll(recv), ({ from, text }) => Effect.log(`${from}: ${text}`))
 *     )
 *   )
 * ```
 *
 * Limits: `readToEnd` needs its bound; a message has at most `maxBytes`, 1 MiB by default, and no more is read of one that says it is longer.
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import type * as ByteSize from "effect/ByteSize"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Pull from "effect/Pull"
import * as Schema from "effect/Schema"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"

import { checkOptions } from "../core/Options.ts"
import type { RecvStream, SendStream } from "./EndpointConnection.ts"
import type { StreamError } from "./EndpointError.ts"
import { FramingError, InvalidMessage, TooManyBytes, UnexpectedEnd } from "./error/FramingError.ts"

export { FramingError, InvalidMessage, TooManyBytes, UnexpectedEnd } from "./error/FramingError.ts"
export { socket, socketServer } from "./StreamSocket.ts"

/** Reads until there are `size` bytes or the end. */
const readUpTo = (recv: RecvStream, size: number): Effect.Effect<Uint8Array, StreamError> =>
  Effect.suspend(() => {
    const bytes = new Uint8Array(size)
    let received = 0
    const next: Effect.Effect<Uint8Array, StreamError> = Effect.suspend(() =>
      received === size
        ? Effect.succeed(bytes)
        : Effect.flatMap(recv.read(size - received), (chunk) => {
            if (Option.isNone(chunk)) return Effect.succeed(bytes.subarray(0, received))
            bytes.set(chunk.value, received)
            received += chunk.value.length
            return next
          })
    )
    return next
  })

const fail = (reason: FramingError["reason"]) => Effect.fail(new FramingError({ reason }))

/**
 * Reads exactly that many bytes.
 *
 * @category reading
 * @since 0.1.0
 */
export const readExact = (recv: RecvStream, size: number): Effect.Effect<Uint8Array, StreamError | FramingError> =>
  Effect.flatMap(readUpTo(recv, size), (bytes) =>
    bytes.length === size
      ? Effect.succeed(bytes)
      : fail(new UnexpectedEnd({ expectedBytes: size, receivedBytes: bytes.length }))
  )

/**
 * Reads all that the peer sends until it finishes, at most `maxBytes`.
 *
 * @category reading
 * @since 0.1.0
 */
export const readToEnd = (
  recv: RecvStream,
  maxBytes: ByteSize.Input
): Effect.Effect<Uint8Array, StreamError | FramingError> => {
  const most = checkOptions("Streams.readToEnd").bytes("maxBytes", maxBytes, 0)
  const chunks: Array<Uint8Array> = []
  return Effect.suspend(() => {
    chunks.length = 0
    let size = 0
    const next: Effect.Effect<Uint8Array, StreamError | FramingError> = Effect.flatMap(recv.read(), (chunk) => {
      if (Option.isNone(chunk)) return Effect.succeed(joined(chunks, size))
      size += chunk.value.length
      if (size > most) return fail(new TooManyBytes({ maxBytes: most }))
      chunks.push(chunk.value)
      return next
    })
    return next
  })
}

const joined = (chunks: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}

/**
 * Sends bytes and says that this was all.
 *
 * @category writing
 * @since 0.1.0
 */
export const writeAll = (send: SendStream, bytes: Uint8Array): Effect.Effect<void, StreamError> =>
  Effect.andThen(send.write(bytes), send.finish)

/**
 * The peer's bytes, as a stream that ends when the peer finishes. A reader that stops early reads no more; the end of the stream's scope stops the peer.
 *
 * @category reading
 * @since 0.1.0
 */
export const toStream = (recv: RecvStream): Stream.Stream<Uint8Array, StreamError> =>
  Stream.fromPull(
    Effect.succeed(
      Effect.flatMap(recv.read(), (chunk): Pull.Pull<Arr.NonEmptyReadonlyArray<Uint8Array>, StreamError> =>
        Option.isNone(chunk) ? Cause.done() : Effect.succeed(Arr.of(chunk.value))
      )
    )
  )

/**
 * A sink that sends bytes, and finishes the stream after them.
 *
 * @category writing
 * @since 0.1.0
 */
export const toSink = (send: SendStream): Sink.Sink<void, Uint8Array, never, StreamError> =>
  Sink.mapEffectEnd(
    Sink.forEach((bytes: Uint8Array) => send.write(bytes)),
    (end) => Effect.as(send.finish, end)
  )

/**
 * Messages of one schema over streams. Each is JSON, after its length in four bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Messages<A, RD, RE> {
  /** Sends one. */
  readonly write: (send: SendStream, message: A) => Effect.Effect<void, StreamError | Schema.SchemaError, RE>
  /** Reads one; none when the peer has finished. */
  readonly read: (recv: RecvStream) => Effect.Effect<Option.Option<A>, StreamError | FramingError, RD>
  /** Reads them all. */
  readonly readAll: (recv: RecvStream) => Stream.Stream<A, StreamError | FramingError, RD>
  /** Sends a stream of them, and finishes. */
  readonly writeAll: (send: SendStream) => Sink.Sink<void, A, never, StreamError | Schema.SchemaError, RE>
}

/**
 * Options of `messages`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MessagesOptions {
  /** The most bytes of a message. Default: 1 MiB. */
  readonly maxBytes?: ByteSize.Input
}

/**
 * Messages of a schema.
 *
 * @category constructors
 * @since 0.1.0
 */
export const messages = <A, I, RD, RE>(
  schema: Schema.Codec<A, I, RD, RE>,
  options: MessagesOptions = {}
): Messages<A, RD, RE> => {
  const check = checkOptions("Streams.messages")
  const maxBytes = options.maxBytes === undefined ? 1_048_576 : check.bytes("maxBytes", options.maxBytes)
  const json: Schema.Codec<A, Schema.Json, RD, RE> = Schema.toCodecJson(schema)
  const codec: Schema.Codec<A, string, RD, RE> = Schema.fromJsonString(json)
  const encode = Schema.encodeEffect(codec)
  const decode = Schema.decodeEffect(codec)

  const write: Messages<A, RD, RE>["write"] = (send, message) =>
    Effect.flatMap(encode(message), (text) => {
      const body = new TextEncoder().encode(text)
      const bytes = new Uint8Array(4 + body.length)
      new DataView(bytes.buffer).setUint32(0, body.length)
      bytes.set(body, 4)
      return send.write(bytes)
    })

  const read: Messages<A, RD, RE>["read"] = (recv) =>
    Effect.gen(function* () {
      const head = yield* readUpTo(recv, 4)
      if (head.length === 0) return Option.none<A>()
      if (head.length < 4) return yield* fail(new UnexpectedEnd({ expectedBytes: 4, receivedBytes: head.length }))
      const size = new DataView(head.buffer, head.byteOffset).getUint32(0)
      if (size > maxBytes) return yield* fail(new TooManyBytes({ maxBytes }))
      const body = yield* readExact(recv, size)
      const invalid = (cause: unknown) => new FramingError({ reason: new InvalidMessage({ cause }) })
      return Option.some(yield* Effect.mapError(decode(new TextDecoder().decode(body)), invalid))
    })

  return {
    write,
    read,
    readAll: (recv) =>
      Stream.fromPull(
        Effect.succeed(
          Effect.flatMap(read(recv), (message): Pull.Pull<Arr.NonEmptyReadonlyArray<A>, StreamError | FramingError> =>
            Option.isNone(message) ? Cause.done() : Effect.succeed(Arr.of(message.value))
          )
        )
      ),
    writeAll: (send) =>
      Sink.mapEffectEnd(
        Sink.forEach((message: A) => write(send, message)),
        (end) => Effect.as(send.finish, end)
      )
  }
}
