/**
 * Streams that the peer opens, one kind of a connection: hooks decide on each in its order, in the connection's time, and admitted streams wait for an accept.
 * An interrupted accept loses neither the stream nor the decision. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

import type { CloseCode } from "../CloseCode.ts"
import type { Rejected, StreamError } from "../EndpointError.ts"
import { Mailbox } from "../transport/Source.ts"
import type { Source } from "../transport/Source.ts"
import { codeOf, zero } from "./Codes.ts"

/** Admits the streams of a kind, as many as are asked for. */
export class StreamAdmission<A extends object> {
  private readonly arriving: Source<A, StreamError>
  private readonly ask: (scope: Scope.Scope) => Effect.Effect<unknown, Rejected>
  private readonly endStream: (stream: A, code: CloseCode) => void
  private readonly fork: (effect: Effect.Effect<unknown>) => Fiber.Fiber<unknown>
  private readonly admitted = new Mailbox<A, StreamError>(() => this.onDemand())
  /** The scope of a stream's hooks. */
  private readonly scopes = new WeakMap<A, Scope.Closeable>()
  private asking: A | undefined
  private worker: Fiber.Fiber<unknown> | undefined
  private isWorking = false

  constructor(
    arriving: Source<A, StreamError>,
    ask: (scope: Scope.Scope) => Effect.Effect<unknown, Rejected>,
    endStream: (stream: A, code: CloseCode) => void,
    fork: (effect: Effect.Effect<unknown>) => Fiber.Fiber<unknown>
  ) {
    this.arriving = arriving
    this.ask = ask
    this.endStream = endStream
    this.fork = fork
  }

  get source(): Source<A, StreamError> {
    return this.admitted.source
  }

  /** A stream that was accepted has ended. */
  endOf(stream: A, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> | undefined {
    const scope = this.scopes.get(stream)
    return scope && Scope.closeUnsafe(scope, exit)
  }

  /** The connection has ended: unaccepted streams are released, and a running hook is interrupted. */
  end(): void {
    this.worker?.interruptUnsafe()
    for (const stream of this.admitted.drain()) this.release(stream, zero, Exit.void)
  }

  private onDemand(): void {
    if (this.isWorking) return
    this.isWorking = true
    const worker = this.fork(this.work)
    if (worker.pollUnsafe() === undefined) this.worker = worker
  }

  private readonly work: Effect.Effect<void> = Effect.suspend(() => {
    if (this.admitted.demand <= 0) return Effect.sync(() => this.rest())
    const hold = (stream: A): void => {
      this.asking = stream
      this.scopes.set(stream, Scope.makeUnsafe())
    }
    return this.arriving.take(hold).pipe(
      Effect.flatMap(() => this.ask(this.scopes.get(this.asking!)!)),
      Effect.onExit((exit) => Effect.sync(() => this.decide(exit))),
      Effect.matchCauseEffect({
        onSuccess: () => this.work,
        onFailure: (cause) =>
          Cause.hasInterrupts(cause) || this.admitted.demand === 0 ? Effect.sync(() => this.rest()) : this.work
      })
    )
  })

  private decide(exit: Exit.Exit<unknown, Rejected | StreamError>): void {
    const { asking } = this
    this.asking = undefined
    if (asking === undefined) {
      const failure = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
      // Only the connection's end fails an accept.
      if (failure?._tag === "StreamError") this.admitted.finish(Exit.fail(failure))
    } else if (Exit.isSuccess(exit)) this.admitted.put(asking)
    else this.release(asking, codeOf(exit.cause), exit)
  }

  private release(stream: A, code: CloseCode, exit: Exit.Exit<unknown, unknown>): void {
    this.endStream(stream, code)
    const closing = this.endOf(stream, exit)
    if (closing !== undefined) this.fork(closing)
  }

  private rest(): void {
    this.isWorking = false
    this.worker = undefined
    // Somebody may have come in the same step.
    if (this.admitted.demand > 0) this.onDemand()
  }
}
