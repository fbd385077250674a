/**
 * Sends a request that waits too long a second time, beside the first, and takes the response that comes first: for a server whose answers are mostly quick and
 * sometimes late.
 *
 * 1. Only safe methods (RFC 9110 §9.2.1), and bodies that can be sent again: bytes, text, forms, and streams that are declared `ClientHandler.replayable`. Not an upgrade, whose
 *    connection has one owner. Any other request passes as if this were not here.
 * 2. When no attempt has had a response's head for `delay`, another one starts, up to `maxAttempts` in all. The first acceptable response is the outcome: any but 500, 502, 503 and 504.
 * 3. A response that is not acceptable, a transport error, or a time-out of connecting or of waiting for headers starts the next attempt at once. One with `Retry-After`
 *    does not, nor does any other error: from then on none starts, and those under way may still win.
 * 4. When all have failed, the outcome of the last to end is the outcome, unchanged.
 * 5. Each attempt goes through everything declared later, as a logical request of its own. The attempts that lost are interrupted, which aborts their requests, and their responses are let
 *    go; nobody waits for that. The body of the winner is read as any other: where it breaks off, no other attempt takes its place.
 * 6. All calls share one budget: when everything is slow, the extra requests stop, instead of doubling the load. A call that it has refused one starts no more.
 *
 * Order: outside of redirect and retry, which each attempt then does for itself; inside of `timeouts`, whose `headers` and `idle` bound each attempt, and whose `total` bounds them all
 * together. Never outside of `dedupe`, which would let the second attempt wait for the first: directly inside of it, where there is one. What is declared earlier sees one response,
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

import { canReplay, isOpen } from "../Body.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { failing } from "./CircuitBreaker.ts"
import { atLeastOne } from "./Origins.ts"
import { isTransient, retryBudget } from "./Retry.ts"
import type { RetryBudget } from "./Retry.ts"

/**
 * Options of `hedge`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * How long an attempt is waited for before the next one starts: best the time within which 95 of 100 responses are there. Nothing sends all attempts at once; an infinite one starts
   * the next only when the one before has failed. Default: 2 seconds.
   */
  readonly delay?: Duration.Input | ((request: ClientHandler.Request) => Duration.Input)
  /** How many attempts a call has, the first one too. Default: 2. */
  readonly maxAttempts?: number
  /** Whether a response ends the call. Default: rule 2. */
  readonly acceptable?: (response: ClientHandler.Response) => boolean
  /** What all calls may send in addition: each call pays in, each attempt after its first takes 1. Default: one of its own for each handler that is made, `retryBudget({ ratio: 0.1 })`. */
  readonly budget?: RetryBudget
}

interface Settings {
  readonly maxAttempts: number
  readonly acceptable: (response: ClientHandler.Response) => boolean
  readonly budget: RetryBudget
}

const safe = new Set<string>(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY"])

// A body that is read as it is sent could at best be read again, and not by two at a time.
const isHedged = (request: ClientHandler.Request): boolean =>
  safe.has(request.method) && canReplay(request) && !isOpen(request) && !("upgrade" in request.headers)

type Attempt = Fiber.Fiber<ClientHandler.Response, unknown>
type Result = Exit.Exit<ClientHandler.Response, unknown>

/** What is done about an attempt that has ended: it wins, or another one may start in its place, or none may any more. */
const judge = (result: Result, acceptable: Settings["acceptable"]): "wins" | "next" | "none" => {
  if (Exit.isSuccess(result)) {
    if (acceptable(result.value)) return "wins"
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
 * import { hedge, retry, retryBudget, timeouts } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api")
 *   .use(timeouts({ total: "10 seconds", headers: "2 seconds" }))
 *   .use(hedge({ delay: "300 millis", budget: retryBudget({ ratio: 0.05 }) }))
 *   .use(retry())
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const hedge = (options: Options = {}): ClientHandler.ClientHandler => {
  const { acceptable = ({ status }) => !failing.has(status), delay = "2 seconds" } = options
  const budget = options.budget ?? retryBudget({ ratio: 0.1 })
  const settings = { maxAttempts: atLeastOne("hedge", "maxAttempts", options.maxAttempts ?? 2), acceptable, budget }
  const delayOf = typeof delay === "function" ? delay : () => delay
  return ClientHandler.make("hedge", {
    run: (exchange) => {
      if (!isHedged(exchange.request)) return undefined
      budget.deposit()
      const first = race(exchange, Duration.toMillis(delayOf(exchange.request)), settings)
      // What it fails with is raised by the handlers declared later and by the transport: the chain's type has it from them.
      return Effect.map(first as Effect.Effect<ClientHandler.Response>, ClientHandler.halt)
    }
  })
}

/** The outcome of the attempts: the first acceptable response, or what the last one to end came to. */
const race = (
  { inner, release, request }: ClientHandler.Exchange,
  delay: number,
  { acceptable, budget, maxAttempts }: Settings
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
        // Looked at first, and taken then: what is taken while the time runs out would be lost.
        yield* restore(Effect.timeoutOption(Queue.peek(ended), left > 0 ? delay : Duration.infinity))
        const end = yield* Queue.poll(ended)
        if (Option.isNone(end)) {
          if (mayStart()) yield* start
          continue
        }
        const result = yield* Fiber.await(end.value)
        const verdict = judge(result, acceptable)
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
