/** What the binding's texts mean, and that no peer can make one mean something else. */
import { assert, describe, it } from "@effect/vitest"
import { EndpointId } from "fairlead/endpoint"
import * as fc from "fast-check"

import { acceptError, closeReason, connectError, streamFailure, textOf } from "../../../src/endpoint/iroh/NativeText.ts"
import { code, echo } from "../Peers.ts"

const id = EndpointId.EndpointId.make("ab".repeat(32))

const trace = "\n\nStack backtrace:\n   0: <anyhow::Error>::msg\n   1: timed out"

/** The text of a failed connect, without and with `RUST_BACKTRACE`. */
const failures = (leaf: string): ReadonlyArray<Error> => [
  new Error(leaf),
  new Error(
    `ConnectError::Connecting (/cargo/iroh 1.0.2/src/endpoint.rs:1060:20)\nCaused by:\n    ConnectingError::ConnectionError (/rust/poll.rs:258:39)\n    ${leaf}${trace}`
  )
]

/** Texts, also such as look like those of the binding. */
const words = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.constantFrom(
    "timed out",
    "closed",
    "\n    timed out",
    "Reset(1)",
    " (code 9)",
    "bye (code 9)",
    "7",
    "\n\nStack backtrace:"
  )
)

const codes = fc.bigInt({ min: 0n, max: 2n ** 62n - 1n })

describe("the texts of the binding", () => {
  it("endpoint iroh: the code and the reason of a close are read whole, whatever the reason looks like", () => {
    fc.assert(
      fc.property(codes, words, (number, reason) => {
        const text = reason === "" ? `closed by peer: ${number}` : `closed by peer: ${reason} (code ${number})`
        const read = closeReason(text)
        assert.deepInclude(read, { _tag: "ApplicationClosed", code: code(number), reason })
      })
    )
  })

  it.each([
    ["closed", "LocallyClosed"],
    ["timed out", "TimedOut"],
    ["reset by peer", "Reset"],
    ["aborted by peer: the server refused to accept a new connection", "TransportError"],
    ["aborted by peer: closed by peer: 7", "TransportError"],
    ["closed by peer: reason without a code", "TransportError"],
    [`closed by peer: ${2n ** 62n}`, "TransportError"],
    ["closed by peer: x (code 99999999999999999999)", "TransportError"],
    ["CIDs exhausted", "TransportError"],
    ["", "TransportError"]
  ])("endpoint iroh: the end %j is %s", (text, tag) => {
    assert.strictEqual(closeReason(text)._tag, tag)
  })

  it.each([
    ["timed out", "TimedOut"],
    ["aborted by peer: the server refused to accept a new connection", "ConnectionRefused"],
    [
      "aborted by peer: the cryptographic handshake failed: error 120: peer doesn't support any known protocol",
      "AlpnMismatch"
    ],
    ["the cryptographic handshake failed: error 48: invalid peer certificate: UnknownIssuer", "IdentityMismatch"],
    ["aborted by peer: the cryptographic handshake failed: error 48: invalid peer certificate", "TransportError"],
    ["closed", "TransportError"],
    ["Connecting to ourself is not supported", "SelfConnect"],
    ["No addressing information available (/x.rs:1:2)", "NoAddress"],
    ["closed by peer: enough (code 3)", "TransportError"],
    ["", "TransportError"]
  ])("endpoint iroh: the failed dial %j is %s, with a backtrace or without", (leaf, tag) => {
    for (const failure of failures(leaf)) assert.strictEqual(connectError(failure, id, echo).reason._tag, tag)
  })

  it("endpoint iroh: a peer's own words never make a failed dial another", () => {
    fc.assert(
      fc.property(
        words,
        fc.constantFrom(
          "closed by peer: ",
          "aborted by peer: the application or protocol failed: ",
          "aborted by peer: the cryptographic handshake failed: error 80: "
        ),
        (reason, start) => {
          for (const failure of failures(`${start}${reason}`)) {
            assert.strictEqual(connectError(failure, id, echo).reason._tag, "TransportError")
          }
        }
      )
    )
  })

  it("endpoint iroh: an accepted handshake times out, or fails with its cause and without a backtrace", () => {
    for (const failure of failures("timed out")) assert.strictEqual(acceptError(failure).reason._tag, "TimedOut")
    for (const failure of failures("aborted by peer: gone")) {
      const { reason } = acceptError(failure)
      assert.isTrue(reason._tag === "TransportError" && reason.cause instanceof Error)
      const message = reason._tag === "TransportError" && reason.cause instanceof Error ? reason.cause.message : ""
      assert.match(message, /aborted by peer: gone$/)
    }
  })

  it("endpoint iroh: a stream's reset and stop carry their codes", () => {
    fc.assert(
      fc.property(codes, (number) => {
        assert.deepInclude(streamFailure(new Error(`Reset(${number})${trace}`)), {
          _tag: "StreamReset",
          code: code(number)
        })
        assert.deepInclude(streamFailure(new Error(`Stopped(${number})`)), {
          _tag: "StreamStopped",
          code: code(number)
        })
      })
    )
  })

  it.each([
    ["ClosedStream { _private: () }", "StreamFinished"],
    ["ClosedStream", "StreamFinished"],
    ['ConnectionLost(ApplicationClosed(ApplicationClose { error_code: 3, reason: b"Reset(1)" }))', undefined],
    ["Reset(5) ", "ConnectionEnded"],
    [`Reset(${2n ** 62n})`, "ConnectionEnded"],
    ["ZeroRttRejected", "ConnectionEnded"]
  ])("endpoint iroh: the failed call of a stream %j is %s", (text, tag) => {
    assert.strictEqual(streamFailure(new Error(text))?._tag, tag)
  })

  it("endpoint iroh: a value other than an error has a text too", () => {
    assert.strictEqual(textOf("plain"), "plain")
  })
})
