/**
 * The body of a response as undici's dispatcher hands it over, read without a Node stream in between.
 *
 * It knows nothing of its response, so that a response that nobody holds can be collected, which aborts its request.
 *
 * @since 0.1.0
 */
import type { Dispatcher } from "@effect/platform-node/Undici"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import type { PieceSource } from "../PieceReading.ts"

type Controller = Dispatcher.DispatchController

/** How many bytes are held before the connection is paused. */
const highWaterMark = 64 * 1024

type Failure = HttpClientError.HttpClientError
type Pieces = readonly [Uint8Array, ...Array<Uint8Array>]

/** A body under way. */
export class DispatchedBody {
  private readonly controller: Controller
  private pieces: Array<Uint8Array> = []
  private held = 0
  private isCollected = false
  private isTaken = false
  private end: Exit.Exit<never, unknown> | undefined
  private wake: (() => unknown) | undefined
  private readonly onOver: () => void

  constructor(controller: Controller, onOver: () => void) {
    this.controller = controller
    this.onOver = onOver
  }

  push(piece: Uint8Array): void {
    this.pieces.push(piece)
    this.held += piece.length
    if (!this.isCollected && this.held >= highWaterMark) this.controller.pause()
    this.wakeUp()
  }

  complete(): void {
    this.finish(Exit.fail(Cause.Done()))
  }

  fail(cause: unknown): void {
    this.finish(Exit.fail(cause))
  }

  abort(reason: Error): void {
    if (this.end !== undefined) return
    this.finish(Exit.fail(reason))
    this.controller.abort(reason)
  }

  /** The body for the reader of the whole. It can be read once, in one of the two ways. */
  source(onError: (cause: unknown) => Failure): PieceSource {
    if (this.isTaken) return { take: (_, onEnd) => onEnd(onError(alreadyRead())), cancel: () => {} }
    this.isTaken = this.isCollected = true
    return {
      take: (onPieces, onEnd) => {
        if (this.hand(onPieces, onEnd, onError)) return
        this.wake = () => void this.hand(onPieces, onEnd, onError)
        this.controller.resume()
      },
      cancel: () => this.abort(leftByReader())
    }
  }

  stream(onError: (cause: unknown) => Failure): Stream.Stream<Uint8Array, Failure> {
    return Stream.transformPull(Stream.empty, (_, scope) => {
      if (this.isTaken) return Effect.succeed(Effect.fail(onError(alreadyRead())))
      this.isTaken = true
      const closed = Scope.addFinalizer(
        scope,
        Effect.sync(() => this.abort(leftByReader()))
      )
      return Effect.as(closed, this.pull(onError))
    })
  }

  private pull(onError: (cause: unknown) => Failure): Effect.Effect<Pieces, Failure | Cause.Done> {
    return Effect.callback((resume) => {
      const hand = (): boolean =>
        this.hand(
          (pieces) => {
            if (this.end === undefined) this.controller.resume()
            resume(Exit.succeed(pieces))
          },
          (failure) => resume(failure === undefined ? Exit.fail(Cause.Done()) : Exit.fail(failure)),
          onError
        )
      if (hand()) return undefined
      this.wake = hand
      return Effect.sync(() => (this.wake = undefined))
    })
  }

  /** Hands over the pieces that are held, or the end; it is false when there is neither. */
  private hand(
    onPieces: (pieces: Pieces) => void,
    onEnd: (failure: Failure | undefined) => void,
    onError: (cause: unknown) => Failure
  ): boolean {
    const { end, pieces } = this
    if (isNonEmpty(pieces)) {
      this.pieces = []
      this.held = 0
      onPieces(pieces)
      return true
    }
    if (end === undefined) return false
    const cause = Exit.isFailure(end) ? end.cause.reasons.find(Cause.isFailReason)?.error : undefined
    onEnd(Cause.isDone(cause) ? undefined : onError(cause))
    return true
  }

  private finish(end: Exit.Exit<never, unknown>): void {
    if (this.end !== undefined) return
    this.end = end
    this.onOver()
    this.wakeUp()
  }

  private wakeUp(): void {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}

const alreadyRead = (): Error => new Error("the body was read before, or is being read")
const leftByReader = (): Error => new Error("the reader of the body left")

const isNonEmpty = (pieces: ReadonlyArray<Uint8Array>): pieces is Pieces => pieces.length > 0
