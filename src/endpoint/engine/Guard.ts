/**
 * A connection as the application has it: its streams go through the hooks and end with their scopes. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"

import type { BiStream, Connection, RecvStream, SendStream } from "../Connection.ts"
import type { Opening } from "../EndpointHooks.ts"
import { StreamError } from "../Errors.ts"
import { closeCode } from "../Identity.ts"
import type { CloseCode } from "../Identity.ts"
import type { Carried } from "../Transport.ts"
import type { Gate } from "./Gate.ts"

const zero = closeCode(0)

/** Ends a side of a stream in the way that its scope ended. */
interface Side<A> {
  readonly stream: A
  readonly end: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>
}

const sending = (raw: SendStream): Side<SendStream> => {
  let ended = false
  const ending = <A, E>(effect: Effect.Effect<A, E>) =>
    Effect.suspend(() => {
      ended = true
      return effect
    })
  const stream: SendStream = {
    write: raw.write,
    finish: ending(raw.finish),
    reset: (code) => ending(raw.reset(code))
  }
  return {
    stream,
    end: (exit) => (ended ? Effect.void : Exit.isSuccess(exit) ? Effect.ignore(stream.finish) : stream.reset(zero))
  }
}

const receiving = (raw: RecvStream): Side<RecvStream> => {
  let ended = false
  const stream: RecvStream = {
    read: (limit) =>
      Effect.onExit(raw.read(limit), (exit) =>
        Effect.sync(() => {
          // A stream that broke off has nothing left to be stopped either.
          ended ||= Exit.isSuccess(exit) ? Option.isNone(exit.value) : !Exit.hasInterrupts(exit)
        })
      ),
    stop: (code) =>
      Effect.suspend(() => {
        ended = true
        return raw.stop(code)
      })
  }
  return { stream, end: () => (ended ? Effect.void : stream.stop(zero)) }
}

const both = ({ recv, send }: BiStream): Side<BiStream> => {
  const [sends, receives] = [sending(send), receiving(recv)]
  return {
    stream: { send: sends.stream, recv: receives.stream },
    end: (exit) => Effect.andThen(sends.end(exit), receives.end(exit))
  }
}

const carriers = new WeakMap<Connection, Carried>()

/** What a connection stands on. */
export const carriedOf = (connection: Connection): Carried | undefined => carriers.get(connection)

/** Puts the hooks and the scopes around a connection's streams. */
export const guard = (carried: Carried, gate: Gate): Connection => {
  const scoped = <A, B>(open: Effect.Effect<A, StreamError>, side: (raw: A) => Side<B>) =>
    Effect.map(
      Effect.acquireRelease(Effect.map(open, side), ({ end }, exit) => end(exit), { interruptible: true }),
      ({ stream }) => stream
    )

  const opened = <A, B>(
    kind: Opening["kind"],
    open: Effect.Effect<A, StreamError>,
    side: (raw: A) => Side<B>
  ): Effect.Effect<B, StreamError, Scope.Scope> =>
    Effect.scope.pipe(
      Effect.flatMap((scope) => gate.onStreamOpen(carried, { kind, local: true }, scope)),
      Effect.mapError((reason) => new StreamError({ reason })),
      Effect.andThen(scoped(open, side))
    )

  /** A stream that a hook rejects is ended, and the next one is waited for. */
  const accepted = <A, B>(
    kind: Opening["kind"],
    accept: Effect.Effect<A, StreamError>,
    refuse: (raw: A, code: CloseCode) => Effect.Effect<void>,
    side: (raw: A) => Side<B>
  ): Effect.Effect<B, StreamError, Scope.Scope> => {
    const next = (scope: Scope.Scope): Effect.Effect<A, StreamError> =>
      Effect.flatMap(accept, (raw) =>
        gate.onStreamOpen(carried, { kind, local: false }, scope).pipe(
          Effect.onInterrupt(() => refuse(raw, zero)),
          Effect.matchEffect({
            onSuccess: () => Effect.succeed(raw),
            onFailure: ({ code }) => Effect.andThen(refuse(raw, code), next(scope))
          })
        )
      )
    return Effect.flatMap(Effect.scope, (scope) => scoped(next(scope), side))
  }

  const connection: Connection = {
    remoteId: carried.remoteId,
    alpn: carried.alpn,
    side: carried.side,
    remoteAddress: carried.remoteAddress,
    openBi: opened("bi", carried.openBi, both),
    openUni: opened("uni", carried.openUni, sending),
    acceptBi: accepted(
      "bi",
      carried.acceptBi,
      ({ recv, send }, code) => Effect.andThen(send.reset(code), recv.stop(code)),
      both
    ),
    acceptUni: accepted("uni", carried.acceptUni, (recv, code) => recv.stop(code), receiving),
    close: (code, reason) => carried.close(code, reason),
    closed: carried.closed,
    stats: carried.stats
  }
  carriers.set(connection, carried)
  return connection
}
