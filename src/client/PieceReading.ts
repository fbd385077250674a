/**
 * Reads a whole body piece by piece, without a Stream and without a fiber for its time limit. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as HttpClientError from "effect/http/HttpClientError"

import { startTimer } from "../core/TimeBound.ts"
import type { TimeLimit } from "../core/TimeBound.ts"

type Failure = HttpClientError.HttpClientError
type Pieces = ReadonlyArray<Uint8Array>

/** A body that hands over its pieces by callbacks. */
export interface PieceSource {
  /** Waits for the next pieces, or for the end: calls one of the two once, at once where it can. */
  take(onPieces: (pieces: Pieces) => void, onEnd: (failure: Failure | undefined) => void): void
  /** Ends a body that has not ended: its reader left. */
  cancel(): void
}

/** The hooks of a reader. */
export interface ReadingHooks {
  /** Called in the fiber of the reader with each piece, or once with the whole body. A failure breaks the body off. */
  readonly piece: (bytes: Uint8Array) => Failure | undefined
  readonly isByPieces: boolean
  /** Whether the whole body counts as one piece, so that its pieces do not begin a new wait. */
  readonly isOnePiece: boolean
  /** How long one wait may take that began at a time. */
  readonly limitAt: ((since: number) => TimeLimit<Failure>) | undefined
}

/** Reads the whole body of a source. */
export const readPieces = (source: PieceSource, hooks?: ReadingHooks): Effect.Effect<ArrayBuffer, Failure> => {
  if (hooks === undefined) return collect(source, undefined, false)
  if (hooks.isByPieces) return readEach(source, hooks)
  return Effect.flatMap(collect(source, hooks.limitAt, hooks.isOnePiece), (bytes) => {
    const failure = hooks.piece(new Uint8Array(bytes))
    return failure === undefined ? Exit.succeed(bytes) : Exit.fail(failure)
  })
}

/** The pieces of a body, and their size. */
class Collected {
  private readonly pieces: Array<Uint8Array> = []
  private size = 0

  add(pieces: Pieces): void {
    for (const piece of pieces) {
      this.pieces.push(piece)
      this.size += piece.length
    }
  }

  joined(): ArrayBuffer {
    const [first] = this.pieces
    if (this.pieces.length === 1 && isWholeBuffer(first!)) return first.buffer
    const bytes = new Uint8Array(this.size)
    let offset = 0
    for (const piece of this.pieces) {
      bytes.set(piece, offset)
      offset += piece.length
    }
    return bytes.buffer
  }
}

const isWholeBuffer = (piece: Uint8Array): piece is Uint8Array<ArrayBuffer> =>
  piece.buffer instanceof ArrayBuffer && piece.length === piece.buffer.byteLength

/** One wait, or several in a row, within their limit. The timer is started again only when it fires, however many pieces arrive. */
class Waiting {
  private readonly fiber = Fiber.getCurrent()!
  private readonly clock = this.fiber.getRef(Clock.Clock)
  private readonly limitAt: (since: number) => TimeLimit<Failure>
  private limit: TimeLimit<Failure>
  private since = this.clock.currentTimeMillisUnsafe()
  private cancel: (() => void) | undefined

  constructor(limitAt: (since: number) => TimeLimit<Failure>) {
    this.limitAt = limitAt
    this.limit = limitAt(this.since)
  }

  /** Whether there is no time at all. */
  get isLate(): boolean {
    return this.limit.millis <= 0
  }

  // It is made in the fiber of the reader, whose references say what is redacted.
  get failure(): Effect.Effect<never, Failure> {
    return Effect.suspend(() => Exit.fail(this.limit.onTimeout()))
  }

  start(onLate: () => void): void {
    const { since } = this
    const left = since + this.limit.millis - this.clock.currentTimeMillisUnsafe()
    if (left <= 0) return onLate()
    this.cancel = startTimer(this.fiber, left, () => {
      // Nothing has moved: it is late, whatever a clock says whose sleeps are shorter than its time.
      if (this.since === since) return onLate()
      this.limit = this.limitAt(this.since)
      this.start(onLate)
    })
  }

  moved(): void {
    this.since = this.clock.currentTimeMillisUnsafe()
  }

  stop(): void {
    this.cancel?.()
  }
}

/** Reads all pieces in the callbacks of the source. */
const collect = (
  source: PieceSource,
  limitAt: ReadingHooks["limitAt"],
  isOnePiece: boolean
): Effect.Effect<ArrayBuffer, Failure> =>
  Effect.callback((resume) => {
    const waiting = limitAt === undefined ? undefined : new Waiting(limitAt)
    const collected = new Collected()
    let isOver = false
    const end = (result: Effect.Effect<ArrayBuffer, Failure>): void => {
      if (isOver) return
      isOver = true
      waiting?.stop()
      resume(result)
    }
    const onLate = (): void => {
      end(waiting!.failure)
      source.cancel()
    }
    const take = (): void =>
      source.take(
        (pieces) => {
          if (isOver) return
          collected.add(pieces)
          if (!isOnePiece) waiting?.moved()
          take()
        },
        (failure) => end(failure === undefined ? Exit.succeed(collected.joined()) : Exit.fail(failure))
      )
    if (waiting?.isLate === true) return onLate()
    take()
    if (isOver) return undefined
    waiting?.start(onLate)
    return Effect.sync(() => {
      isOver = true
      waiting?.stop()
      source.cancel()
    })
  })

/** Reads piece by piece in the fiber of the reader. */
const readEach = (source: PieceSource, hooks: ReadingHooks): Effect.Effect<ArrayBuffer, Failure> => {
  const collected = new Collected()
  const next = takeWithin(source, hooks.limitAt)
  const loop: Effect.Effect<ArrayBuffer, Failure> = Effect.flatMap(next, (pieces) => {
    if (pieces === undefined) return Exit.succeed(collected.joined())
    for (const piece of pieces) {
      const failure = hooks.piece(piece)
      if (failure !== undefined) return Exit.fail(failure)
    }
    collected.add(pieces)
    return loop
  })
  return Effect.onExit(loop, (exit) => {
    if (Exit.isFailure(exit)) source.cancel()
    return Exit.void
  })
}

/** The next pieces within their limit; `undefined` at the end. */
const takeWithin = (
  source: PieceSource,
  limitAt: ReadingHooks["limitAt"]
): Effect.Effect<Pieces | undefined, Failure> =>
  Effect.callback((resume) => {
    const waiting = limitAt === undefined ? undefined : new Waiting(limitAt)
    let isOver = false
    const end = (result: Effect.Effect<Pieces | undefined, Failure>): void => {
      if (isOver) return
      isOver = true
      waiting?.stop()
      resume(result)
    }
    const onLate = (): void => end(waiting!.failure)
    if (waiting?.isLate === true) return onLate()
    source.take(
      (pieces) => end(Exit.succeed(pieces)),
      (failure) => end(failure === undefined ? Exit.succeed(undefined) : Exit.fail(failure))
    )
    if (isOver) return undefined
    waiting?.start(onLate)
    return Effect.sync(() => {
      isOver = true
      waiting?.stop()
    })
  })

/** The body of a web response, which `onError` makes a failure of. `undefined` when it has none, or when it is being read. */
export const webSource = (
  { body, bodyUsed }: Response,
  onError: (cause: unknown) => Failure
): PieceSource | undefined => {
  if (body === null || bodyUsed || body.locked) return undefined
  const reader = body.getReader()
  return {
    take: (onPieces, onEnd) => {
      reader.read().then(
        ({ done, value }) => {
          if (done) return onEnd(undefined)
          if (value instanceof Uint8Array) return onPieces([value])
          reader.cancel().catch(() => {})
          return onEnd(onError(new TypeError("a piece of the body is no Uint8Array")))
        },
        (cause: unknown) => onEnd(onError(cause))
      )
    },
    cancel: () => {
      reader.cancel().catch(() => {})
    }
  }
}
