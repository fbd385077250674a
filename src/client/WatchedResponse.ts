/**
 * The one view of a response whose body is watched: however many watch, a read is one pass. Internal to the client part.
 *
 * 1. A whole read of a web response, or of a response of `fairlead/client/node`, takes the pieces from the transport. Any other goes through the `arrayBuffer` of the
 *    response below, and its watchers see one piece; where one of them wants every piece, it goes through the stream, save that a body whose declared length is at most
 *    16 KiB counts as one piece.
 * 2. A read of `stream` is one transform for all watchers.
 * 3. Two readers of one body are one pass: the end is reported once.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import { within } from "../core/TimeBound.ts"
import type { TimeLimit } from "../core/TimeBound.ts"
import type { BodyEnd, BodyWatcher } from "./BodyWatcher.ts"
import type { Response } from "./Decision.ts"
import { inheritHeaders } from "./HeaderLines.ts"
import { readPieces, webSource } from "./PieceReading.ts"
import type { PieceSource, ReadingHooks } from "./PieceReading.ts"
import {
  bodyCause,
  BytesResponse,
  isEmptyBody,
  isOnePiece,
  ReadableResponse,
  readWhole,
  ResponseAround
} from "./ResponseBody.ts"

type Failure = HttpClientError.HttpClientError

/** A watcher that also bounds how long each wait for a piece may take. */
export interface BoundingWatcher extends BodyWatcher {
  /** The limit of a wait that began at a time of the clock. */
  readonly limitAt?: (since: number) => TimeLimit<Failure>
}

/** The response with a watcher more. */
export const watched = (response: Response, watcher: BodyWatcher): Response => {
  const view = response instanceof WatchedResponse ? response : inheritHeaders(new WatchedResponse(response), response)
  view.add(watcher)
  return view
}

class WatchedResponse extends ResponseAround {
  private readonly watchers: Array<BoundingWatcher> = []
  private read = 0
  private isEnded = false
  private isByPieces = false

  constructor(original: Response) {
    super(original, original.headers)
  }

  add(watcher: BodyWatcher): void {
    this.watchers.push(watcher)
  }

  get stream(): Stream.Stream<Uint8Array, Failure> {
    return Stream.transformPull(this.original.stream, (pull, scope) => {
      let isComplete = false
      let broken: Failure | undefined
      const fail = (error: Failure): Exit.Exit<never, Failure> => {
        broken = error
        return Exit.fail(error)
      }
      const passed = Effect.matchCauseEffect(this.bounded(pull), {
        onSuccess: (chunks) => {
          for (const chunk of chunks) {
            const error = this.piece(chunk)
            if (error !== undefined) return fail(error)
          }
          return Exit.succeed(chunks)
        },
        onFailure: (cause) => {
          if (Pull.isDoneCause(cause)) isComplete = true
          else {
            const error = cause.reasons.find(Cause.isFailReason)?.error as Failure | undefined
            if (error !== undefined && isEmptyBody(error)) isComplete = true
            else broken = error
          }
          return Exit.failCause(cause)
        }
      })
      // A reader that wants no more closes the scope with success too. A failure outside, such as a time-out there, is in the scope's exit only.
      const ended = Scope.addFinalizerExit(scope, (exit) =>
        this.ended(isComplete ? undefined : (broken ?? errorOf(exit)), isComplete)
      )
      return Effect.as(ended, passed)
    })
  }

  protected whole(): Effect.Effect<ArrayBuffer, Failure> {
    return this.readDirectly() ?? this.readByEffect()
  }

  /** Reads past the Streams of the response below, where its transport lets it. */
  private readDirectly(): Effect.Effect<ArrayBuffer, Failure> | undefined {
    const { original } = this
    if (madeByTransport(original)?.hook(() => this.hooks()) === true) return original.arrayBuffer
    const source = sourceOf(original)
    return source === undefined ? undefined : readPieces(source, this.hooks())
  }

  private hooks(): ReadingHooks {
    const isWhole = isOnePiece(this.headers)
    const isByPieces =
      !isWhole && this.watchers.some(({ everyPiece, piece }) => everyPiece === true && piece !== undefined)
    const limits = this.watchers.flatMap(({ limitAt }) => limitAt ?? [])
    return {
      piece: (bytes) => this.piece(bytes),
      isByPieces,
      isOnePiece: isWhole,
      limitAt: limits.length < 2 ? limits[0] : (since) => earliest(limits.map((limitAt) => limitAt(since)))
    }
  }

  private readByEffect(): Effect.Effect<ArrayBuffer, Failure> {
    this.isByPieces = this.watchers.some(({ everyPiece }) => everyPiece === true) && !isOnePiece(this.headers)
    if (this.isByPieces) return readWhole(this.stream)
    return Effect.flatMap(this.bounded(this.original.arrayBuffer), (bytes) => {
      const error = this.piece(new Uint8Array(bytes))
      return error === undefined ? Exit.succeed(bytes) : Exit.fail(error)
    })
  }

  protected override wholeEnded(exit: Exit.Exit<ArrayBuffer, Failure>): Effect.Effect<void> {
    return this.isByPieces ? Effect.void : this.ended(errorOf(exit), Exit.isSuccess(exit))
  }

  private bounded<A, E, R>(pull: Effect.Effect<A, E, R>): Effect.Effect<A, E | Failure, R> {
    let bounded: Effect.Effect<A, E | Failure, R> = pull
    for (const { limitAt } of this.watchers) if (limitAt !== undefined) bounded = within(bounded, limitAt)
    return bounded
  }

  private piece(chunk: Uint8Array): Failure | undefined {
    this.read += chunk.length
    for (const { piece } of this.watchers) {
      const error = piece?.(chunk)
      if (error !== undefined) return error
    }
    return undefined
  }

  private ended(error: Failure | undefined, isComplete: boolean): Effect.Effect<void> {
    if (this.isEnded) return Effect.void
    this.isEnded = true
    const state = isComplete ? "complete" : error === undefined ? "cancelled" : "broken"
    const end: BodyEnd = { state, bytes: this.read, error }
    const ends = this.watchers.flatMap((watcher) => watcher.end?.(end) ?? [])
    if (ends.length < 2) return ends[0] ?? Effect.void
    return Effect.forEach(ends, (effect) => effect, { discard: true })
  }
}

const errorOf = (exit: Exit.Exit<unknown, unknown>): Failure | undefined =>
  Exit.isFailure(exit) ? (exit.cause.reasons.find(Cause.isFailReason)?.error as Failure | undefined) : undefined

/** The pieces of a response whose body is at hand, or of a web response. */
const sourceOf = (original: Response): PieceSource | undefined => {
  if (original instanceof BytesResponse) return original.source()
  const web = Option.getOrUndefined(HttpClientResponse.toWeb(original))
  return web === undefined ? undefined : webSource(web, (cause) => bodyCause(original, cause))
}

const earliest = (limits: ReadonlyArray<TimeLimit<Failure>>): TimeLimit<Failure> =>
  limits.reduce((first, limit) => (limit.millis < first.millis ? limit : first))

/** The response of a transport of ours, which Effect's client puts into one that aborts abandoned requests. */
const madeByTransport = (response: Response): ReadableResponse | undefined => {
  const { controller, original } = response as { readonly controller?: unknown; readonly original?: unknown }
  return controller !== undefined && original instanceof ReadableResponse ? original : undefined
}
