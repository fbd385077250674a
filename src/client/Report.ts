/**
 * What a request came to, told when its response's body has ended: what logs and metrics are made of. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as UrlParams from "effect/http/UrlParams"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

import { boundInside } from "./Bound.ts"
import * as ClientHandler from "./ClientHandler.ts"
import { withBody } from "./ResponseBody.ts"

/**
 * What an attempt, or a whole logical request, came to.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  /** An `attempt` is one cycle through the handlers; a `request` is all that followed from one call of the client. */
  readonly of: "attempt" | "request"
  readonly method: string
  /** With its query, redacted. */
  readonly url: string
  /** Origin without user and password, or an empty text. */
  readonly origin: string
  /** How often the request was sent again before. */
  readonly resends: number
  /** Why the attempt was made: `request`, or the reason of the follow-up. */
  readonly reason: string
  readonly status: number | undefined
  /** The error's tag, `defect` or `interrupted`, when there is no response, or its body broke off. */
  readonly error: string | undefined
  /** The handler that answered in place of the network, if one did. */
  readonly haltedBy: string | undefined
  /** The response's `Cache-Status`. */
  readonly cacheStatus: string | undefined
  /** Milliseconds to the head of the response, or to the failure. */
  readonly headMillis: number
  /** Milliseconds to the end of the body, or to the failure. */
  readonly millis: number
  /** Bytes of the body that were read. */
  readonly bytes: number
  /** `whole`; `cancelled` by its reader; `broken` by a failure; `unread` when the report was made before; `none` when there is no response. */
  readonly body: "whole" | "cancelled" | "broken" | "unread" | "none"
}

/** When a report is made: at the response's head, or at its body's end. */
export type Until = "head" | "body"

type Listener = (report: Report) => Effect.Effect<void>

/** Who hears of one attempt, and of its request when it was the last; `inside` is put around what is declared later. */
export interface Hearing {
  readonly listener: Listener
  readonly inside?: (effect: Effect.Effect<any, unknown>) => Effect.Effect<any, unknown>
}

/** What is known when the outcome is there. */
interface Known extends Omit<Report, "of" | "millis" | "bytes" | "body"> {
  readonly since: number
}

/** The names of the parameters whose values are `Redacted`. */
export const secretParams = ({ urlParams }: ClientHandler.Request): ReadonlyArray<string> =>
  urlParams.params.filter(([, value]) => typeof value !== "string").map(([name]) => name)

const addressOf = (request: ClientHandler.Request): Pick<Report, "url" | "origin"> =>
  Option.match(HttpClientRequest.toUrl(request), {
    onNone: () => ({ url: UrlParams.redactUrl(request.url), origin: "" }),
    onSome: (url) => {
      url.hash = ""
      return { url: UrlParams.redactUrl(UrlParams.redactUrl(url.href), secretParams(request)), origin: url.origin }
    }
  })

/** A handler that tells of every attempt, and of every logical request, once each. */
export const reporting = (
  name: string,
  until: Until,
  begin: (exchange: ClientHandler.Exchange) => Effect.Effect<Hearing>
): ClientHandler.ClientHandler => {
  const started = ClientHandler.cell<number | undefined>(name, () => undefined)
  return ClientHandler.make(name, {
    run: Effect.fnUntraced(function* (exchange) {
      const { request } = exchange
      const since = yield* Clock.currentTimeMillis
      const first = exchange.get(started) ?? since
      exchange.set(started, first)
      const { inside = (effect) => effect, listener } = yield* begin(exchange)
      const told = { done: false }
      const interrupted = Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const head = { error: "interrupted", status: undefined, cacheStatus: undefined }
        const known = knownOf(exchange, request, since, now, head)
        return tell(told, listener, [known, { ...known, since: first }], now, 0, "none")
      })
      // No handler runs on the way back of an interruption.
      boundInside(exchange, (effect, what) =>
        what === "inner" ? effect : Effect.onInterrupt(inside(effect), () => interrupted)
      )
      return ClientHandler.proceedWith({ since, first, told, listener })
    }),
    afterResponse: (exchange, outcome, state) => {
      if (state._tag === "None") return undefined
      const { first, listener, since, told } = state.value
      return Clock.currentTimeMillis.pipe(
        Effect.flatMap((now) => {
          const known = knownOf(exchange, exchange.request, since, now, headOf(outcome))
          const follows = exchange.queued !== undefined && (outcome._tag === "Response" || exchange.queued.recovers)
          const reports = follows ? [known] : [known, { ...known, headMillis: now - first, since: first }]
          if (outcome._tag === "Failure") return Effect.asVoid(tell(told, listener, reports, now, 0, "none"))
          const { response } = outcome
          if (isBodiless(response)) return Effect.asVoid(tell(told, listener, reports, now, 0, "whole"))
          if (until === "head") return Effect.asVoid(tell(told, listener, reports, now, 0, "unread"))
          const stream = watched(response, (bytes, body, error) =>
            Effect.flatMap(Clock.currentTimeMillis, (end) =>
              tell(
                told,
                listener,
                error === undefined ? reports : reports.map((r) => ({ ...r, error })),
                end,
                bytes,
                body
              )
            )
          )
          return Effect.succeed(ClientHandler.respond(withBody(response, { stream })))
        })
      )
    }
  })
}

const knownOf = (
  { attempt, haltedBy, reason }: ClientHandler.Exchange,
  request: ClientHandler.Request,
  since: number,
  now: number,
  head: Pick<Report, "status" | "error" | "cacheStatus">
): Known => ({
  method: request.method,
  ...addressOf(request),
  resends: attempt - 1,
  reason,
  haltedBy,
  ...head,
  headMillis: now - since,
  since
})

const headOf = (outcome: ClientHandler.Outcome): Pick<Report, "status" | "error" | "cacheStatus"> => {
  if (outcome._tag === "Failure") return { status: undefined, error: errorOf(outcome.cause), cacheStatus: undefined }
  const { headers, status } = outcome.response
  return { status, error: undefined, cacheStatus: headers["cache-status"] }
}

/** How a cause is named: never by its message, which may hold what must not be told. */
const errorOf = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasDies(cause)) return "defect"
  const error = cause.reasons.find(Cause.isFailReason)?.error
  if (error === undefined) return "interrupted"
  return typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : "unknown"
}

// A body that is read twice, or an interruption behind its end, is not told again.
const tell = (
  told: { done: boolean },
  listener: Listener,
  [attempt, request]: ReadonlyArray<Known>,
  now: number,
  bytes: number,
  body: Report["body"]
): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (told.done || attempt === undefined) return Effect.void
    told.done = true
    const report = (of: Report["of"], { since, ...known }: Known) =>
      listener({ of, ...known, millis: now - since, bytes, body })
    return request === undefined
      ? report("attempt", attempt)
      : Effect.andThen(report("attempt", attempt), report("request", request))
  })

const isBodiless = ({ headers, request, status }: ClientHandler.Response): boolean =>
  request.method === "HEAD" || status === 204 || status === 304 || headers["content-length"] === "0"

const watched = (
  { stream }: ClientHandler.Response,
  ended: (bytes: number, body: Report["body"], error: string | undefined) => Effect.Effect<void>
): ClientHandler.Response["stream"] =>
  Stream.suspend(() => {
    let bytes = 0
    let isWhole = false
    return stream.pipe(
      Stream.map((chunk) => {
        bytes += chunk.length
        return chunk
      }),
      Stream.onEnd(Effect.sync(() => void (isWhole = true))),
      // Whoever wants no more closes the stream with success too.
      Stream.onExit((exit) => {
        if (Exit.isSuccess(exit)) return ended(bytes, isWhole ? "whole" : "cancelled", undefined)
        const failed = exit.cause.reasons.find(Cause.isFailReason)?.error
        if (failed === undefined) return ended(bytes, "cancelled", undefined)
        return failed.reason._tag === "EmptyBodyError"
          ? ended(bytes, "whole", undefined)
          : ended(bytes, "broken", failed._tag)
      })
    )
  })
