/**
 * A native connection as the endpoint part carries it. Internal to the iroh transport.
 *
 * @since 0.1.0
 */
import type * as Iroh from "@number0/iroh"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import type { BiStream, Info } from "../Connection.ts"
import type { Channel } from "../Datagrams.ts"
import { CloseReason, ConnectionEnded, StreamError } from "../Errors.ts"
import { EndpointId } from "../Identity.ts"
import type { Alpn } from "../Identity.ts"
import type { Carried } from "../Transport.ts"
import { datagrams } from "./NativeDatagrams.ts"
import { receiving, sending } from "./NativeStream.ts"
import type { Carrier } from "./NativeStream.ts"
import { closeReason, streamFailure } from "./NativeText.ts"
import { Outstanding } from "./Outstanding.ts"

/** QUIC sends of a reason what fits into one packet (RFC 9000 §19.19). */
const maxReason = 1024

/** The text in UTF-8, cut behind a whole character. */
const reasonBytes = (text: string): Array<number> => {
  const bytes = new Uint8Array(maxReason)
  const { written } = new TextEncoder().encodeInto(text, bytes)
  return Array.from(bytes.subarray(0, written))
}

const failed = (how: CloseReason): Exit.Exit<never, StreamError> =>
  Exit.fail(new StreamError({ reason: new ConnectionEnded({ how }) }))

const channels = new WeakMap<Carried, Channel>()

/** The datagrams of what was carried here. */
export const channelOf = (carried: Carried): Channel | undefined => channels.get(carried)

/** `open` holds it until it has ended. */
export const carry = (
  native: Iroh.Connection,
  side: Info["side"],
  address: string,
  open: Set<Iroh.Connection>
): Carried => {
  const over = native
    .closed()
    .then(closeReason, (cause): CloseReason => CloseReason.make({ _tag: "Transport", cause }))
    .then((how) => {
      carrier.ended = how
      carrier.held.clear()
      open.delete(native)
      return how
    })
  const carrier: { -readonly [K in keyof Carrier]: Carrier[K] } = {
    ended: undefined,
    held: new Set(),
    bytesSent: 0,
    bytesReceived: 0,
    over: () => (carrier.ended === undefined ? undefined : failed(carrier.ended)),
    failure: async (cause) => {
      const reason = streamFailure(cause)
      return reason === undefined ? failed(await over) : Exit.fail(new StreamError({ reason }))
    }
  }

  /** Only the connection's end can fail it. */
  const streams = <A, B>(
    call: () => Promise<A>,
    wrap: (stream: A) => B,
    most: "one" | "each"
  ): Effect.Effect<B, StreamError> =>
    new Outstanding<B, StreamError>(
      () =>
        call().then(
          (stream) => Exit.succeed(wrap(stream)),
          async () => failed(await over)
        ),
      most
    ).take
  const both = ({ recv, send }: Iroh.BiStream): BiStream => ({
    send: sending(send, carrier),
    recv: receiving(recv, carrier)
  })

  open.add(native)
  const carried: Carried = {
    remoteId: EndpointId.make(native.remoteId().toString()),
    alpn: Uint8Array.from(native.alpn()) as Alpn,
    side,
    remoteAddress: native.paths().find(({ isSelected }) => isSelected)?.remoteAddr ?? address,
    openBi: streams(() => native.openBi(), both, "each"),
    openUni: streams(
      () => native.openUni(),
      (stream) => sending(stream, carrier),
      "each"
    ),
    // In the order in which the peer opened them.
    acceptBi: streams(() => native.acceptBi(), both, "one"),
    acceptUni: streams(
      () => native.acceptUni(),
      (stream) => receiving(stream, carrier),
      "one"
    ),
    close: (code, reason) => Effect.sync(() => native.close(code, reasonBytes(reason))),
    closed: Effect.promise(() => over),
    stats: Effect.sync(() => ({ bytesSent: carrier.bytesSent, bytesReceived: carrier.bytesReceived }))
  }
  channels.set(carried, datagrams(native, carrier, over))
  return carried
}
