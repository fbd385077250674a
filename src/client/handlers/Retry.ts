/**
 * Sends a request again when it failed in a way that may pass, each time as a follow-up, so that it passes every handler again.
 *
 * 1. Only repeatable requests: idempotent methods (RFC 9110 §9.2.2), or an `Idempotency-Key` on the caller's own request, which every attempt then has. POST and
 *    PATCH without one never.
 * 2. Only bodies that can be sent again: bytes, text, forms, and streams declared `ClientHandler.replayable`.
 * 3. After 408, 425, 429, 500, 502, 503, 504, after a transport error, and after a timeout of connecting or of waiting for headers. After 421 only where the options
 *    say how to ask for a new connection. Never after a defect, nor after any other typed error, nor after a transport error by which this side refused: the guard
 *    of the transport an address, TLS the server's certificate, or a chain below a follow-up.
 * 4. Waits with full jitter: a random time up to `baseDelay`, doubled at each retry, up to `maxDelay`. `Retry-After`, in seconds or as a date, is waited out before that; one
 *    longer than `maxRetryAfter`, or one that leads past the deadline of `timeouts`, ends the retries.
 * 5. All calls of a client share one budget: when much fails, retries stop, instead of multiplying the load.
 * 6. Answers and failures of a handler declared earlier are not retried: it did not come from here, or has been retried here already.
 * 7. When the retries end, the last outcome is the outcome, unchanged. A response that breaks off while it is read is not retried.
 *
 * Order: inside redirect and `timeouts` with a total, outside everything that is to happen at each attempt: it waits in its `run`, before the later handlers. While it
 * waits no connection is held, and an interruption ends it. Works over any `HttpClient`; the 421 rule needs the transport of `fairlead/client/node`. Retries do not
 * count against the chain's `maxFollowUps`: `times` bounds them.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"

import { retryAfter } from "../../core/heads/RetryAfter.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type { OptionChecks } from "../../core/Options.ts"
import { canReplay } from "../Body.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { certainFollowUp } from "../Decision.ts"
import { deadline } from "./Deadline.ts"
import * as RetryBudgets from "./RetryBudget.ts"
import type { RetryBudget } from "./RetryBudget.ts"
import { isTransient } from "./TransientFailure.ts"

/**
 * Options of `retry`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RetryOptions {
  /** The handler's name. Default: `retry`. */
  readonly name?: string
  /** How often a call is retried, at most. Default: 2. */
  readonly times?: number
  /** The longest wait before the first retry. Default: 200 milliseconds. */
  readonly baseDelay?: Duration.Input
  /** The longest wait before a retry, without a `Retry-After`. Default: 10 seconds. */
  readonly maxDelay?: Duration.Input
  /** The longest `Retry-After` to wait out. Default: 60 seconds. */
  readonly maxRetryAfter?: Duration.Input
  /** The statuses after which a request is retried. Default: 408, 425, 429, 500, 502, 503, 504. */
  readonly statuses?: ReadonlyArray<number>
  /** Whether a request may be repeated. Default: rule 1. */
  readonly isRepeatable?: (request: ClientHandler.Request) => boolean
  /** The budget. Default: `RetryBudget.make()`, one for each client. */
  readonly budget?: RetryBudget
  /**
   * Marks a request so that its transport sends it over a new connection, for the retry after 421: `freshConnection` of `fairlead/client/node`, over the transport
   * there. Default: 421 is not retried.
   */
  readonly newConnection?: (request: ClientHandler.Request) => ClientHandler.Request
}

interface Settings {
  readonly times: number
  readonly baseDelay: number
  readonly maxDelay: number
  readonly maxRetryAfter: number
  readonly statuses: ReadonlySet<number>
  readonly isRepeatable: (request: ClientHandler.Request) => boolean
  readonly newConnection: RetryOptions["newConnection"]
}

const settingsOf = (check: OptionChecks, options: RetryOptions): Settings => {
  const millis = (option: string, value: Duration.Input): number =>
    Duration.toMillis(check.duration(option, value, { zero: true, infinite: true }))
  return {
    times: check.integer("times", options.times ?? 2, 0),
    baseDelay: millis("baseDelay", options.baseDelay ?? 200),
    maxDelay: millis("maxDelay", options.maxDelay ?? "10 seconds"),
    maxRetryAfter: millis("maxRetryAfter", options.maxRetryAfter ?? "60 seconds"),
    statuses: new Set(
      (options.statuses ?? [408, 425, 429, 500, 502, 503, 504]).map((status) => check.integer("statuses", status, 100))
    ),
    isRepeatable: options.isRepeatable ?? isRepeatable,
    newConnection: options.newConnection
  }
}

/**
 * Options of `retry` for one call: they take the place of the handler's own.
 *
 * **Example** (A call without retries)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpClient } from "effect/http"
 * import { RetryOverride } from "fairlead/client/handlers"
 *
 * const once = HttpClient.get("https://api.example.com/").pipe(Effect.provideService(RetryOverride, { times: 0 }))
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const RetryOverride: Context.Reference<Partial<Omit<RetryOptions, "name" | "budget">>> = Context.Reference<
  Partial<Omit<RetryOptions, "name" | "budget">>
>("fairlead/client/handlers/RetryOverride", { defaultValue: () => none })

const none: Partial<RetryOptions> = {}

const idempotent = new Set<string>(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "PUT", "DELETE"])

const isRepeatable = ({ headers, method }: ClientHandler.Request): boolean =>
  idempotent.has(method) || (headers["idempotency-key"] ?? "") !== ""

/** The retries so far, and how long the next attempt waits. */
interface Tries {
  readonly retries: number
  readonly wait: number
}

/** The facts for the decision. */
interface Attempt {
  readonly outcome: ClientHandler.Outcome
  readonly original: ClientHandler.Request
  readonly retries: number
  readonly now: number
  readonly deadline: number
  /** From 0 to 1. */
  readonly jitter: number
}

/** How long to wait before the next attempt, in milliseconds; `undefined` to stop. The budget is not considered. */
const decide = (attempt: Attempt, settings: Settings): number | undefined => {
  const { deadline, jitter, now, original, outcome, retries } = attempt
  if (retries >= settings.times || !mayPass(outcome, settings)) return undefined
  if (!settings.isRepeatable(original) || !canReplay(original)) return undefined
  const backoff = jitter * Math.min(settings.maxDelay, settings.baseDelay * 2 ** retries)
  const asked = outcome._tag === "Response" ? retryAfter(outcome.response.headers["retry-after"], now) : undefined
  // A server that asks for more patience than there is would only be asked too early.
  if (asked !== undefined && asked > settings.maxRetryAfter) return undefined
  // The jitter comes on top: all who were turned away would be back at the same instant.
  const wait = Math.ceil((asked ?? 0) + backoff)
  return now + wait < deadline ? wait : undefined
}

const mayPass = (outcome: ClientHandler.Outcome, settings: Settings): boolean => {
  if (outcome._tag === "Response") {
    const { status } = outcome.response
    return settings.statuses.has(status) || (status === 421 && settings.newConnection !== undefined)
  }
  const { reasons } = outcome.cause
  return reasons.length > 0 && reasons.every((reason) => reason._tag === "Fail" && isTransient(reason.error))
}

const reason = "retry"

// An answer or a failure of a handler declared earlier comes without state of this one.
const entered = ClientHandler.proceedWith(true)

/**
 * Retries what may pass.
 *
 * **Example** (Retrying within a budget that two clients share)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { redirect, retry, RetryBudget } from "fairlead/client/handlers"
 *
 * const budget = RetryBudget.make({ ratio: 0.1, burst: 20 })
 *
 * const chain = ClientChain.make("api")
 *   .use(redirect())
 *   .use(retry({ times: 3, baseDelay: "100 millis", budget }))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const retry = (options: RetryOptions = {}): ClientHandler.ClientHandler => {
  const name = nameOr("retry", options.name)
  const check = checkOptions(name)
  const standard = settingsOf(check, options)
  const tries = ClientHandler.cell<Tries>(name, () => ({ retries: 0, wait: 0 }))
  const settings = (): Settings => {
    const override = Fiber.getCurrent()!.getRef(RetryOverride)
    return override === none ? standard : settingsOf(check, { ...options, ...override })
  }
  return ClientHandler.make(name, () => {
    const budget = options.budget ?? RetryBudgets.make()
    return {
      run: (exchange) => {
        if (exchange.attempt === 1) budget.deposit()
        const { retries, wait } = exchange.get(tries)
        if (exchange.followUpReason !== reason || wait === 0) return entered
        exchange.set(tries, { retries, wait: 0 })
        return Effect.as(Effect.sleep(wait), entered)
      },
      afterResponse: (outcome, exchange, state) => {
        // Nothing to decide: nearly every call goes this way, and costs no Effect.
        if (state._tag === "None" || !mayPass(outcome, settings())) return undefined
        return Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          const jitter = yield* Random.next
          const { retries } = exchange.get(tries)
          const { original } = exchange
          const attempt = { outcome, original, retries, now, deadline: exchange.get(deadline), jitter }
          const wait = decide(attempt, settings())
          if (wait === undefined || !budget.withdraw()) return undefined
          exchange.set(tries, { retries: retries + 1, wait })
          const misdirected = outcome._tag === "Response" && outcome.response.status === 421
          const next = misdirected ? (settings().newConnection?.(original) ?? original) : original
          return certainFollowUp(next, reason, true)
        })
      }
    }
  })
}
