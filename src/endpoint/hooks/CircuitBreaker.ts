/**
 * Stops dialling a peer that does not answer, for a while.
 *
 * 1. After `failures` dials in a row that found nobody (`TimedOut`, `Refused`, `IdentityMismatch` or `Transport`) dials to that peer are rejected with 503,
 *    for `cooldown`. Then one dial is let through to find out: the others are still rejected until it has ended.
 * 2. A dial that succeeds closes the circuit. What our own hooks reject, and what is interrupted, says nothing about the peer.
 * 3. It remembers at most `maxPeers` that fail; the oldest are forgotten.
 *
 * Place: behind what rejects for other reasons, and behind `preAuthDialer`: in front of it, the one dial that may find out would have its own authentication
 * rejected. Works by the dial's own scope.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import * as EndpointHooks from "../EndpointHooks.ts"
import { ConnectError, Reject } from "../Errors.ts"
import { closeCode } from "../Identity.ts"
import type { EndpointId } from "../Identity.ts"

/**
 * Options of `circuitBreaker`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many dials in a row may fail. Default: 5. */
  readonly failures?: number
  /** How long none is made then. Default: 30 seconds. */
  readonly cooldown?: Duration.Input
  /** How many failing peers are remembered. Default: 10,000. */
  readonly maxPeers?: number
}

interface Circuit {
  failed: number
  /** When a dial may find out. */
  until: number
  trying: boolean
}

const counts: ReadonlySet<string> = new Set(["TimedOut", "Refused", "IdentityMismatch", "Transport"])

/** Whether the peer was there: nothing where the dial says nothing about it. */
const answered = (exit: Exit.Exit<unknown, unknown>): boolean | undefined => {
  if (Exit.isSuccess(exit)) return true
  const error = exit.cause.reasons.find(Cause.isFailReason)?.error
  return error instanceof ConnectError && counts.has(error.reason._tag) ? false : undefined
}

/**
 * Stops dialling peers that do not answer.
 *
 * **Example** (Three strikes)
 *
 * ```ts
 * import { HookChain } from "fairlead/endpoint"
 * import { circuitBreaker } from "fairlead/endpoint/hooks"
 *
 * const chain = HookChain.make("dials").use(circuitBreaker({ failures: 3, cooldown: "1 minute" }))
 * ```
 *
 * @category hooks
 * @since 0.1.0
 */
export const circuitBreaker = ({
  cooldown = "30 seconds",
  failures = 5,
  maxPeers = 10_000
}: Options = {}): EndpointHooks.EndpointHooks => {
  const circuits = new Map<EndpointId, Circuit>()
  const pause = Duration.toMillis(Duration.fromInputUnsafe(cooldown))

  const settle = (id: EndpointId, exit: Exit.Exit<unknown, unknown>) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const there = answered(exit)
      const circuit = circuits.get(id) ?? { failed: 0, until: 0, trying: false }
      circuit.trying = false
      if (there === undefined) return
      circuits.delete(id)
      if (there) return
      circuit.failed++
      circuit.until = now + pause
      circuits.set(id, circuit)
      const [oldest] = circuits.keys()
      if (circuits.size > maxPeers && oldest !== undefined) circuits.delete(oldest)
    })

  return EndpointHooks.make("circuit-breaker", {
    beforeConnect: ({ id }) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const circuit = circuits.get(id)
        const open = circuit !== undefined && circuit.failed >= failures
        if (open && (circuit.trying || now < circuit.until)) {
          return Effect.fail(new Reject({ code: closeCode(503), reason: "the peer has not answered for a while" }))
        }
        if (open) circuit.trying = true
        return Effect.addFinalizer((exit) => settle(id, exit))
      })
  })
}
