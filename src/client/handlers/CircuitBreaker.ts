/**
 * Stops calling a server that fails, so that callers learn it at once and the server gets time to recover.
 *
 * 1. Each origin has its own circuit, unless a `key` says what counts together. It is closed, and calls pass; open, and calls fail with Effect's `CircuitBreakerError`; or half-open,
 *    and one call at a time passes as a probe while the others fail.
 * 2. A call counts when its response's head is there, or its failure. Transport errors, time-outs and 500, 502, 503, 504 are failures; any other response is a success, since
 *    the server answered. Other errors, transport errors by which this side refused, defects, interruptions, and answers of a handler declared later in place of the
 *    network count neither way.
 * 3. A body that breaks off, or runs into a time-out, makes a failure of its call, while the call is in the window. A body that nobody reads, or whose reader leaves, does not.
 * 4. A failure opens the circuit by Effect's own policies, over a window of the last calls in the order in which they were counted: `CircuitBreaker.rate`, a
 *    share of failures, or `CircuitBreaker.consecutive`. Calls from before the last change of the circuit no longer count.
 * 5. It is open for `openDuration`, doubled at each opening in a row, or for the `Retry-After` of the failure where that is longer, up to `maxOpenDuration` always. The openings are forgotten when
 *    it has been closed for as long as it was open.
 * 6. A probe that succeeds closes the circuit, one that fails opens it again; so does one whose body breaks off before the openings are forgotten. One that counts neither way makes
 *    place for the next, and so does one that takes longer than the circuit was open.
 * 7. Beyond `maxKeys` the least recently used closed circuit is forgotten, or the least recently used one if all are open.
 *
 * Order: inside of hedge, dedupe, retry and redirect, so that it sees each attempt and each hop; outside of `rateLimit`, which then takes no tokens for refused calls. `retry` does not
 * retry a `CircuitBreakerError`. Works over any `HttpClient`. Each client has its own circuits.
 *
 * Effect's own `CircuitBreaker` is not wrapped, save its policies and transitions: it takes one outcome a call, at its end. For a body that would be when it was read, and the slot of a probe
 * whose body nobody reads would never be free; at its head, a server that breaks off every body would never open a circuit. Nor does it bound its keys. Only Effect's has a
 * store shared by processes: `HttpClient.withCircuitBreaker` puts that around a client.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpClientError from "effect/http/HttpClientError"
import * as EffectBreaker from "effect/persistence/CircuitBreaker"

import { Circuits } from "../../core/Circuits.ts"
import type { Refusal, Result } from "../../core/Circuits.ts"
import { retryAfter } from "../../core/heads/RetryAfter.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { isCausedBy } from "./Causes.ts"
import { HttpTimeout } from "./HttpTimeout.ts"
import { originOf } from "./Origins.ts"
import { failingStatuses, isTransient } from "./TransientFailure.ts"

/**
 * Options of `circuitBreaker`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CircuitBreakerOptions {
  /** The handler's name. Default: `circuitBreaker`. */
  readonly name?: string
  /** When a circuit opens. Default: `CircuitBreaker.rate({ threshold: 0.5, size: 20, minimumCalls: 10 })`, half of the last 20 calls, 10 at least. */
  readonly tripPolicy?: EffectBreaker.TripPolicy
  /** How long it is open the first time. Default: 5 seconds. */
  readonly openDuration?: Duration.Input
  /** How long it is open at most. Default: 1 minute. */
  readonly maxOpenDuration?: Duration.Input
  /** Classifies an outcome: `CircuitBreaker.success`, `failure()` or `ignored`. Default: rule 2. */
  readonly classify?: (outcome: ClientHandler.Outcome) => EffectBreaker.Outcome
  /** Calls with one key share a circuit. Default: the origin. */
  readonly key?: (request: ClientHandler.Request) => string
  /** How many circuits there are. Default: 10,000. */
  readonly maxKeys?: number
  /** Runs at each transition of a circuit, for logs and metrics, concurrently with the call that made it, however that call ends. Default: nothing. */
  readonly onTransition?: (transition: EffectBreaker.Transition) => Effect.Effect<void>
}

/** The default classification of an outcome. */
const resultOf = (outcome: ClientHandler.Outcome): Result => {
  if (outcome._tag === "Response") return failingStatuses.has(outcome.response.status) ? "Failure" : "Success"
  const results = new Set<Result>(
    outcome.cause.reasons.map((reason) => (Cause.isFailReason(reason) ? ofError(reason.error) : "Ignored"))
  )
  return results.has("Failure") ? "Failure" : results.has("Success") ? "Success" : "Ignored"
}

const ofError = (error: unknown): Result => {
  if (error instanceof HttpTimeout || isTransient(error)) return "Failure"
  // A client that makes an error of a status was answered nevertheless.
  if (!HttpClientError.isHttpClientError(error) || error.reason._tag !== "StatusCodeError") return "Ignored"
  return failingStatuses.has(error.reason.response.status) ? "Failure" : "Success"
}

/** Whether a body broke off. An empty body did not, and a body that this side refused is not the server's fault. */
const isBroken = (error: unknown): boolean => {
  if (!HttpClientError.isHttpClientError(error) || error.reason._tag === "EmptyBodyError") return false
  const { cause } = error.reason
  return !isCausedBy(cause, ({ _tag }) => _tag === "BodyTooLarge" || _tag === "DecompressError")
}

const isTimeout = (error: unknown): boolean =>
  HttpClientError.isHttpClientError(error) && error.reason.cause instanceof HttpTimeout

/**
 * Stops calling a server that fails.
 *
 * **Example** (Five failures in a row, and a metric)
 *
 * ```ts
 * import { Metric } from "effect"
 * import { CircuitBreaker } from "effect/persistence"
 * import { ClientChain } from "fairlead/client"
 * import { circuitBreaker, retry } from "fairlead/client/handlers"
 *
 * const transitions = Metric.counter("circuit_transitions", { incremental: true })
 *
 * const chain = ClientChain.make("api")
 *   .use(retry())
 *   .use(
 *     circuitBreaker({
 *       tripPolicy: CircuitBreaker.consecutive(5),
 *       openDuration: "10 seconds",
 *       onTransition: ({ from, to }) => Metric.update(Metric.withAttributes(transitions, { from, to }), 1)
 *     })
 *   )
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const circuitBreaker = (
  options: CircuitBreakerOptions = {}
): ClientHandler.ClientHandler<EffectBreaker.CircuitBreakerError> => {
  const name = nameOr("circuitBreaker", options.name)
  const { key = originOf, onTransition } = options
  const check = checkOptions(name)
  const settings = {
    trip: options.tripPolicy ?? EffectBreaker.rate({ threshold: 0.5, size: 20, minimumCalls: 10 }),
    openFor: Duration.toMillis(check.duration("openDuration", options.openDuration ?? "5 seconds")),
    maxOpenFor: Duration.toMillis(check.duration("maxOpenDuration", options.maxOpenDuration ?? "1 minute")),
    maxKeys: check.maximum("maxKeys", options.maxKeys ?? 10_000)
  }
  const resultFor = (outcome: ClientHandler.Outcome): Result => options.classify?.(outcome)._tag ?? resultOf(outcome)
  const report = (transition: EffectBreaker.Transition | undefined): void => {
    if (transition === undefined || onTransition === undefined) return
    const log = { log: "Error", message: `${name}: onTransition failed` } as const
    Effect.runForkWith(Fiber.getCurrent()!.context)(Effect.ignoreCause(onTransition(transition), log))
  }

  return ClientHandler.make(name, () => {
    const circuits = new Circuits(settings)
    return {
      run: (exchange) => {
        const circuit = key(exchange.request)
        const admitted = circuits.admit(circuit, millis())
        if ("state" in admitted) return Exit.fail(errorOf(circuit, admitted))
        const { call, change } = admitted
        // An interrupted probe makes place for the next one.
        exchange.onInterrupt(() => void circuits.settle(call, "Ignored", 0))
        report(change)
        return ClientHandler.proceedWith(call)
      },
      afterResponse: (outcome, exchange, state) => {
        if (state._tag === "None") return undefined
        const call = state.value
        const now = millis()
        const result = exchange.haltedBy === undefined ? resultFor(outcome) : "Ignored"
        if (outcome._tag === "Failure") return report(circuits.settle(call, result, now))
        const wait = retryAfter(outcome.response.headers["retry-after"], now)
        report(circuits.settle(call, result, now, wait))
        if (result !== "Success") return undefined
        exchange.onBody({
          end: ({ error }) => {
            if (isBroken(error) || isTimeout(error)) report(circuits.breakOff(call, millis()))
            return undefined
          }
        })
        return undefined
      }
    }
  })
}

const errorOf = (key: string, { retryAfter, state }: Refusal): EffectBreaker.CircuitBreakerError =>
  new EffectBreaker.CircuitBreakerError({
    reason:
      state === "Open"
        ? new EffectBreaker.CircuitOpen({ key, retryAfter: Duration.millis(retryAfter) })
        : new EffectBreaker.CircuitHalfOpen({ key })
  })

// The methods run no Effect: after the deadline of `timeouts` no Effect would run, and the time-out must be counted.
const millis = (): number => Fiber.getCurrent()!.getRef(Clock.Clock).currentTimeMillisUnsafe()
