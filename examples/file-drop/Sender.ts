/** The side that drops files: it shows its token before the first dial, and says why a file was not taken. */
import { Effect, Option, Schema, Stream } from "effect"
import type { Redacted, Scope } from "effect"
import { Endpoint, HookChain } from "fairlead/endpoint"
import type { EndpointAddr, EndpointConnection, EndpointError, EndpointTransport, Streams } from "fairlead/endpoint"
import { preAuthDialer } from "fairlead/endpoint/hooks"

import { offers, protocol, receipts } from "./Protocol.ts"
import type { Receipt } from "./Protocol.ts"

/** The receiver does not know the sender. */
class NotAllowed extends Schema.TaggedError<NotAllowed>()("NotAllowed", {}) {}
/** The token is wrong. */
class NotAuthenticated extends Schema.TaggedError<NotAuthenticated>()("NotAuthenticated", {}) {}
/** The sender comes too often. */
class TooOften extends Schema.TaggedError<TooOften>()("TooOften", {}) {}
/** The file is larger than the receiver takes. */
class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", {}) {}
/** The receiver has a file of that name. */
class NameTaken extends Schema.TaggedError<NameTaken>()("NameTaken", {}) {}
/** The file did not arrive for another reason. */
class Undelivered extends Schema.TaggedError<Undelivered>()("Undelivered", { cause: Schema.Defect() }) {}

/** A file that was not taken. */
export class DropError extends Schema.TaggedError<DropError>()("DropError", {
  reason: Schema.Union([NotAllowed, NotAuthenticated, TooOften, TooLarge, NameTaken, Undelivered])
}) {}

type Failure = EndpointError.ConnectError | EndpointError.StreamError | Streams.FramingError | Schema.SchemaError

/** The code with which the receiver, or its hook by way of ours, said no. */
const answerOf = (error: Failure): { readonly code: bigint; readonly text: string } | undefined => {
  if (error._tag === "SchemaError" || error._tag === "FramingError") return undefined
  const { reason } = error
  if (reason._tag === "Rejected") {
    const { closeCode, reason: text, status } = reason.reject
    return { code: closeCode ?? BigInt(status), text }
  }
  if (reason._tag !== "ConnectionEnded") return undefined
  const ended: EndpointConnection.CloseReason = reason.closeReason
  return ended._tag === "ApplicationClosed" ? { code: ended.code, text: ended.reason } : undefined
}

const dropError = (cause: Failure): DropError => {
  const answer = answerOf(cause)
  switch (answer?.code) {
    case 403n:
      return new DropError({ reason: answer?.text === "not allowed" ? new NotAllowed({}) : new NotAuthenticated({}) })
    case 409n:
      return new DropError({ reason: new NameTaken({}) })
    case 413n:
      return new DropError({ reason: new TooLarge({}) })
    case 429n:
      return new DropError({ reason: new TooOften({}) })
    default:
      return new DropError({ reason: new Undelivered({ cause }) })
  }
}

/** An endpoint that only drops files. */
export const sender = (
  token: Redacted.Redacted
): Effect.Effect<
  Endpoint.Endpoint["Service"],
  EndpointError.BindError,
  EndpointTransport.EndpointTransport | Scope.Scope
> => Endpoint.make({ alpns: [], hooks: HookChain.make("sender").use(preAuthDialer({ token })) })

/** Drops a file at a peer. */
export const drop = <E>(
  endpoint: Endpoint.Endpoint["Service"],
  peer: EndpointAddr.EndpointAddr,
  file: { readonly name: string; readonly size: number; readonly content: Stream.Stream<Uint8Array, E> }
): Effect.Effect<Receipt, DropError | E> => {
  const sending = (connection: EndpointConnection.EndpointConnection) =>
    Effect.gen(function* () {
      const { recv, send } = yield* Effect.mapError(connection.openBi, dropError)
      yield* Effect.mapError(offers.write(send, { name: file.name, size: file.size }), dropError)
      // The receiver may say no while we still write: its answer is how the connection ends.
      yield* Stream.runForEach(file.content, (chunk) => Effect.mapError(send.write(chunk), dropError))
      yield* Effect.mapError(send.finish, dropError)
      const receipt = yield* Effect.mapError(receipts.read(recv), dropError)
      if (Option.isSome(receipt)) return receipt.value
      return yield* new DropError({ reason: new Undelivered({ cause: new Error("there is no receipt") }) })
    })
  return Effect.scoped(Effect.flatMap(Effect.mapError(endpoint.connect(peer, protocol), dropError), sending))
}
