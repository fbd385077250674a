/**
 * Stops dialling a peer that does not answer, or that turns us away, for a while.
 *
 * **Example** (Three strikes)
 *
 * ```ts
 * import { CircuitBreaker } from "effect/persistence"
 * import { HookChain } from "fairlead/endpoint"
 * import { circuitBreaker } from "fairlead/endpoint/hooks"
 *
 * const chain = HookChain.make("dials").use(
 *   circuitBreaker({ tripPolicy: CircuitBreaker.consecutive(3), openDuration: "10 seconds" })
 * )
 * ```
 *
 * Rules:
 *
 * 1. A dial that finds nobody (`TimedOut`, `ConnectionRefused`, `IdentityMismatch` or `TransportError`) is a failure; one that connects is a success. Rejections of our own hooks and
 *    interruptions count neither way.
 * 2. A connection that the peer's application closes with another code than 0 within `probation`, or while our own hooks still decide on it, makes a failure of its dial:
 *    the peer's hooks have rejected it. The code says how long to stay away at least: `backoff`.
 * 3. By the policy the circuit opens: dials to that peer are rejected with 503 for `openDuration`, doubled at each opening in a row, up to `maxOpenDuration`. Then one
 *    dial is let through to find out; the others are still rejected until it has ended.
 * 4. Beyond `maxKeys` peers the least recently used closed circuit is forgotten, or the least recently used one if all are open.
 *
 * Order: after what rejects for other reasons, and after `preAuthDialer`: before it, the one dial that may find out would have its own authentication rejected.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as EffectBreaker from "effect/persistence/CircuitBreaker"

import { Circuits } from "../../core/Circuits.ts"
import type { CircuitCall, Refusal } from "../../core/Circuits.ts"
import * as Held from "../../core/Held.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import type { CloseCode } from "../CloseCode.ts"
import type { CloseReason, ConnectionInfo } from "../EndpointConnection.ts"
import { ConnectError } from "../EndpointError.ts"
import * as EndpointHooks from "../EndpointHooks.ts"
import type { EndpointId } from "../EndpointId.ts"
import { View } from "../engine/View.ts"

/**
 * The outcome of a dial: it failed; it connected; or its connection was closed within `probation`.
 *
 * @category models
 * @since 0.1.0
 */
export type DialOutcome =
  | { readonly _tag: "Failed"; readonly error: ConnectError }
  | { readonly _tag: "Connected" }
  | { readonly _tag: "Closed"; readonly reason: CloseReason }

/**
 * Options of `circuitBreaker`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CircuitBreakerOptions {
  /** Its name. Default: `circuitBreaker`. */
  readonly name?: string
  /** When a circuit opens. Default: `CircuitBreaker.consecutive(5)`, after five failures in a row. */
  readonly tripPolicy?: EffectBreaker.TripPolicy
  /** How long it is open the first time. Default: 5 seconds. */
  readonly openDuration?: Duration.Input
  /** How long it is open at most. Default: 1 minute. */
  readonly maxOpenDuration?: Duration.Input
  /** How long after its handshake a connection can still turn out to be rejected. Default: 1 second. */
  readonly probation?: Duration.Input
  /** How long to stay away at least when the peer has closed with a code. Default: 30 seconds for 429 and 503, nothing for others. */
  readonly backoff?: (code: CloseCode) => Duration.Input | undefined
  /** Classifies an outcome. Default: rules 1 and 2. */
  readonly classify?: (outcome: DialOutcome) => EffectBreaker.Outcome
  /** How many peers are remembered. Default: 10,000. */
  readonly maxKeys?: number
  /** Runs at each transition of a circuit, for logs and metrics, concurrently with the dial that made it. Default: nothing. */
  readonly onTransition?: (transition: EffectBreaker.Transition) => Effect.Effect<void>
}

const unanswered: ReadonlySet<string> = new Set(["TimedOut", "ConnectionRefused", "IdentityMismatch", "TransportError"])

const busy: ReadonlySet<bigint> = new Set([429n, 503n])

const defaultBackoff = (code: CloseCode): Duration.Input | undefined => (busy.has(code) ? "30 seconds" : undefined)

const defaultClassify =
  (backoff: (code: CloseCode) => Duration.Input | undefined) =>
  (outcome: DialOutcome): EffectBreaker.Outcome => {
    if (outcome._tag === "Connected") return EffectBreaker.success
    if (outcome._tag === "Failed") {
      return unanswered.has(outcome.error.reason._tag) ? EffectBreaker.failure() : EffectBreaker.ignored
    }
    const { reason } = outcome
    if (reason._tag !== "ApplicationClosed" || reason.code === 0n) return EffectBreaker.ignored
    return EffectBreaker.failure({ retryAfter: backoff(reason.code) })
  }

const rejection = (id: EndpointId, { retryAfter, state }: Refusal): Reject => {
  const wait = Duration.millis(retryAfter)
  const reason =
    state === "Open"
      ? new EffectBreaker.CircuitOpen({ key: id, retryAfter: wait })
      : new EffectBreaker.CircuitHalfOpen({ key: id })
  return new Reject({
    reason: "the peer has not answered for a while",
    status: 503,
    details: { retry_after_ms: Math.ceil(retryAfter) },
    cause: new EffectBreaker.CircuitBreakerError({ reason })
  })
}

/** A dial that was admitted. */
interface Dialled {
  readonly call: CircuitCall
  /** When its connection had done its handshake. */
  shakenAt: number | undefined
  /** The peer has closed its connection before the dial was over. */
  broken: EffectBreaker.Outcome | undefined
  isOver: boolean
}

/**
 * Stops dialling peers that do not answer.
 *
 * @category hooks
 * @since 0.1.0
 */
export const circuitBreaker = (options: CircuitBreakerOptions = {}): EndpointHooks.EndpointHooks => {
  const { backoff = defaultBackoff, classify = defaultClassify(backoff), onTransition } = options
  const name = nameOr("circuitBreaker", options.name)
  const check = checkOptions(name)
  const probation = Duration.toMillis(check.duration("probation", options.probation ?? "1 second", { zero: true }))
  const settings = {
    trip: options.tripPolicy ?? EffectBreaker.consecutive(5),
    openFor: Duration.toMillis(check.duration("openDuration", options.openDuration ?? "5 seconds")),
    maxOpenFor: Duration.toMillis(check.duration("maxOpenDuration", options.maxOpenDuration ?? "1 minute")),
    maxKeys: check.maximum("maxKeys", options.maxKeys ?? 10_000)
  }
  const build = () => {
    const circuits = new Circuits(settings)
    const dials = new WeakMap<EndpointHooks.DialInfo, Dialled>()
    const dialOf = (connection: ConnectionInfo): Dialled | undefined => {
      const info = View.dialOf(connection)
      return info && dials.get(info)
    }

    return {
      beforeConnect: (info: EndpointHooks.DialInfo) =>
        Effect.withFiber((fiber) => {
          const { id } = info.addr
          const clock = fiber.getRef(Clock.Clock)
          const tell = (transition: EffectBreaker.Transition | undefined): void => {
            if (transition === undefined || onTransition === undefined) return
            const told = Effect.ignoreCause(onTransition(transition), {
              log: "Error",
              message: `${name}: onTransition failed`
            })
            Effect.runForkWith(fiber.context)(told)
          }
          return Held.scoped(
            () => {
              const admitted = circuits.admit(id, clock.currentTimeMillisUnsafe())
              if ("state" in admitted) return Exit.fail(rejection(id, admitted))
              const dial: Dialled = { call: admitted.call, shakenAt: undefined, broken: undefined, isOver: false }
              dials.set(info, dial)
              tell(admitted.change)
              return Exit.succeed(dial)
            },
            (dial, exit) => {
              const { broken, call } = dial
              dial.isOver = true
              const outcome = broken ?? outcomeOf(exit, classify)
              tell(circuits.settle(call, outcome._tag, clock.currentTimeMillisUnsafe(), waitOf(outcome)))
            }
          )
        }),
      afterHandshake: (connection: ConnectionInfo) => {
        const dial = dialOf(connection)
        if (dial === undefined) return Effect.void
        return Effect.map(Clock.currentTimeMillis, (now) => {
          dial.shakenAt = now
        })
      },
      onClose: ({ reason }: EndpointHooks.CloseInfo, connection: ConnectionInfo) => {
        const dial = dialOf(connection)
        if (dial?.shakenAt === undefined) return Effect.void
        const { call, shakenAt } = dial
        return Effect.flatMap(Clock.currentTimeMillis, (now) => {
          if (now - shakenAt > probation) return Effect.void
          const outcome = classify({ _tag: "Closed", reason })
          if (outcome._tag !== "Failure") return Effect.void
          if (!dial.isOver) {
            dial.broken = outcome
            return Effect.void
          }
          const transition = circuits.breakOff(call, now, waitOf(outcome))
          return transition === undefined || onTransition === undefined ? Effect.void : onTransition(transition)
        })
      }
    }
  }
  return EndpointHooks.make(name, build)
}

const waitOf = (outcome: EffectBreaker.Outcome): number =>
  outcome._tag === "Failure" && outcome.retryAfter !== undefined ? Duration.toMillis(outcome.retryAfter) : 0

const outcomeOf = (
  exit: Exit.Exit<unknown, unknown>,
  classify: (outcome: DialOutcome) => EffectBreaker.Outcome
): EffectBreaker.Outcome => {
  if (Exit.isSuccess(exit)) return classify({ _tag: "Connected" })
  const error = exit.cause.reasons.find(Cause.isFailReason)?.error
  if (!(error instanceof ConnectError)) return EffectBreaker.ignored
  const { reason } = error
  // It was closed before our own hooks were done with it.
  if (reason._tag === "ConnectionEnded") return classify({ _tag: "Closed", reason: reason.closeReason })
  return classify({ _tag: "Failed", error })
}
