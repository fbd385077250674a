import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import type { HttpClientError } from "effect/http"
import { TestClock } from "effect/testing"

import { readPieces, webSource } from "../../src/client/PieceReading.ts"
import type { PieceSource, ReadingHooks } from "../../src/client/PieceReading.ts"
import { bodyCause } from "../../src/client/ResponseBody.ts"

const response = HttpClientResponse.fromWeb(HttpClientRequest.get("http://a.test/"), new Response(null))
const failure = (cause: string) => bodyCause(response, new Error(cause))
const messageOf = (exit: Exit.Exit<unknown, HttpClientError.HttpClientError>): string | undefined =>
  Exit.isFailure(exit) ? (Exit.findErrorOption(exit) as any).value.reason.cause.message : undefined

/** A source that hands over what `push`, `end` and `fail` bring, and counts who left. */
const manual = () => {
  const steps: Array<{ readonly piece: Uint8Array } | { readonly end: HttpClientError.HttpClientError | undefined }> =
    []
  let waiting: (() => void) | undefined
  let left = 0
  const source: PieceSource = {
    take: (onPieces, onEnd) => {
      const hand = (): void => {
        const step = steps.shift()
        if (step === undefined) waiting = hand
        else if ("piece" in step) onPieces([step.piece])
        else onEnd(step.end)
      }
      hand()
    },
    cancel: () => void left++
  }
  const add = (step: (typeof steps)[number]): void => {
    steps.push(step)
    const wake = waiting
    waiting = undefined
    wake?.()
  }
  return {
    source,
    push: (...bytes: ReadonlyArray<number>) => add({ piece: Uint8Array.from(bytes) }),
    end: (error?: HttpClientError.HttpClientError) => add({ end: error }),
    left: () => left
  }
}

const hooksOf = (hooks: Partial<ReadingHooks>): ReadingHooks => ({
  piece: () => undefined,
  isByPieces: false,
  isOnePiece: false,
  limitAt: undefined,
  ...hooks
})

const within = (millis: number) => () => ({ millis, onTimeout: () => failure("late") })

const reading = (source: PieceSource, hooks?: ReadingHooks) =>
  Effect.forkChild(Effect.exit(readPieces(source, hooks)), { startImmediately: true })

const bytesOf = (exit: Exit.Exit<ArrayBuffer, unknown>): ReadonlyArray<number> | undefined =>
  Exit.isSuccess(exit) ? [...new Uint8Array(exit.value)] : undefined

describe("a body that is read by pieces", () => {
  it.effect("is joined, whether its pieces are there already or come later", () =>
    Effect.gen(function* () {
      for (const isByPieces of [false, true]) {
        const { end, push, source } = manual()
        push(1, 2)
        const fiber = yield* reading(source, hooksOf({ isByPieces }))
        push(3)
        end()
        assert.deepStrictEqual(bytesOf(yield* Fiber.join(fiber)), [1, 2, 3])
      }
    })
  )

  it.effect("shows its watcher each piece, or the whole once", () =>
    Effect.gen(function* () {
      const seenBy = (isByPieces: boolean) =>
        Effect.gen(function* () {
          const seen: Array<number> = []
          const { end, push, source } = manual()
          push(1)
          push(2, 3)
          end()
          const piece = (bytes: Uint8Array) => void seen.push(bytes.length)
          yield* readPieces(source, hooksOf({ isByPieces, piece: (bytes) => piece(bytes) }))
          return seen
        })
      assert.deepStrictEqual([yield* seenBy(false), yield* seenBy(true)], [[3], [1, 2]])
    })
  )

  it.effect("is broken off by the error of its watcher, and its source hears that the reader left", () =>
    Effect.gen(function* () {
      const { left, push, source } = manual()
      const fiber = yield* reading(source, hooksOf({ isByPieces: true, piece: () => failure("too much") }))
      push(1)
      assert.deepStrictEqual([messageOf(yield* Fiber.join(fiber)), left()], ["too much", 1])
    })
  )

  it.effect("each piece begins a wait, and a wait beyond the limit ends it", () =>
    Effect.gen(function* () {
      for (const isByPieces of [false, true]) {
        const { left, push, source } = manual()
        const fiber = yield* reading(source, hooksOf({ isByPieces, limitAt: within(1000) }))
        yield* TestClock.adjust(900)
        push(1)
        yield* TestClock.adjust(900)
        push(2)
        yield* TestClock.adjust(999)
        assert.deepStrictEqual([fiber.pollUnsafe(), left()], [undefined, 0])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual([messageOf(yield* Fiber.join(fiber)), left()], ["late", 1])
        push(3)
      }
    })
  )

  it.effect("one piece is one wait, however often the source hands over", () =>
    Effect.gen(function* () {
      const { push, source } = manual()
      const fiber = yield* reading(source, hooksOf({ isOnePiece: true, limitAt: within(1000) }))
      yield* TestClock.adjust(900)
      push(1)
      yield* TestClock.adjust(100)
      assert.strictEqual(messageOf(yield* Fiber.join(fiber)), "late")
    })
  )

  it.effect("fails at once when there is no time left, even with its pieces at hand", () =>
    Effect.gen(function* () {
      for (const isByPieces of [false, true]) {
        const { end, push, source } = manual()
        push(1)
        end()
        const exit = yield* Effect.exit(readPieces(source, hooksOf({ isByPieces, limitAt: within(0) })))
        assert.strictEqual(messageOf(exit), "late")
      }
    })
  )

  it.effect("passes on the failure of its source, and asks it for nothing after that", () =>
    Effect.gen(function* () {
      for (const isByPieces of [false, true]) {
        const { end, push, source } = manual()
        push(1)
        end(failure("cut"))
        const exit = yield* Effect.exit(readPieces(source, hooksOf({ isByPieces, limitAt: within(1000) })))
        assert.strictEqual(messageOf(exit), "cut")
        yield* TestClock.adjust(2000)
      }
    })
  )

  it.effect("an interruption of its reader ends the source and the timer", () =>
    Effect.gen(function* () {
      for (const isByPieces of [false, true]) {
        const { left, push, source } = manual()
        const fiber = yield* reading(source, hooksOf({ isByPieces, limitAt: within(1000) }))
        push(1)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(left(), 1)
        yield* TestClock.adjust(2000)
        assert.strictEqual(left(), 1)
      }
    })
  )
})

describe("a web body", () => {
  const read = (body: ReadableStream) =>
    Effect.exit(readPieces(webSource(new Response(body), (cause) => bodyCause(response, cause))!))

  it.effect("fails with the error of its stream, and with one for a piece that is no bytes", () =>
    Effect.gen(function* () {
      const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) })
      assert.strictEqual(messageOf(yield* read(broken)), "reset")
      const texts = new ReadableStream({ pull: (controller) => controller.enqueue("text") })
      assert.strictEqual(messageOf(yield* read(texts)), "a piece of the body is no Uint8Array")
    })
  )

  it.effect("is left alone when it is being read, was read, or is none", () =>
    Effect.gen(function* () {
      const onError = () => failure("none")
      const locked = new Response("x")
      locked.body!.getReader()
      const used = new Response("x")
      yield* Effect.promise(() => used.text())
      for (const web of [locked, used, new Response(null)]) assert.isUndefined(webSource(web, onError))
    })
  )
})
