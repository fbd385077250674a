/**
 * Sends a request a second time when its response is late, and takes the first response: for a server whose answers are mostly quick and
 * sometimes late.
 *
 * 1. Only safe methods (RFC 9110 §9.2.1), and bodies that can be sent again: bytes, text, forms, and streams declared `ClientHandler.replayable`. Not an upgrade, whose
 *    connection has one owner. Any other request passes as if this were not here.
 * 2. When no attempt has had a response's head for `delay`, another one starts, up to `maxAttempts` in all. The first acceptable response is the outcome: any but 500, 502, 503 and 504.
 * 3. An unacceptable response, a transport error, or a time-out of connecting or of waiting for headers starts the next attempt at once. One with `Retry-After`
 *    does not, nor does any other error: from then on none starts, and those under way may still win.
 * 4. When all have failed, the outcome of the last to end is the outcome, unchanged.
 * 5. Each attempt goes through everything declared later, as a separate logical request. The other attempts are interrupted, which aborts their requests, and their responses are
 *    released; nobody waits for that. The body of the winner is read as any other: where it breaks off, no other attempt takes its place.
 * 6. All calls of a client share one budget: when everything is slow, the extra requests stop, instead of doubling the load. A call that it has refused one starts no more.
 *
 * Order: outside of redirect and retry, which each attempt then does for itself; inside of `timeouts`, whose `headers` and `idle` bound each attempt, and whose `total` bounds them all
 * together. Never outside of `dedupe`, which would let the second attempt wait for the first: directly inside of it, where there is one. Handlers declared earlier see one response,
 * answered by `hedge`. Works over any `HttpClient`; with a pool of one connection for each origin, an HTTP/1.1 attempt waits for the
 * one before it.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"

import { checkOptions, nameOr } from "../../core/Options.ts"
import { canReplay, isOpen } from "../Body.ts"
import * as ClientHandler from "../ClientHandler.ts"
import * as RetryBudgets from "./RetryBudget.ts"
import type { RetryBudget } from "./RetryBudget.ts"
import { failingStatuses, isTransient } from "./TransientFailure.ts"

/**
 * Options of `hedge`.
 *
 * @category models
 * @since 0.1.0
 */
export interface HedgeOptions {
  /** The handler's name. Default: `hedge`. */
  readonly name?: string
  /**
   * How long an attempt is waited for before the next one starts: best the time within which 95 of 100 responses are there. Nothing sends all attempts at once; an infinite one starts
   * the next only when the one before has failed. Default: 2 seconds.
   */
  readonly delay?: Duration.Input | ((request: ClientHandler.Request) => Duration.Input)
  /** How many attempts a call has, the first one too. Default: 2. */
  readonly maxAttempts?: number
  /** Whether a response ends the call. Default: rule 2. */
  readonly isAcceptable?: (response: ClientHandler.Response) => boolean
  /** The budget for extra requests of all calls: each call pays in, each attempt after its first takes 1. Default: `RetryBudget.make({ ratio: 0.1 })`, one for each client. */
  readonly budget?: RetryBudget
}

interface Settings {
  readonly maxAttempts: number
  readonly isAcceptable: (response: ClientHandler.Response) => boolean
  readonly budget: RetryBudget
}

const safe = new Set<string>(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"])

// A stream body could at best be read again, and not by two at a time.
const isHedged = (request: ClientHandler.Request): boolean =>
  safe.has(request.method) && canReplay(request) && !isOpen(request) && !("upgrade" in request.headers)

type Attempt = Fiber.Fiber<ClientHandler.Response, unknown>
type Result = Exit.Exit<ClientHandler.Response, unknown>

/** The verdict on an ended attempt: it wins, or another one may start in its place, or no further one may. */
const judge = (result: Result, isAcceptable: Settings["isAcceptable"]): "wins" | "next" | "none" => {
  if (Exit.isSuccess(result)) {
    if (isAcceptable(result.value)) return "wins"
    return result.value.headers["retry-after"] === undefined ? "next" : "none"
  }
  const { reasons } = result.cause
  return reasons.every((reason) => reason._tag === "Fail" && isTransient(reason.error)) ? "next" : "none"
}

/**
 * Sends a request again while it waits for the response, and takes the first.
 *
 * **Example** (A second attempt after 300 milliseconds, for one call in twenty)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { hedge, retry, RetryBudget, timeouts } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api")
 *   .use(timeouts({ total: "10 seconds", headers: "2 seconds" }))
 *   .use(hedge({ delay: "300 millis", budget: RetryBudget.make({ ratio: 0.05 }) }))
 *   .use(retry())
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const hedge = (options: HedgeOptions = {}): ClientHandler.ClientHandler => {
  const name = nameOr("hedge", options.name)
  const check = checkOptions(name)
  const { delay = "2 seconds", isAcceptable = ({ status }) => !failingStatuses.has(status) } = options
  const maxAttempts = check.integer("maxAttempts", options.maxAttempts ?? 2)
  if (typeof delay !== "function") check.duration("delay", delay, { zero: true, infinite: true })
  const delayOf = typeof delay === "function" ? delay : () => delay
  return ClientHandler.make(name, () => {
    const budget = options.budget ?? RetryBudgets.make({ ratio: 0.1 })
    const settings = { maxAttempts, isAcceptable, budget }
    return {
      run: (exchange) => {
        if (!isHedged(exchange.request)) return undefined
        budget.deposit()
        const first = race(exchange, Duration.toMillis(delayOf(exchange.request)), settings)
        // Its errors are raised by the handlers declared later and by the transport: the chain's type has them from there.
        return Effect.map(first as Effect.Effect<ClientHandler.Response>, ClientHandler.halt)
      }
    }
  })
}

/** The outcome of the attempts: the first acceptable response, or what the last one to end came to. */
const race = (
  { inner, release, request }: ClientHandler.Exchange,
  delay: number,
  { budget, isAcceptable, maxAttempts }: Settings
): Effect.Effect<ClientHandler.Response, unknown> =>
  Effect.uninterruptibleMask((restore) => {
    const underWay = new Set<Attempt>()
    let left = maxAttempts
    const mayStart = (): boolean => {
      const may = left > 0 && budget.withdraw()
      if (!may) left = 0
      return may
    }
    const letGo = (result: Result): Effect.Effect<void> =>
      Exit.isSuccess(result) ? release(result.value) : Effect.void
    const loseAll = Effect.suspend(() => {
      const losers = [...underWay]
      // One may have had its response while another won.
      const settled = Effect.forEach(losers, (attempt) => Effect.flatMap(Fiber.await(attempt), letGo), inParallel)
      return losers.length === 0 ? Effect.void : Effect.andThen(Fiber.interruptAll(losers), settled)
    })

    const outcome = Effect.gen(function* () {
      const ended = yield* Queue.unbounded<Attempt>()
      const start = Effect.map(Effect.forkDetach(inner.execute(request), atOnce), (attempt) => {
        left--
        underWay.add(attempt)
        attempt.addObserver(() => Queue.offerUnsafe(ended, attempt))
      })
      yield* start
      while (true) {
        // Peek first, and take then: an end taken while the time runs out would be lost.
        yield* restore(Effect.timeoutOption(Queue.peek(ended), left > 0 ? delay : Duration.infinity))
        const end = yield* Queue.poll(ended)
        if (Option.isNone(end)) {
          if (mayStart()) yield* start
          continue
        }
        const result = yield* Fiber.await(end.value)
        const verdict = judge(result, isAcceptable)
        underWay.delete(end.value)
        if (verdict === "wins") return yield* result
        if (verdict === "none") left = 0
        const goesOn = mayStart()
        if (!goesOn && underWay.size === 0) return yield* result
        // Its connection may be the one that the next attempt waits for.
        yield* Effect.forkDetach(letGo(result), atOnce)
        if (goesOn) yield* start
      }
    })
    return Effect.onExit(outcome, (exit) =>
      Exit.isSuccess(exit) ? Effect.asVoid(Effect.forkDetach(loseAll, atOnce)) : loseAll
    )
  })

const atOnce = { startImmediately: true } as const
const inParallel = { concurrency: "unbounded", discard: true } as const
