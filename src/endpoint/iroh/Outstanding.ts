/**
 * Native calls whose promises cannot be aborted: the result of an abandoned call is kept for the next waiter, so that an interruption loses nothing. At most one
 * is outstanding, for ordered results; or one for each waiter. Internal to the iroh transport.
 *
 * @since 0.1.0
 */
import type * as Exit from "effect/Exit"

import { Source } from "../EndpointTransport.ts"

/** The calls as a source. `call` calls back once, not in the step of the call. */
export const outstanding = <A, E>(
  call: (done: (exit: Exit.Exit<A, E>) => void) => void,
  most: "one" | "each"
): Source<A, E> => {
  const given: Array<Exit.Exit<A, E>> = []
  let calling = 0
  const done = (exit: Exit.Exit<A, E>): void => {
    calling--
    given.push(exit)
    source.notify()
    // Somebody may wait for the one after it.
    if (calling < source.waiting) start()
  }
  const start = (): void => {
    if (given.length > 0 || calling >= Math.min(most === "one" ? 1 : Infinity, source.waiting)) return
    calling++
    call(done)
  }
  const source: Source<A, E> = new Source({
    poll: () => given.shift(),
    isReady: () => given.length > 0,
    onDemand: start
  })
  return source
}
