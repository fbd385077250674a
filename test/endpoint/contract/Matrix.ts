/**
 * Every way in which a stream can end, 300 times over one connection that has room for 100: a stream that does not reach its end by itself stops the opener for ever.
 */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import type { EndpointConnection, EndpointError } from "fairlead/endpoint"

import { bytes, code, pair, readAll } from "../Peers.ts"
import type { Rule } from "./Contract.ts"

const streams = 300

const atOnce = 10

/** The side that ends the stream first; the other side answers without being asked, and only then reads. */
type Side = "opener" | "acceptor"

interface Half {
  readonly send?: EndpointConnection.SendStream
  readonly recv?: EndpointConnection.RecvStream
}

type Opens = (connection: EndpointConnection.EndpointConnection) => Effect.Effect<Half, unknown, Scope.Scope>

const kinds: Readonly<Record<"bi" | "uni", { readonly open: Opens; readonly accept: Opens }>> = {
  bi: { open: ({ openBi }) => openBi, accept: ({ acceptBi }) => acceptBi },
  uni: {
    open: ({ openUni }) => Effect.map(openUni, (send) => ({ send })),
    accept: ({ acceptUni }) => Effect.map(acceptUni, (recv) => ({ recv }))
  }
}

interface Ending {
  readonly how: string
  /** What the side does that ends the stream first. */
  readonly end: (half: Half) => Effect.Effect<unknown, unknown>
  /** How the other side's read ends, where there is one. */
  readonly read: string
  /** Which part of the stream a side must have to end it so. */
  readonly needs?: keyof Half
}

const endings: ReadonlyArray<Ending> = [
  { how: "finish", end: ({ send }) => send!.finish, read: "end", needs: "send" },
  { how: "reset", end: ({ send }) => send!.reset(code(5)), read: "reset 5", needs: "send" },
  { how: "stop", end: ({ recv }) => recv!.stop(code(5)), read: "end", needs: "recv" },
  { how: "a scope that succeeds", end: () => Effect.void, read: "end" },
  { how: "a scope that fails", end: () => Effect.fail("cut"), read: "reset 0" },
  { how: "a scope that is interrupted", end: () => Effect.never, read: "reset 0" }
]

/** How a read to the end ends. */
const readingOf = (recv: EndpointConnection.RecvStream): Effect.Effect<string> =>
  Effect.match(readAll(recv), {
    onSuccess: () => "end",
    onFailure: ({ reason }: EndpointError.StreamError) =>
      reason._tag === "StreamReset" ? `reset ${reason.code}` : reason._tag
  })

/** Uses a stream in a scope that ends as `use` ends; one that never ends is interrupted when it has begun. */
const scoped = (
  stream: Effect.Effect<Half, unknown, Scope.Scope>,
  use: (half: Half) => Effect.Effect<unknown, unknown>
) =>
  Effect.gen(function* () {
    const begun = yield* Deferred.make<void>()
    const using = Effect.flatMap(stream, (half) => Effect.andThen(Deferred.succeed(begun, undefined), use(half)))
    const fiber = yield* Effect.forkChild(Effect.exit(Effect.scoped(using)))
    yield* Effect.raceFirst(Deferred.await(begun), Fiber.await(fiber))
    return fiber
  })

const write = ({ send }: Half) => (send === undefined ? Effect.void : Effect.ignore(send.write(bytes("x"))))

/** Runs 300 streams that end in one way, and returns how the reads of the other side ended. */
const run = (kind: "bi" | "uni", first: Side, { end, how }: Ending) =>
  Effect.gen(function* () {
    const { here, there } = yield* pair
    const readings: Array<string> = []
    const { accept, open } = kinds[kind]
    const endsFirst = (half: Half) => Effect.andThen(write(half), end(half))
    // An answer comes unread to a side that has ended; then the stream is read to its end.
    const answers = (half: Half) =>
      Effect.gen(function* () {
        if (first === "opener") yield* write(half)
        if (half.recv !== undefined) readings.push(yield* readingOf(half.recv))
        yield* write(half)
      })
    const isInterrupted = how.endsWith("interrupted")
    const use = (side: Side, stream: Effect.Effect<Half, unknown, Scope.Scope>) =>
      Effect.gen(function* () {
        if (side !== first) return yield* Effect.exit(Effect.scoped(Effect.flatMap(stream, answers)))
        const fiber = yield* scoped(stream, endsFirst)
        if (isInterrupted) yield* Fiber.interrupt(fiber)
        return yield* Fiber.await(fiber)
      })
    yield* Effect.forkScoped(
      Effect.forEach(Array(streams), () => use("acceptor", accept(there)), { concurrency: atOnce, discard: true })
    )
    const opened = (stream: Half) => (first === "opener" ? Effect.void : write(stream))
    yield* Effect.forEach(Array(streams), () => use("opener", Effect.tap(open(here), opened)), {
      concurrency: atOnce,
      discard: true
    })
    return readings
  })

/** Which combinations there are: a side can finish what it sends, and stop what it reads. */
const has = (kind: "bi" | "uni", side: Side, { needs }: Ending): boolean =>
  needs === undefined || kind === "bi" || (needs === "send") === (side === "opener")

export const matrix = (it: Rule): void => {
  for (const kind of ["bi", "uni"] as const) {
    for (const side of ["opener", "acceptor"] as const) {
      for (const ending of endings.filter((each) => has(kind, side, each))) {
        it(`endpoint2 1.1: 300 ${kind} streams that the ${side} ends first by ${ending.how} are returned`, () =>
          Effect.gen(function* () {
            const readings = yield* run(kind, side, ending)
            assert.deepStrictEqual([...new Set(readings)], kind === "uni" && side === "acceptor" ? [] : [ending.read])
          }))
      }

      it(`endpoint2 1.1: 300 ${kind} streams end with the connection that the ${side} closes`, () =>
        Effect.gen(function* () {
          for (let round = 0; round < 3; round++) {
            const { here, there } = yield* pair
            const scope = yield* Scope.make()
            const { accept, open } = kinds[kind]
            for (let count = 0; count < streams / 3; count++) {
              yield* Effect.flatMap(Scope.provide(open(here), scope), write)
              yield* Scope.provide(accept(there), scope)
            }
            const [closer, other] = side === "opener" ? [here, there] : [there, here]
            const waiting = yield* Effect.forkChild(Effect.exit(Effect.scoped(other.acceptBi)))
            yield* closer.close(code(7), "enough")
            assert.deepInclude(yield* other.closed, { _tag: "ApplicationClosed", code: code(7) })
            assert.isTrue(Exit.isFailure(yield* Fiber.join(waiting)))
            yield* Scope.close(scope, Exit.void)
          }
        }))
    }
  }
}
