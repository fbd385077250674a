/**
 * Decodes a body piece by piece, and watches over what becomes of it. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

import type { ContentCoding } from "./ContentCoding.ts"

/** The faults of a compressed body. */
export type Flaw = "TruncatedBody" | "CorruptBody" | "BodyTooLarge" | "RatioTooHigh"

/** How a body is decoded. */
export interface Decoding<E> {
  /** In the order in which they are undone. */
  readonly codings: ReadonlyArray<ContentCoding>
  readonly maxBytes: number
  readonly maxRatio: number
  readonly onFlaw: (flaw: Flaw, cause?: unknown) => E
  /** Whether what a decoder failed with is the failure of the body below it. */
  readonly isOwn: (cause: unknown) => cause is E
}

/** The bytes in and out, over all decoders. */
interface Tally {
  received: number
  given: number
  ended: boolean
}

/** A small body may well be as uniform as a bomb. */
const ratioCountsFrom = 1024 * 1024

/** The decoded body. */
export const decoded = <E>(body: Stream.Stream<Uint8Array, E>, decoding: Decoding<E>): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    const tally: Tally = { received: 0, given: 0, ended: false }
    const counted = Stream.onEnd(
      Stream.map(body, (chunk) => {
        tally.received += chunk.length
        return chunk
      }),
      Effect.sync(() => (tally.ended = true))
    )
    const all = decoding.codings.reduce((inner, coding) => undo(inner, coding, decoding, tally), counted)
    return Stream.mapEffect(all, (chunk) => {
      tally.given += chunk.length
      const flaw = excess(tally, decoding)
      return flaw === undefined ? Effect.succeed(chunk) : Effect.fail(decoding.onFlaw(flaw))
    })
  })

const excess = <E>({ given, received }: Tally, { maxBytes, maxRatio }: Decoding<E>): Flaw | undefined => {
  if (given > maxBytes) return "BodyTooLarge"
  return given > ratioCountsFrom && given > received * maxRatio ? "RatioTooHigh" : undefined
}

/** Undoes one coding. An empty body is left as it is: no decoder takes it for whole. */
const undo = <E>(
  body: Stream.Stream<Uint8Array, E>,
  coding: ContentCoding,
  decoding: Decoding<E>,
  tally: Tally
): Stream.Stream<Uint8Array, E> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const pull = yield* Stream.toPull(body)
      const start = yield* startOf(pull)
      if (start.length === 0) return Stream.empty
      const rest = Stream.fromPull(Effect.succeed(pull))
      const readable = yield* Stream.toReadableStreamEffect(Stream.concat(Stream.make(start), rest))
      return Stream.fromReadableStream({
        evaluate: () => readable.pipeThrough(coding.decoder(start)),
        onError: (cause) => (decoding.isOwn(cause) ? cause : decoding.onFlaw(flawOf(cause, tally), cause))
      })
    })
  )

/** How the body begins: two bytes at least, or all of it. */
const startOf = <E>(pull: Pull.Pull<ReadonlyArray<Uint8Array>, E>): Effect.Effect<Uint8Array, E> =>
  Effect.gen(function* () {
    let start: Uint8Array = new Uint8Array(0)
    while (start.length < 2) {
      const chunks = yield* Effect.asSome(pull).pipe(Pull.catchDone(() => Effect.succeedNone))
      if (chunks._tag === "None") return start
      start = joined([start, ...chunks.value])
    }
    return start
  }) as Effect.Effect<Uint8Array, E>

const joined = (chunks: ReadonlyArray<Uint8Array>): Uint8Array => {
  const all = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

// Node says by its code that a body ended too early; elsewhere a flaw that shows after the end is one.
const flawOf = (cause: unknown, { ended }: Tally): Flaw => {
  const code = (cause as { readonly code?: unknown } | undefined)?.code
  if (typeof code === "string") return code === "Z_BUF_ERROR" ? "TruncatedBody" : "CorruptBody"
  return ended ? "TruncatedBody" : "CorruptBody"
}
