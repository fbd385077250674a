/**
 * The body of a response on its way into a store, read by its callers at the same time. Internal to the client part.
 *
 * 1. The network is read as fast as the fastest reader reads, and at most 64 KiB more.
 * 2. The first 1 MiB is kept until the end, so that further callers can join. Beyond that pieces are dropped when all readers have them: nobody joins any more, and the
 *    network is read as fast as the slowest reader, with 1 MiB between the two.
 * 3. When the last reader leaves, the rest is read into the store where it is small enough, else the network is left.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

type Failure = HttpClientError.HttpClientError
type Pieces = [Uint8Array, ...Array<Uint8Array>]

/** How many bytes more than the fastest reader, and than the slowest one, are read from the network. */
const aheadBytes = 64 * 1024
const windowBytes = 1024 * 1024

/** One reader: the index of its next piece, and the bytes before it. */
interface Cursor {
  index: number
  offset: number
}

/** A body under way. */
export class Fill {
  private pieces: Array<Uint8Array> = []
  /** The index of the first piece in memory. */
  private base = 0
  private received = 0
  private end: Exit.Exit<void, Failure> | undefined
  private readonly cursors = new Set<Cursor>()
  private readonly wakes = new Set<() => void>()
  private resumePump: (() => void) | undefined
  private isFinishing = false
  private readonly mayFinish: (received: number) => boolean
  private readonly onAbandoned: () => void

  constructor(mayFinish: (received: number) => boolean, onAbandoned: () => void) {
    this.mayFinish = mayFinish
    this.onAbandoned = onAbandoned
  }

  /** Whether another caller can still read it from its beginning. */
  get isJoinable(): boolean {
    return this.base === 0 && !this.isFinishing && this.received <= windowBytes
  }

  /** Takes a piece from the network; waits until the next one is wanted. */
  push(piece: Uint8Array): Effect.Effect<void> {
    this.received += piece.length
    this.pieces.push(piece)
    this.trim()
    this.wakeReaders()
    return this.isWanted()
      ? Exit.void
      : Effect.callback((resume) => {
          this.resumePump = () => resume(Exit.void)
          // Readers may have read on, or left, since the check.
          this.wakePump()
          return Effect.sync(() => (this.resumePump = undefined))
        })
  }

  finish(end: Exit.Exit<void, Failure>): void {
    if (this.end !== undefined) return
    this.end = end
    this.wakeReaders()
  }

  /** A place at the beginning: it holds the body until it is left. */
  join(): Cursor {
    const cursor: Cursor = { index: 0, offset: 0 }
    this.cursors.add(cursor)
    return cursor
  }

  leave(cursor: Cursor): void {
    if (!this.cursors.delete(cursor)) return
    this.trim()
    if (this.cursors.size === 0 && this.end === undefined) {
      if (this.mayFinish(this.received)) this.isFinishing = true
      else return this.onAbandoned()
    }
    this.wakePump()
  }

  /** Leaves the body when nobody has joined it. */
  dispose(): void {
    if (this.cursors.size === 0) this.leave(this.join())
  }

  /** Whether the body has ended. */
  get isOver(): boolean {
    return this.end !== undefined
  }

  /** Whether the rest is still worth its reading, after all readers have left. */
  get isLeft(): boolean {
    return this.isFinishing && !this.mayFinish(this.received)
  }

  /** Reads from a cursor to the end. Each piece belongs to the reader. */
  stream(take: () => Cursor | undefined, onTaken: () => Failure): Stream.Stream<Uint8Array, Failure> {
    return Stream.transformPull(Stream.empty, (_, scope) => {
      const cursor = take()
      if (cursor === undefined) return Effect.succeed(Effect.fail(onTaken()))
      const left = Scope.addFinalizer(
        scope,
        Effect.sync(() => this.leave(cursor))
      )
      return Effect.as(left, this.pull(cursor))
    })
  }

  private pull(cursor: Cursor): Effect.Effect<Pieces, Failure | Cause.Done> {
    const next = (): Exit.Exit<Pieces, Failure | Cause.Done> | undefined => {
      const piece = this.pieces[cursor.index - this.base]
      if (piece !== undefined) {
        cursor.index++
        cursor.offset += piece.length
        this.trim()
        this.wakePump()
        return Exit.succeed([new Uint8Array(piece)])
      }
      if (this.end === undefined) return undefined
      return Exit.isSuccess(this.end) ? Exit.fail(Cause.Done()) : Exit.failCause(this.end.cause)
    }
    return Effect.suspend(
      () =>
        next() ??
        Effect.callback<Pieces, Failure | Cause.Done>((resume) => {
          const wake = (): void => {
            const exit = next()
            if (exit === undefined) return
            this.wakes.delete(wake)
            resume(exit)
          }
          this.wakes.add(wake)
          // A piece or the end may have come since the check.
          wake()
          this.wakePump()
          return Effect.sync(() => this.wakes.delete(wake))
        })
    )
  }

  private isWanted(): boolean {
    if (this.isFinishing) return true
    let fastest = 0
    let slowest = Infinity
    for (const { offset } of this.cursors) {
      fastest = Math.max(fastest, offset)
      slowest = Math.min(slowest, offset)
    }
    if (this.wakes.size === 0 && this.received - fastest >= aheadBytes) return false
    return this.received <= windowBytes || this.received - slowest < windowBytes
  }

  /** Drops what all readers have, when it is too much to keep. */
  private trim(): void {
    if (this.received <= windowBytes && !this.isFinishing) return
    let first = this.base + this.pieces.length
    for (const { index } of this.cursors) first = Math.min(first, index)
    if (first === this.base) return
    this.pieces = this.pieces.slice(first - this.base)
    this.base = first
  }

  private wakeReaders(): void {
    for (const wake of this.wakes) wake()
  }

  private wakePump(): void {
    if (this.resumePump === undefined || !this.isWanted()) return
    const resume = this.resumePump
    this.resumePump = undefined
    resume()
  }
}
