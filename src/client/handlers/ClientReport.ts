/**
 * Reports of attempts and logical requests, made when the response's body has ended: for `log`, `metrics` and `tracing`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"

import * as ClientHandler from "../ClientHandler.ts"
import { boundInside } from "../ExchangeBounds.ts"
import { CallTags } from "./CallTags.ts"
import { shownUrl, urlOf } from "./RequestUrl.ts"

/**
 * The report of an attempt, or of a whole logical request.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClientReport {
  /** An `attempt` is one cycle through the handlers; a `request` is everything that followed from one call of the client. */
  readonly kind: "attempt" | "request"
  readonly method: string
  /** With its query, redacted. */
  readonly url: string
  /** Origin without user and password, or an empty text. */
  readonly origin: string
  /** How often the request was sent again before. */
  readonly resendCount: number
  /** Why the attempt was made: `request`, or the reason of the follow-up. */
  readonly followUpReason: string
  readonly status: number | undefined
  /** The error's tag, `defect` or `interrupted`, when there is no response, or its body broke off. */
  readonly error: string | undefined
  /** The handler that answered in place of the network, if one did. */
  readonly haltedBy: string | undefined
  /** The response's `Cache-Status`. */
  readonly cacheStatus: string | undefined
  /** To the head of the response, or to the failure. */
  readonly headDuration: Duration.Duration
  /** To the end of the body, or to the failure. */
  readonly duration: Duration.Duration
  /** Bytes of the body that were read. */
  readonly bytes: number
  /** `complete`; `cancelled` by its reader; `broken` by a failure; `unread` when the report was made before; `none` when there is no response. */
  readonly bodyState: "complete" | "cancelled" | "broken" | "unread" | "none"
  /** The `CallTags` of the call. */
  readonly tags: Readonly<Record<string, string>>
}

/** When a report is made: at the response's head, or at its body's end. */
export type Until = "head" | "body"

/** Receives the reports of one attempt, and of its request when it was the last. */
export type Listener = (report: ClientReport) => Effect.Effect<void> | undefined

/** The listener of one attempt; `inside` is put around what is declared later. */
interface Listening {
  readonly listener: Listener
  readonly inside?: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

/** Begins to listen to an attempt. */
type Begin = (exchange: ClientHandler.Exchange) => Listening | Effect.Effect<Listening>

/** One attempt under way. */
interface Attempt {
  readonly since: number
  readonly first: number
  readonly listener: Listener
  readonly tags: Readonly<Record<string, string>>
  /** The URL for a report. */
  readonly shown: (request: ClientHandler.Request) => string
  isReported: boolean
}

const millis = (): number => Fiber.getCurrent()!.getRef(Clock.Clock).currentTimeMillisUnsafe()

/** A handler that reports every attempt, and every logical request, once each. */
export const reporting = (name: string, until: Until, begin: Begin): ClientHandler.ClientHandler =>
  ClientHandler.make(name, methodsOf(name, until, begin, shownUrl))

/** The same, with one listener for each client, which gets an empty URL: it costs something to redact one. */
export const reportingFor = (name: string, until: Until, build: () => Listener): ClientHandler.ClientHandler =>
  ClientHandler.make(name, () => {
    const listening = { listener: build() }
    return methodsOf(
      name,
      until,
      () => listening,
      () => ""
    )
  })

const methodsOf = (
  name: string,
  until: Until,
  begin: Begin,
  shown: (request: ClientHandler.Request) => string
): ReportingMethods => {
  const started = ClientHandler.cell<number | undefined>(name, () => undefined)
  return {
    run: (exchange) => {
      const since = millis()
      const first = exchange.get(started) ?? since
      exchange.set(started, first)
      const listen = ({ inside, listener }: Listening) => {
        const tags = Fiber.getCurrent()!.getRef(CallTags)
        const attempt: Attempt = { since, first, listener, tags, shown, isReported: false }
        // No handler runs on the way back of an interruption.
        exchange.onInterrupt(() => {
          const summary = { error: "interrupted", status: undefined, cacheStatus: undefined }
          return report(exchange, attempt, { ...summary, headAt: millis(), isLast: true }, "none", 0)
        })
        if (inside !== undefined) {
          boundInside(exchange, (effect, work) => (work === "inner" ? effect : inside(effect)))
        }
        return ClientHandler.proceedWith(attempt)
      }
      const listening = begin(exchange)
      return Effect.isEffect(listening) ? Effect.map(listening, listen) : listen(listening)
    },
    afterResponse: (outcome, exchange, state): Effect.Effect<void> | undefined => {
      if (state._tag === "None") return undefined
      const attempt = state.value
      const { queued } = exchange
      const isLast = queued === undefined || (outcome._tag === "Failure" && !queued.recovers)
      const summary = attemptSummary(outcome, isLast)
      if (outcome._tag === "Failure") return report(exchange, attempt, summary, "none", 0)
      if (isBodiless(outcome.response)) return report(exchange, attempt, summary, "complete", 0)
      if (until === "head") return report(exchange, attempt, summary, "unread", 0)
      exchange.onBody({
        end: ({ bytes, error, state }) =>
          report(exchange, attempt, error === undefined ? summary : { ...summary, error: error._tag }, state, bytes)
      })
      return undefined
    }
  }
}

type Begun = ReturnType<typeof ClientHandler.proceedWith<Attempt>>

type ReportingMethods = ClientHandler.Methods<Begun | Effect.Effect<Begun>, Effect.Effect<void> | undefined>

/** How an attempt came out, as far as its head says. */
interface AttemptSummary {
  readonly status: number | undefined
  readonly error: string | undefined
  readonly cacheStatus: string | undefined
  /** When the head was there. */
  readonly headAt: number
  /** Whether the attempt is the last of its request. */
  readonly isLast: boolean
}

// A body read twice, or an interruption after its end, is not reported again.
const report = (
  exchange: ClientHandler.Exchange,
  attempt: Attempt,
  { cacheStatus, error, headAt, isLast, status }: AttemptSummary,
  bodyState: ClientReport["bodyState"],
  bytes: number
): Effect.Effect<void> | undefined => {
  if (attempt.isReported) return undefined
  attempt.isReported = true
  const now = millis()
  const { request } = exchange
  const { first, listener, shown, since, tags } = attempt
  const reportOf = (kind: ClientReport["kind"], since: number): ClientReport => ({
    kind,
    method: request.method,
    url: shown(request),
    origin: urlOf(request)?.origin ?? "",
    resendCount: exchange.attempt - 1,
    followUpReason: exchange.followUpReason,
    haltedBy: exchange.haltedBy,
    status,
    error,
    cacheStatus,
    headDuration: Duration.millis(headAt - since),
    duration: Duration.millis(now - since),
    bytes,
    bodyState,
    tags
  })
  const ofAttempt = listener(reportOf("attempt", since))
  if (!isLast) return ofAttempt
  const ofRequest = listener(reportOf("request", first))
  if (ofAttempt === undefined || ofRequest === undefined) return ofAttempt ?? ofRequest
  return Effect.andThen(ofAttempt, ofRequest)
}

const attemptSummary = (outcome: ClientHandler.Outcome, isLast: boolean): AttemptSummary => {
  const headAt = millis()
  if (outcome._tag === "Failure") {
    return { status: undefined, error: errorOf(outcome.cause), cacheStatus: undefined, headAt, isLast }
  }
  const { headers, status } = outcome.response
  return { status, error: undefined, cacheStatus: headers["cache-status"], headAt, isLast }
}

/** The name of a cause: never its message, which may hold a secret. */
const errorOf = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasDies(cause)) return "defect"
  const error = cause.reasons.find(Cause.isFailReason)?.error
  if (error === undefined) return "interrupted"
  return typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : "unknown"
}

const isBodiless = ({ headers, request, status }: ClientHandler.Response): boolean =>
  request.method === "HEAD" || status === 204 || status === 304 || headers["content-length"] === "0"
