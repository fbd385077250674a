/**
 * A connection on its way to the application, from its dial or its first packet to the end of its hooks. Internal to the endpoint part.
 *
 * 1. A connection belongs to the attempt from the step that makes it: an attempt without success closes its connection with code 0, also
 *    one that arrives later.
 * 2. One step is waited for at a time. It ends by itself, by an interruption, by its time limit, or because the endpoint is closed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

import type { FlowEnd, Watch } from "../../core/Watch.ts"
import { make } from "../CloseCode.ts"
import { ConnectError, EndpointClosed } from "../EndpointError.ts"
import type { DialInfo } from "../HookPoints.ts"
import type { TransportConnection } from "../transport/TransportConnection.ts"

const zero = make(0)

/** A hook refused, ignored or sent back who wanted in. */
const turnedAway: FlowEnd = { outcome: "halt", tag: undefined }

/** Why a step that the endpoint's end cut short came to nothing. */
export const endpointClosed = (): Exit.Exit<never, ConnectError> =>
  Exit.fail(new ConnectError({ reason: new EndpointClosed({}) }))

/** A connection on its way. */
export class Attempt {
  /** The dial; nothing for an accepted connection. */
  readonly dial: DialInfo | undefined
  /** Reports the flow, from the dial or the first packet to the end of the connection; nothing when no Probe listens. */
  watch: Watch | undefined
  /** The transport's connection, once it is known. */
  connection: TransportConnection | undefined
  private scope: Scope.Closeable | undefined
  private life: Scope.Closeable | undefined
  private halt: (() => void) | undefined
  private isOver = false
  private exit: Exit.Exit<unknown, unknown> | undefined
  /** Its connection is open, or its `onClose` hooks have not ended. */
  private hasLife = false
  isAborted = false

  constructor(dial?: DialInfo) {
    this.dial = dial
  }

  /** The scope of `beforeConnect` and `beforeAccept`: it ends with the attempt. */
  readonly attemptScope = (): Scope.Scope => (this.scope ??= Scope.makeUnsafe())

  /** The scope of `afterHandshake`: it ends with the connection. */
  readonly connectionScope = (): Scope.Scope => (this.life ??= Scope.makeUnsafe())

  /** The handshake is done. A late connection is closed. */
  connect(connection: TransportConnection): void {
    if (this.isOver) connection.close(zero, "")
    else this.connection = connection
  }

  /** A connection exists, and `endLife` will be called at its end. */
  beginLife(): void {
    this.hasLife = true
  }

  /** Cuts the current step short. */
  set onAbort(halt: (() => void) | undefined) {
    this.halt = halt
    if (halt !== undefined && this.isAborted) halt()
  }

  /** The endpoint is being closed. */
  abort(): void {
    if (this.isOver || this.isAborted) return
    this.isAborted = true
    this.halt?.()
  }

  /** The connection has ended, and its hooks have heard of it. */
  endLife(): Effect.Effect<void> {
    const closing = (this.life && Scope.closeUnsafe(this.life, Exit.void)) ?? Effect.void
    if (this.watch === undefined) return closing
    return Effect.ensuring(
      closing,
      Effect.sync(() => {
        this.hasLife = false
        this.closeFlow()
      })
    )
  }

  /** The attempt has ended, and has neither a scope nor a flow that ends with it. */
  endAtOnce(exit: Exit.Exit<unknown, unknown>): void {
    this.isOver = true
    if (Exit.isFailure(exit)) this.connection?.close(zero, "")
  }

  /** The attempt has ended. */
  end(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    this.endAtOnce(exit)
    const closing = (this.scope && Scope.closeUnsafe(this.scope, exit)) ?? Effect.void
    if (this.watch === undefined) return closing
    return Effect.ensuring(
      closing,
      Effect.sync(() => {
        this.exit = exit
        this.closeFlow()
      })
    )
  }

  /** The flow ends with the attempt, or with its connection where it came to one. */
  private closeFlow(): void {
    const { exit, hasLife, watch } = this
    if (exit === undefined || hasLife) return
    if (Exit.isSuccess(exit) && this.connection === undefined) watch?.close(exit, turnedAway)
    else watch?.close(exit)
  }
}
