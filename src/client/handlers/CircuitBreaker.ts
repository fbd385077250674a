/**
 * Stops calling a server that fails, so that callers learn it at once and the server gets time to recover.
 *
 * 1. Each origin has a circuit of its own, unless a `key` says what counts together. It is closed, and calls pass; open, and calls fail with `CircuitOpen`; or half-open,
 *    and one call at a time passes as a probe while the others fail.
 * 2. A call counts when its response's head is there, or its failure. Transport errors, time-outs and 500, 502, 503, 504 are failures; any other response is a success, since
 *    the server answered. Other errors, transport errors by which this side refused, defects, interruptions, and what a handler declared later answered in place of the
 *    network count neither way.
 * 3. A body that breaks off, or runs into a time-out, makes a failure of its call, while that is in the window. A body that nobody reads, or whose reader leaves, does not.
 * 4. A failure opens the circuit by Effect's own policies, over a window of the last calls in the order in which they were counted: `CircuitBreaker.rate`, a
 *    share of failures, or `CircuitBreaker.consecutive`. What was let through before the circuit changed counts no more.
 * 5. It is open for `openFor`, doubled at each opening in a row, or for the `Retry-After` of the failure where that is longer, up to `maxOpenFor` always. The openings are forgotten when
 *    it has been closed for as long as it was open.
 * 6. A probe that succeeds closes the circuit, one that fails opens it again; so does one whose body breaks off before the openings are forgotten. One that counts neither way makes
 *    place for the next, and so does one that takes longer than the circuit was open.
 * 7. Beyond `maxKeys` the circuit that was not used for longest is forgotten, one that is not closed only when there is no other.
 *
 * Order: inside of hedge, dedupe, retry and redirect, so that it sees each attempt and each hop; outside of `rateLimit`, which then takes no tokens for what is refused. `retry` does not
 * retry a `CircuitOpen`. Works over any `HttpClient`. The state is that of the handler: used in several chains it is one for all of them.
 *
 * Effect's own `CircuitBreaker` is not wrapped, save its policies and transitions: it takes one outcome a call, at its end. For a body that would be when it was read, and the slot of a probe
 * whose body nobody reads would never be free; at its head, a server that breaks off every body would never open a circuit. Nor does it bound its keys. What it has and this has not is a
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
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import { boundInside } from "../Bound.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { withBody } from "../ResponseBody.ts"
import { retryAfter } from "../RetryAfter.ts"
import { BodyTooLarge } from "./BodyLimit.ts"
import { Circuits } from "./Circuits.ts"
import type { Result } from "./Circuits.ts"
import { DecompressError } from "./Decompress.ts"
import { atLeastOne, originOf } from "./Origins.ts"
import { isTransient } from "./Retry.ts"
import { TimeoutError } from "./Timeouts.ts"

/**
 * Options of `circuitBreaker`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** When a circuit opens. Default: `CircuitBreaker.rate({ threshold: 0.5, size: 20, minimumCalls: 10 })`, half of the last 20 calls, 10 at least. */
  readonly trip?: EffectBreaker.TripPolicy
  /** How long it is open the first time. Default: 5 seconds. */
  readonly openFor?: Duration.Input
  /** How long it is open at most. Default: 1 minute. */
  readonly maxOpenFor?: Duration.Input
  /** What an outcome counts as. Default: rule 2. */
  readonly classify?: (outcome: ClientHandler.Outcome) => "Success" | "Failure" | "Ignored"
  /** What counts together. Default: the origin. */
  readonly key?: (request: ClientHandler.Request) => string
  /** How many circuits there are. Default: 1000. */
  readonly maxKeys?: number
  /** Runs at each transition of a circuit, for logs and metrics: beside the call that made it, whatever becomes of it. Default: nothing. */
  readonly onChange?: (transition: EffectBreaker.Transition) => Effect.Effect<void>
}

/**
 * A call was not sent, because the calls before it failed. Answer from elsewhere, or come again after `retryAfter`.
 *
 * @category errors
 * @since 0.1.0
 */
export class CircuitOpen extends Schema.TaggedError<CircuitOpen>()("CircuitOpen", {
  /** What counts together: an origin, unless the options say otherwise. */
  key: Schema.String,
  /** `HalfOpen` while a probe is under way, which may close the circuit at any time. */
  state: Schema.Literals(["Open", "HalfOpen"]),
  /** How long until a call is let through, at most. */
  retryAfter: Schema.DurationFromMillis
}) {
  override get message(): string {
    const wait = Duration.toMillis(this.retryAfter)
    return this.state === "Open"
      ? `Calls to ${this.key} failed, so none is sent: answer from elsewhere, or try again in ${wait} ms`
      : `Calls to ${this.key} failed, and one is under way to see whether they still do: try again when that is known, in ${wait} ms at the latest`
  }
}

/** The statuses of a server that fails. */
export const failing: ReadonlySet<number> = new Set([500, 502, 503, 504])

/** What the outcome of a call counts as, unless the options say otherwise. */
const resultOf = (outcome: ClientHandler.Outcome): Result => {
  if (outcome._tag === "Response") return failing.has(outcome.response.status) ? "Failure" : "Success"
  const results = new Set<Result>(
    outcome.cause.reasons.map((reason) => (Cause.isFailReason(reason) ? ofError(reason.error) : "Ignored"))
  )
  return results.has("Failure") ? "Failure" : results.has("Success") ? "Success" : "Ignored"
}

const ofError = (error: unknown): Result => {
  if (error instanceof TimeoutError || isTransient(error)) return "Failure"
  // A client that makes an error of a status was answered nevertheless.
  if (!HttpClientError.isHttpClientError(error) || error.reason._tag !== "StatusCodeError") return "Ignored"
  return failing.has(error.reason.response.status) ? "Failure" : "Success"
}

/** Whether a body broke off. One that is empty did not, and what this side does not take is not the server's fault. */
const isBroken = (error: unknown): boolean => {
  if (!HttpClientError.isHttpClientError(error) || error.reason._tag === "EmptyBodyError") return false
  const { cause } = error.reason
  return !(cause instanceof BodyTooLarge || cause instanceof DecompressError)
}

const isTimeout = (error: unknown): boolean =>
  HttpClientError.isHttpClientError(error) && error.reason.cause instanceof TimeoutError

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
 *       trip: CircuitBreaker.consecutive(5),
 *       openFor: "10 seconds",
 *       onChange: ({ from, to }) => Metric.update(Metric.withAttributes(transitions, { from, to }), 1)
 *     })
 *   )
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const circuitBreaker = (options: Options = {}): ClientHandler.ClientHandler<CircuitOpen> => {
  const { classify = resultOf, key = originOf, onChange = () => Effect.void } = options
  const circuits = new Circuits({
    trip: options.trip ?? EffectBreaker.rate({ threshold: 0.5, size: 20, minimumCalls: 10 }),
    openFor: atLeastOne("circuitBreaker", "openFor", Duration.toMillis(options.openFor ?? "5 seconds")),
    maxOpenFor: atLeastOne("circuitBreaker", "maxOpenFor", Duration.toMillis(options.maxOpenFor ?? "1 minute")),
    maxKeys: atLeastOne("circuitBreaker", "maxKeys", options.maxKeys ?? 1000)
  })
  const tell = (change: EffectBreaker.Transition | undefined): void => {
    if (change === undefined) return
    const told = Effect.ignoreCause(onChange(change), { log: "Error", message: "circuitBreaker: onChange failed" })
    Effect.runForkWith(Fiber.getCurrent()!.context)(told)
  }

  return ClientHandler.make("circuit-breaker", {
    run: (exchange) => {
      const name = key(exchange.request)
      const admitted = circuits.admit(name, millis())
      if ("state" in admitted) {
        const { retryAfter, state } = admitted
        return Exit.fail(new CircuitOpen({ key: name, state, retryAfter: Duration.millis(retryAfter) }))
      }
      const { call, change } = admitted
      tell(change)
      // No handler runs on the way back of an interruption.
      const left = Effect.sync(() => circuits.settle(call, "Ignored", 0))
      if (call.isProbe) {
        boundInside(exchange, (effect, what) => (what === "inner" ? effect : Effect.onInterrupt(effect, () => left)))
      }
      return ClientHandler.proceedWith(call)
    },
    afterResponse: (exchange, outcome, state) => {
      if (state._tag === "None") return undefined
      const call = state.value
      const now = millis()
      const result = exchange.haltedBy === undefined ? classify(outcome) : "Ignored"
      if (outcome._tag === "Failure") return tell(circuits.settle(call, result, now))
      const { response } = outcome
      tell(circuits.settle(call, result, now, retryAfter(response, now)))
      if (result !== "Success") return undefined
      const brokeOff = Effect.sync(() => tell(circuits.breakOff(call, millis())))
      return ClientHandler.respond(watched(response, brokeOff))
    }
  })
}

// The methods run no Effect: where the deadline of `timeouts` has passed, none would be run, and that is what has to be counted.
const millis = (): number => Fiber.getCurrent()!.getRef(Clock.Clock).currentTimeMillisUnsafe()

/** The response, with a body that tells when it breaks off. */
const watched = (response: ClientHandler.Response, brokeOff: Effect.Effect<void>): ClientHandler.Response => {
  const ifFor = (cause: Cause.Cause<unknown>, isMeant: (error: unknown) => boolean): Effect.Effect<void> =>
    isMeant(cause.reasons.find(Cause.isFailReason)?.error) ? brokeOff : Effect.void
  const stream = Stream.transformPull(response.stream, (pull, scope) =>
    Effect.as(
      // `timeouts` that is declared earlier interrupts the pull, as a reader does that leaves: only the end of the whole says which it was.
      Scope.addFinalizerExit(scope, (exit) => (Exit.isFailure(exit) ? ifFor(exit.cause, isTimeout) : Effect.void)),
      Effect.onError(pull, (cause) => ifFor(cause, isBroken))
    )
  )
  return withBody(response, { stream })
}
