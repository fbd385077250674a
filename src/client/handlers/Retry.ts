/**
 * Sends a request again when it failed in a way that may pass, each time as a follow-up, so that it passes every handler again.
 *
 * 1. Only what may be repeated: idempotent methods (RFC 9110 §9.2.2), or an `Idempotency-Key` on the caller's own request, which every attempt then has. POST and
 *    PATCH without one never.
 * 2. Only bodies that can be sent again: bytes, text, forms, and streams that are declared `ClientHandler.replayable`.
 * 3. After 408, 425, 429, 500, 502, 503, 504, after a transport error, and after a timeout of connecting or of waiting for headers. After 421 only where the options
 *    say how to ask for a new connection. Never after a defect, nor after any other typed error, nor after a transport error by which this side refused: the guard
 *    of the transport an address, TLS the server's certificate, or a chain below a follow-up.
 * 4. Waits with full jitter: a random time up to `base`, doubled at each retry, up to `cap`. `Retry-After`, in seconds or as a date, is waited out before that; one
 *    that is longer than `maxRetryAfter`, or leads past the deadline of `timeouts`, ends the retries.
 * 5. All calls share one budget: when much fails, retries stop, instead of multiplying the load.
 * 6. What a handler declared earlier answers, or fails with, is not retried: it did not come from here, or has been retried here already.
 * 7. When the retries end, the last outcome is the outcome, unchanged. A response that breaks off while it is read is not retried.
 *
 * Order: inside redirect and `timeouts` with a total, outside everything that is to happen at each attempt: it waits in its `run`, before what is declared later. While it
 * waits no connection is held, and an interruption ends it. Works over any `HttpClient`; the 421 rule needs the transport of `fairlead/client/node`. A retry counts against the
 * chain's `maxFollowUps`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClientError from "effect/http/HttpClientError"
import * as Random from "effect/Random"

import { canReplay } from "../Body.ts"
import { isCausedBy, isOfCertificate } from "../Causes.ts"
import type { Told } from "../Causes.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { deadline } from "../Deadline.ts"
import { retryAfter } from "../RetryAfter.ts"
import { TimeoutError } from "./Timeouts.ts"

/**
 * What all calls may retry together: each first attempt pays in `ratio`, each retry takes 1, and up to `burst` is saved. It starts full.
 *
 * @category models
 * @since 0.1.0
 */
export interface RetryBudget {
  /** Pays in for a first attempt. */
  readonly deposit: () => void
  /** Takes 1 for a retry, if there is as much. */
  readonly withdraw: () => boolean
  /** How much is there. */
  readonly balance: () => number
}

/**
 * Makes a budget, to be shared by several handlers. Default: `ratio` 0.2, `burst` 10.
 *
 * @category constructors
 * @since 0.1.0
 */
export const retryBudget = ({
  burst = 10,
  ratio = 0.2
}: { readonly ratio?: number; readonly burst?: number } = {}): RetryBudget => {
  // Millionths: tenths would not add up to 1.
  const whole = 1_000_000
  let saved = burst * whole
  return {
    deposit: () => (saved = Math.min(burst * whole, saved + Math.round(ratio * whole))),
    withdraw: () => saved >= whole && ((saved -= whole), true),
    balance: () => saved / whole
  }
}

/**
 * Options of `retry`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How often a call is retried, at most. Default: 2. */
  readonly times?: number
  /** The longest wait before the first retry. Default: 200 milliseconds. */
  readonly base?: Duration.Input
  /** The longest wait of its own choice before any retry. Default: 10 seconds. */
  readonly cap?: Duration.Input
  /** The longest `Retry-After` that is waited out. Default: 60 seconds. */
  readonly maxRetryAfter?: Duration.Input
  /** The statuses after which a request is retried. Default: 408, 425, 429, 500, 502, 503, 504. */
  readonly statuses?: ReadonlyArray<number>
  /** Whether a request may be repeated. Default: rule 1. */
  readonly repeatable?: (request: ClientHandler.Request) => boolean
  /** The budget. Default: one of its own for each handler that is made, `retryBudget()`. */
  readonly budget?: RetryBudget
  /**
   * Marks a request so that its transport sends it over a new connection, for the retry after 421: `freshConnection` of `fairlead/client/node`, over the transport
   * there. Default: 421 is not retried.
   */
  readonly onNewConnection?: (request: ClientHandler.Request) => ClientHandler.Request
}

interface Settings {
  readonly times: number
  readonly base: number
  readonly cap: number
  readonly maxRetryAfter: number
  readonly statuses: ReadonlySet<number>
  readonly repeatable: (request: ClientHandler.Request) => boolean
  readonly budget: RetryBudget
  readonly onNewConnection: Options["onNewConnection"]
}

const settingsOf = (options: Options): Settings => ({
  times: options.times ?? 2,
  base: Duration.toMillis(options.base ?? 200),
  cap: Duration.toMillis(options.cap ?? "10 seconds"),
  maxRetryAfter: Duration.toMillis(options.maxRetryAfter ?? "60 seconds"),
  statuses: new Set(options.statuses ?? [408, 425, 429, 500, 502, 503, 504]),
  repeatable: options.repeatable ?? isRepeatable,
  budget: options.budget ?? retryBudget(),
  onNewConnection: options.onNewConnection
})

const idempotent = new Set<string>(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "PUT", "DELETE"])

const isRepeatable = ({ headers, method }: ClientHandler.Request): boolean =>
  idempotent.has(method) || (headers["idempotency-key"] ?? "") !== ""

/** What was tried so far, and how long the next attempt waits. */
interface Tries {
  readonly retries: number
  readonly wait: number
}

/** What the decision looks at. */
interface Attempt {
  readonly outcome: ClientHandler.Outcome
  readonly original: ClientHandler.Request
  readonly retries: number
  readonly now: number
  readonly deadline: number
  /** From 0 to 1. */
  readonly jitter: number
}

/** How long to wait before the next attempt, in milliseconds; `undefined` when there is none. The budget is not asked. */
const decide = (attempt: Attempt, settings: Settings): number | undefined => {
  const { deadline, jitter, now, original, outcome, retries } = attempt
  if (retries >= settings.times || !mayPass(outcome, settings)) return undefined
  if (!settings.repeatable(original) || !canReplay(original)) return undefined
  const backoff = jitter * Math.min(settings.cap, settings.base * 2 ** retries)
  const asked = outcome._tag === "Response" ? retryAfter(outcome.response, now) : undefined
  // A server that asks for more patience than there is would only be asked too early.
  if (asked !== undefined && asked > settings.maxRetryAfter) return undefined
  // The jitter comes on top: all who were turned away would be back at the same instant.
  const wait = Math.ceil((asked ?? 0) + backoff)
  return now + wait < deadline ? wait : undefined
}

const mayPass = (outcome: ClientHandler.Outcome, settings: Settings): boolean => {
  if (outcome._tag === "Response") {
    const { status } = outcome.response
    return settings.statuses.has(status) || (status === 421 && settings.onNewConnection !== undefined)
  }
  const { reasons } = outcome.cause
  return reasons.length > 0 && reasons.every((reason) => reason._tag === "Fail" && isTransient(reason.error))
}

// What the guard of `fairlead/client/node` refused, or a chain below could not follow up, stays so however long it is waited; so does a certificate.
const decisions = new Set<unknown>(["SsrfBlocked", "FollowUpError"])

const isDecision = (error: Told): boolean => decisions.has(error._tag) || isOfCertificate(error)

/** Whether an error says that the same request may succeed at another time. */
export const isTransient = (error: unknown): boolean =>
  HttpClientError.isHttpClientError(error)
    ? error.reason._tag === "TransportError" && !isCausedBy(error.reason.cause, isDecision)
    : error instanceof TimeoutError && error.phase !== "total"

const reason = "retry"

// What a handler declared earlier answers or fails with has no state of this one.
const entered = ClientHandler.proceedWith(true)

/**
 * Retries what may pass.
 *
 * **Example** (Retrying within a budget)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { redirect, retry, retryBudget } from "fairlead/client/handlers"
 *
 * const budget = retryBudget({ ratio: 0.1, burst: 20 })
 *
 * const chain = ClientChain.make("api")
 *   .use(redirect())
 *   .use(retry({ times: 3, base: "100 millis", budget }))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const retry = (options: Options = {}): ClientHandler.ClientHandler<ClientHandler.FollowUpError> => {
  const settings = settingsOf(options)
  const tries = ClientHandler.cell<Tries>("retry", () => ({ retries: 0, wait: 0 }))
  return ClientHandler.make("retry", {
    run: (exchange) => {
      if (exchange.attempt === 1) settings.budget.deposit()
      const { retries, wait } = exchange.get(tries)
      if (exchange.reason !== reason || wait === 0) return entered
      exchange.set(tries, { retries, wait: 0 })
      return Effect.as(Effect.sleep(wait), entered)
    },
    afterResponse: (exchange, outcome, state) => {
      // Nothing to decide: the way of nearly every call costs no Effect.
      if (state._tag === "None" || !mayPass(outcome, settings)) return undefined
      return Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const jitter = yield* Random.next
        const { retries } = exchange.get(tries)
        const { original } = exchange
        const wait = decide({ outcome, original, retries, now, deadline: exchange.get(deadline), jitter }, settings)
        if (wait === undefined || !settings.budget.withdraw()) return undefined
        exchange.set(tries, { retries: retries + 1, wait })
        const misdirected = outcome._tag === "Response" && outcome.response.status === 421
        const next = misdirected ? (settings.onNewConnection?.(original) ?? original) : original
        return ClientHandler.followUpInstead(next, reason)
      })
    }
  })
}
