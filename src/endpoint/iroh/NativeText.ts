/**
 * Parses the texts of the binding, which reports everything by texts: the end of a connection, and why a call failed. Internal to the iroh transport.
 *
 * 1. A peer chooses some of the words: the reason of its close, the reason of a failed handshake. So a text is read from its start, and an unknown text is
 *    the transport's failure, never guessed.
 * 2. With `RUST_BACKTRACE` set the text has wrappers before the error and a backtrace after it.
 *
 * @since 0.1.0
 */
import type { Alpn } from "../Alpn.ts"
import { make as closeCode } from "../CloseCode.ts"
import type { CloseCode } from "../CloseCode.ts"
import type { CloseReason } from "../EndpointConnection.ts"
import {
  AlpnMismatch,
  ConnectError,
  ConnectionEnded,
  ConnectionRefused,
  IdentityMismatch,
  NoAddress,
  SelfConnect,
  StreamFinished,
  StreamReset,
  StreamStopped,
  TimedOut,
  TransportError
} from "../EndpointError.ts"
import type { StreamError } from "../EndpointError.ts"
import type { EndpointId } from "../EndpointId.ts"

/** A failure's text, without a backtrace. */
export const textOf = (cause: unknown): string => {
  const text = cause instanceof Error ? cause.message : String(cause)
  const trace = text.indexOf("\n\nStack backtrace:")
  return trace < 0 ? text : text.slice(0, trace)
}

const trimmed = (cause: unknown): Error => new Error(textOf(cause))

const codeOf = (digits = ""): CloseCode | undefined =>
  digits !== "" && BigInt(digits) < 2n ** 62n ? closeCode(BigInt(digits)) : undefined

/** The connection was closed here. Made once, as the others below, and not by the schema: each connection ends. */
export const locallyClosed: CloseReason = { _tag: "LocallyClosed" }
const timedOut: CloseReason = { _tag: "TimedOut" }
const reset: CloseReason = { _tag: "Reset" }

/** How a connection ended, by the text of its end. A peer's reason may itself look like a code: the last one counts. */
export const closeReason = (text: string): CloseReason => {
  const [, reason = "", last, only] = /^closed by peer: (?:([^]*) \(code (\d{1,19})\)|(\d{1,19}))$/.exec(text) ?? []
  const code = codeOf(last ?? only)
  if (code !== undefined) return { _tag: "ApplicationClosed", code, reason }
  switch (text) {
    case "closed":
      return locallyClosed
    case "timed out":
      return timedOut
    case "reset by peer":
      return reset
    default:
      return { _tag: "TransportError", cause: new Error(text) }
  }
}

/** The error inside of the wrappers: `ConnectError::Connecting (file:1:2)`, then `Caused by:`, then the words. */
const leafOf = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trim())
    .find((line) => line !== "" && line !== "Caused by:" && !/^\w+::\w+ \(.+\)$/.test(line)) ?? ""

const known = (leaf: string, id: EndpointId, alpn: Alpn): ConnectError["reason"] | undefined => {
  if (leaf === "timed out") return new TimedOut({})
  if (leaf === "aborted by peer: the server refused to accept a new connection") return new ConnectionRefused({})
  // The alerts of TLS: no application protocol, and unknown ca. Only our own side knows who answered.
  if (leaf.startsWith("aborted by peer: the cryptographic handshake failed: error 120:"))
    return new AlpnMismatch({ alpn })
  if (leaf.startsWith("the cryptographic handshake failed: error 48:")) return new IdentityMismatch({ expected: id })
  if (leaf.startsWith("Connecting to ourself is not supported")) return new SelfConnect({})
  if (leaf.startsWith("No addressing information available")) return new NoAddress({ id })
  return undefined
}

/** Why a dial failed. */
export const connectError = (cause: unknown, id: EndpointId, alpn: Alpn): ConnectError =>
  new ConnectError({ reason: known(leafOf(textOf(cause)), id, alpn) ?? new TransportError({ cause: trimmed(cause) }) })

/** Why a handshake with a peer that knocked failed. */
export const acceptError = (cause: unknown): ConnectError =>
  new ConnectError({
    reason: leafOf(textOf(cause)) === "timed out" ? new TimedOut({}) : new TransportError({ cause: trimmed(cause) })
  })

/** Why a stream failed; nothing where its connection has ended, whose end says more. */
export const streamFailure = (cause: unknown): StreamError["reason"] | undefined => {
  const text = textOf(cause)
  if (text.startsWith("ConnectionLost(")) return undefined
  if (/^ClosedStream\b/.test(text)) return new StreamFinished({})
  const [, how, digits] = /^(Reset|Stopped)\((\d{1,19})\)$/.exec(text) ?? []
  const code = codeOf(digits)
  if (code === undefined) {
    return new ConnectionEnded({ closeReason: { _tag: "TransportError", cause: trimmed(cause) } })
  }
  return how === "Reset" ? new StreamReset({ code }) : new StreamStopped({ code })
}
