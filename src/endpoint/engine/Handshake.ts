/**
 * One handshake of an attempt, without a fiber: it ends by itself, by its time limit, by the endpoint's end, or because it is given up. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"

import { ConnectError, TimedOut } from "../EndpointError.ts"
import type { Done, TransportConnection } from "../EndpointTransport.ts"
import { endpointClosed } from "./Attempt.ts"
import type { Attempt } from "./Attempt.ts"
import type { Deadline, Deadlines } from "./Deadlines.ts"

/** A handshake, and its limits. */
export interface Handshake {
  readonly attempt: Attempt
  /** Begins it; the returned function aborts it. */
  readonly start: (done: Done) => () => void
  /** Called once with its result, unless it was given up. */
  readonly settled: (exit: Exit.Exit<TransportConnection, ConnectError>) => void
  readonly deadlines: Deadlines
  readonly timeout: Duration.Duration
}

/** Begins it; the returned function gives it up. Whenever it ends, its connection belongs to the attempt. */
export const shake = ({ attempt, deadlines, settled, start, timeout }: Handshake): (() => void) => {
  let isDone = false
  let deadline: Deadline | undefined
  const settle = (exit: Exit.Exit<TransportConnection, ConnectError>): void => {
    isDone = true
    attempt.onAbort = undefined
    deadline?.cancel()
    settled(exit)
  }
  const abort = start((exit) => {
    if (Exit.isSuccess(exit)) attempt.connect(exit.value)
    if (!isDone) settle(exit)
  })
  const giveUp = (): void => {
    if (isDone) return
    isDone = true
    attempt.onAbort = undefined
    deadline?.cancel()
    abort()
  }
  if (isDone) return giveUp
  deadline = deadlines.after(timeout, () => {
    abort()
    settle(Exit.fail(new ConnectError({ reason: new TimedOut({}) })))
  })
  attempt.onAbort = () => {
    abort()
    settle(endpointClosed())
  }
  return giveUp
}
