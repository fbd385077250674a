/** Streams: what arrives, in which order, and how they end. */
import { assert } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Scope } from "effect"

import { bytes, code, pair, readAll, readText, reasonOf, text } from "../Peers.ts"
import type { Rule } from "./Contract.ts"

const first = (recv: { readonly read: () => Effect.Effect<Option.Option<Uint8Array>, unknown> }) =>
  Effect.map(recv.read(), Option.getOrThrow)

export const streams = (it: Rule): void => {
  it("endpoint streams: bytes go both ways, and each direction is finished by itself", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const mine = yield* here.openBi
      yield* mine.send.write(bytes("ping"))
      yield* mine.send.finish
      const theirs = yield* there.acceptBi
      assert.strictEqual(yield* readText(theirs.recv), "ping")
      yield* theirs.send.write(bytes("pong"))
      yield* theirs.send.finish
      assert.strictEqual(yield* readText(mine.recv), "pong")
      assert.strictEqual((yield* reasonOf(mine.send.write(bytes("more"))))._tag, "StreamFinished")
    }))

  it("endpoint streams: a megabyte arrives whole, past what a stream holds", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const sent = Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 31) % 251)
      const writer = yield* Effect.forkScoped(Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(sent))))
      const received = yield* Effect.scoped(Effect.flatMap(there.acceptUni, readAll))
      yield* Fiber.join(writer)
      assert.isTrue(Buffer.from(sent).equals(received))
    }))

  it("endpoint streams: a reader gets at most what it asks for, and loses none of the rest", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      yield* Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(bytes("abcdef"))))
      const recv = yield* there.acceptUni
      let all = ""
      for (let chunk = yield* recv.read(2); Option.isSome(chunk); chunk = yield* recv.read(2)) {
        assert.isAtMost(chunk.value.length, 2)
        all += text(chunk.value)
      }
      assert.strictEqual(all, "abcdef")
    }))

  it("endpoint streams: a read without a limit returns at most 64 KiB", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const write = Effect.scoped(Effect.flatMap(here.openUni, (send) => send.write(new Uint8Array(200_000))))
      const writer = yield* Effect.forkScoped(write)
      const recv = yield* there.acceptUni
      let received = 0
      for (let chunk = yield* recv.read(); Option.isSome(chunk); chunk = yield* recv.read()) {
        assert.isAtMost(chunk.value.length, 64 * 1024)
        received += chunk.value.length
      }
      yield* Fiber.join(writer)
      assert.strictEqual(received, 200_000)
    }))

  it("endpoint streams: a scope that ends in success finishes, one that fails or is interrupted resets", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const write = Effect.flatMap(here.openUni, (send) => send.write(bytes("cut")))

      yield* Effect.scoped(write)
      assert.strictEqual(yield* Effect.scoped(Effect.flatMap(there.acceptUni, readText)), "cut")

      yield* Effect.flip(Effect.scoped(Effect.andThen(write, Effect.fail("broken"))))
      const failed = yield* reasonOf(Effect.scoped(Effect.flatMap(there.acceptUni, readAll)))
      assert.strictEqual(failed._tag, "StreamReset")

      const writing = yield* Effect.forkScoped(Effect.scoped(Effect.andThen(write, Effect.never)))
      const recv = yield* there.acceptUni
      assert.strictEqual(text(yield* first(recv)), "cut")
      yield* Fiber.interrupt(writing)
      assert.strictEqual((yield* reasonOf(readAll(recv)))._tag, "StreamReset")
    }))

  it("endpoint streams: a finished stream stays whole, however its scope ends", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const send = Effect.flatMap(here.openUni, ({ finish, write }) => Effect.andThen(write(bytes("all")), finish))
      yield* Effect.flip(Effect.scoped(Effect.andThen(send, Effect.fail("broken"))))
      assert.strictEqual(yield* Effect.scoped(Effect.flatMap(there.acceptUni, readText)), "all")
    }))

  it("endpoint streams: a reset carries its code to the reader, a stop to the writer", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const { send } = yield* here.openBi
      yield* send.write(bytes("x"))
      const theirs = yield* there.acceptBi
      yield* first(theirs.recv)
      yield* send.reset(code(77))
      assert.deepInclude(yield* reasonOf(readAll(theirs.recv)), { _tag: "StreamReset", code: code(77) })

      const scope = yield* Scope.make()
      const other = yield* here.openUni
      yield* other.write(bytes("x"))
      const recv = yield* Scope.provide(there.acceptUni, scope)
      yield* recv.stop(code(78))
      const endless = Effect.forever(Effect.andThen(other.write(new Uint8Array(1024)), Effect.yieldNow))
      assert.deepInclude(yield* reasonOf(endless), { _tag: "StreamStopped", code: code(78) })
      yield* Scope.close(scope, Exit.void)
    }))

  it("endpoint streams: a reader whose scope ends before the end stops the writer", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const send = yield* here.openUni
      yield* send.write(bytes("x"))
      yield* Effect.scoped(Effect.flatMap(there.acceptUni, first))
      const endless = Effect.forever(Effect.andThen(send.write(new Uint8Array(1024)), Effect.yieldNow))
      assert.deepInclude(yield* reasonOf(endless), { _tag: "StreamStopped", code: code(0) })
    }))

  it("endpoint streams: an interrupted accept or read loses nothing", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      for (let yields = 0; yields < 6; yields++) {
        const accepting = yield* Effect.forkScoped(Effect.scoped(Effect.andThen(there.acceptUni, Effect.never)))
        for (let count = 0; count < yields; count++) yield* Effect.yieldNow
        yield* Fiber.interrupt(accepting)
      }
      const send = yield* here.openUni
      yield* send.write(bytes("a"))
      const recv = yield* there.acceptUni
      assert.strictEqual(text(yield* first(recv)), "a")
      for (let yields = 0; yields < 6; yields++) {
        const reading = yield* Effect.forkScoped(recv.read())
        for (let count = 0; count < yields; count++) yield* Effect.yieldNow
        yield* Fiber.interrupt(reading)
      }
      yield* send.write(bytes("b"))
      yield* send.finish
      assert.strictEqual(yield* readText(recv), "b")
    }))

  it("endpoint streams: a write that waits for its reader can be interrupted, and the stream is reset", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const writing = yield* Effect.forkScoped(
        Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(new Uint8Array(64 << 20))))
      )
      const recv = yield* there.acceptUni
      yield* first(recv)
      yield* Fiber.interrupt(writing)
      assert.strictEqual((yield* reasonOf(readAll(recv)))._tag, "StreamReset")
    }))

  it("endpoint streams: one that nobody reads holds up no other", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      yield* Effect.forkScoped(
        Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(new Uint8Array(16 << 20))))
      )
      yield* there.acceptUni
      yield* Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(bytes("quick"))))
      assert.strictEqual(yield* Effect.scoped(Effect.flatMap(there.acceptUni, readText)), "quick")
    }))

  it("endpoint streams: whoever waits on a connection hears of its end", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const { recv, send } = yield* here.openBi
      yield* send.write(bytes("x"))
      yield* there.acceptBi
      const waiting = yield* Effect.forEach(
        [recv.read().pipe(Effect.asVoid), Effect.asVoid(here.acceptBi), Effect.asVoid(here.acceptUni)],
        (effect) => Effect.forkScoped(Effect.scoped(effect))
      )
      yield* Effect.yieldNow
      yield* there.close(code(5), "gone")
      for (const fiber of waiting) {
        const reason = yield* reasonOf(Fiber.join(fiber))
        assert.strictEqual(reason._tag, "ConnectionEnded")
        assert.deepInclude(reason._tag === "ConnectionEnded" ? reason.closeReason : undefined, {
          _tag: "ApplicationClosed",
          code: code(5),
          reason: "gone"
        })
      }
      assert.strictEqual((yield* reasonOf(send.write(bytes("y"))))._tag, "ConnectionEnded")
    }))
}
