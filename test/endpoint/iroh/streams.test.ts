/** The hazards of the binding's streams: a lock for each direction, calls that cannot be aborted, ends that look clean, and garbage. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import type { Scope } from "effect"
import type { EndpointConnection, EndpointError } from "fairlead/endpoint"

import type { effectsOf } from "../Bound.ts"
import { bytes, code, readAll, readText, reasonOf, text } from "../Peers.ts"
import type { Flat } from "../Peers.ts"
import { carried, describeIroh } from "./Iroh.ts"

const live = <A, E>(title: string, test: Effect.Effect<A, E, Scope.Scope>) => it.live(title, () => Effect.scoped(test))

const now = { startImmediately: true }

/** A stream of which the peer has read the first byte. */
const stream = Effect.gen(function* () {
  const { here, there } = yield* carried()
  const send = yield* here.openUni
  yield* send.write(bytes("x"))
  const recv = yield* there.acceptUni
  yield* recv.read()
  return { here, there, send, recv }
})

/** Writes more than the peer's window of 1.25 MB takes while it reads nothing, and goes on when the window is full. */
const blocked = (here: ReturnType<typeof effectsOf>, send: EndpointConnection.SendStream) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkScoped(send.write(new Uint8Array(4 << 20)), now)
    while ((yield* here.stats).bytesSent < 1_250_000) yield* Effect.yieldNow
    return fiber
  })

/** A stream's reason, with how its connection ended. */
const ended = (reason: Exclude<EndpointError.StreamError["reason"], EndpointError.Rejected> | Flat) =>
  reason._tag === "ConnectionEnded" ? reason.closeReason : reason

describeIroh("streams over iroh", () => {
  live(
    "endpoint iroh: a megabyte arrives whole in both directions at once",
    Effect.gen(function* () {
      const { here, there } = yield* carried()
      const sent = Uint8Array.from({ length: 1 << 20 }, (_, index) => (index * 31) % 251)
      const mine = yield* here.openBi
      const first = yield* Effect.forkScoped(Effect.andThen(mine.send.write(sent), mine.send.finish), now)
      const theirs = yield* there.acceptBi
      const second = yield* Effect.forkScoped(Effect.andThen(theirs.send.write(sent), theirs.send.finish), now)
      const received = yield* Effect.all([readAll(mine.recv), readAll(theirs.recv)], { concurrency: "unbounded" })
      yield* Fiber.join(first)
      yield* Fiber.join(second)
      for (const bytes of received) assert.isTrue(Buffer.from(sent).equals(bytes))
      const whole = { bytesSent: sent.length, bytesReceived: sent.length }
      assert.deepStrictEqual([yield* here.stats, yield* there.stats], [whole, whole])
    })
  )

  live(
    "endpoint iroh: a reset behind a write that the peer takes nothing of does not wait, and ends the write",
    Effect.gen(function* () {
      const { here, recv, send } = yield* stream
      const writing = yield* blocked(here, send)
      yield* send.reset(code(9))
      assert.strictEqual((yield* reasonOf(Fiber.join(writing)))._tag, "StreamFinished")
      assert.deepInclude(yield* reasonOf(readAll(recv)), { _tag: "StreamReset", code: code(9) })
    })
  )

  live(
    "endpoint iroh: a stop behind a read that the peer sends nothing for does not wait, and ends the read",
    Effect.gen(function* () {
      const { recv, send } = yield* stream
      const reading = yield* Effect.forkScoped(recv.read(), now)
      yield* recv.stop(code(4))
      assert.strictEqual((yield* reasonOf(Fiber.join(reading)))._tag, "StreamFinished")
      // It is the next that the peer sends which it is stopped for.
      const endless = Effect.forever(Effect.andThen(send.write(bytes("y")), Effect.yieldNow))
      assert.deepInclude(yield* reasonOf(endless), { _tag: "StreamStopped", code: code(4) })
    })
  )

  live(
    "endpoint iroh: what a stream failed with once it fails with again, and never looks like its end",
    Effect.gen(function* () {
      const { here, there, send, recv } = yield* stream
      yield* send.reset(code(5))
      for (let read = 0; read < 2; read++) {
        assert.deepInclude(yield* reasonOf(recv.read()), { _tag: "StreamReset", code: code(5) })
      }
      assert.strictEqual((yield* reasonOf(send.write(bytes("y"))))._tag, "StreamFinished")
      assert.strictEqual((yield* reasonOf(send.finish))._tag, "StreamFinished")

      const { recv: mine, send: answer } = yield* here.openBi
      yield* answer.write(bytes("x"))
      yield* there.acceptBi
      yield* mine.stop(code(6))
      yield* mine.stop(code(7))
      assert.strictEqual((yield* reasonOf(mine.read()))._tag, "StreamFinished")
    })
  )

  live(
    "endpoint iroh: a stream that was read to its end stays at its end",
    Effect.gen(function* () {
      const { recv, send } = yield* stream
      yield* send.finish
      assert.isTrue(Option.isNone(yield* recv.read()))
      yield* recv.stop(code(1))
      assert.isTrue(Option.isNone(yield* recv.read()))
    })
  )

  live(
    "endpoint iroh: a peer that stops a stream is heard of by every later write, and by the finish",
    Effect.gen(function* () {
      const { recv, send } = yield* stream
      yield* recv.stop(code(3))
      const endless = Effect.forever(Effect.andThen(send.write(bytes("y")), Effect.yieldNow))
      for (const effect of [endless, send.write(bytes("y")), send.finish]) {
        assert.deepInclude(yield* reasonOf(effect), { _tag: "StreamStopped", code: code(3) })
      }
    })
  )

  live(
    "endpoint iroh: writers and readers of one stream take turns, and no byte is read twice or lost",
    Effect.gen(function* () {
      const { recv, send } = yield* stream
      const piece = (letter: string) => bytes(letter.repeat(1000))
      const writers = yield* Effect.forkScoped(
        Effect.andThen(
          Effect.forEach("abcdef", (letter) => send.write(piece(letter)), { concurrency: "unbounded", discard: true }),
          send.finish
        ),
        now
      )
      const parts = yield* Effect.all([readText(recv), readText(recv), readText(recv)], { concurrency: "unbounded" })
      yield* Fiber.join(writers)
      const whole = Array.from("abcdef", (letter) => letter.repeat(1000)).join("")
      assert.strictEqual(Array.from(parts.join("")).toSorted().join(""), whole)
    })
  )

  live(
    "endpoint iroh: each of several accepts gets a stream of its own, in the order that they were opened",
    Effect.gen(function* () {
      const { here, there } = yield* carried()
      const accepting = yield* Effect.forkScoped(
        Effect.forEach([1, 2, 3], () => there.acceptUni, { concurrency: "unbounded" }),
        now
      )
      for (const name of ["a", "b", "c"]) {
        const send = yield* here.openUni
        yield* send.write(bytes(name))
        yield* send.finish
      }
      const names = yield* Effect.forEach(yield* Fiber.join(accepting), readText)
      assert.deepStrictEqual(names, ["a", "b", "c"])
    })
  )

  live(
    "endpoint 8: an open that is interrupted leaves no stream that the peer would see",
    Effect.gen(function* () {
      const { here, there } = yield* carried()
      for (let opens = 0; opens < 5; opens++) yield* Fiber.interrupt(yield* Effect.forkScoped(here.openUni, now))
      yield* Effect.flatMap(here.openUni, (send) => Effect.andThen(send.write(bytes("only")), send.finish))
      assert.strictEqual(yield* Effect.flatMap(there.acceptUni, readText), "only")
    })
  )

  live(
    "endpoint iroh: a peer has at most 100 streams of a kind open, or as many as it is told",
    Effect.gen(function* () {
      const { here, there } = yield* carried()
      const all = yield* Effect.forEach(Array.from({ length: 100 }), () => here.openUni)
      const next = yield* Effect.forkScoped(here.openUni, now)
      // The other kind has a count of its own; a round trip later the opener still waits.
      const { recv, send } = yield* here.openBi
      yield* send.write(bytes("ping"))
      const theirs = yield* there.acceptBi
      yield* theirs.send.write(bytes("pong"))
      yield* recv.read()
      assert.isUndefined(next.pollUnsafe())
      // Those that the peer has seen end make room. It tells of an eighth of the limit at once.
      for (const send of all.slice(0, 20)) {
        yield* send.finish
        assert.strictEqual(yield* Effect.flatMap(there.acceptUni, readText), "")
      }
      yield* Fiber.join(next)

      const generous = yield* carried({ maxStreams: 200 })
      const more = yield* Effect.forEach(Array.from({ length: 200 }), () => generous.here.openUni)
      assert.lengthOf(more, 200)
    })
  )

  live(
    "endpoint iroh: whoever waits on a connection that is closed here hears that it was here",
    Effect.gen(function* () {
      const { here, there, send, recv } = yield* stream
      const writing = yield* blocked(here, send)
      const waiting = yield* Effect.forkScoped(
        Effect.all([reasonOf(here.acceptUni), reasonOf(here.acceptBi)], { concurrency: 2 }),
        now
      )
      yield* here.close(code(2), "over")
      assert.strictEqual(ended(yield* reasonOf(Fiber.join(writing)))._tag, "LocallyClosed")
      assert.deepStrictEqual(
        (yield* Fiber.join(waiting)).map((reason) => ended(reason)._tag),
        ["LocallyClosed", "LocallyClosed"]
      )
      assert.strictEqual(ended(yield* reasonOf(send.finish))._tag, "LocallyClosed")
      assert.deepInclude(ended(yield* reasonOf(readAll(recv))), { _tag: "ApplicationClosed", code: code(2) })
      assert.deepInclude(ended(yield* reasonOf(there.openBi)), { _tag: "ApplicationClosed", code: code(2) })
    })
  )

  live(
    "endpoint iroh: a stream that nobody holds any more does not end by itself, as the binding would have it",
    Effect.gen(function* () {
      setFlagsFromString("--expose-gc")
      const collect = runInNewContext("gc") as () => void
      const { here, there } = yield* carried()
      yield* Effect.flatMap(here.openUni, ({ write }) => write(bytes("x")))
      const recv = yield* there.acceptUni
      assert.strictEqual(text(Option.getOrThrow(yield* recv.read())), "x")
      for (let round = 0; round < 20; round++) {
        yield* Effect.sleep("1 millis")
        collect()
      }
      // Nobody holds it, and yet a round trip on another brings no end of it.
      const reading = yield* Effect.forkScoped(recv.read(), now)
      const other = yield* here.openBi
      yield* other.send.write(bytes("ping"))
      const theirs = yield* there.acceptBi
      yield* theirs.send.write(bytes("pong"))
      yield* other.recv.read()
      assert.isUndefined(reading.pollUnsafe())
    })
  )
})
