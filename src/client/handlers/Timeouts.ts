/**
 * Bounds how long a call takes: to the head of each response, between two pieces of its body, and in total.
 *
 * 1. `headers` bounds each attempt over the network, from sending the request (connecting included) to the head of the response. Sending a large body takes part in it.
 * 2. `idle` bounds each wait for a piece of the body. The time that the reader takes itself does not count.
 * 3. `total` bounds the logical request from its first cycle to the last byte of the body that is read: what handlers declared later do and wait for, every retry
 *    and hop. It does not start anew with a follow-up.
 * 4. What runs out of time is interrupted, its connection closed, and the outcome is a `TimeoutError` that says which bound it was; handlers declared earlier can recover it.
 * 5. A body that runs out of time fails with `HttpClientError`, since a stream of a response can fail with nothing else: its `cause` is the `TimeoutError`.
 * 6. A connect timeout of the transport becomes `TimeoutError` of phase `connect`.
 * 7. What handlers declared later send by themselves, a token refresh or an exchange that several callers share, is bounded by `headers` and `idle` as well; `total` bounds how
 *    long this call waits for it.
 *
 * Order: with a `total`, outside retry and redirect; to bound each attempt only, anywhere. It bounds what is declared later, and the network. Works over any
 * `HttpClient`. How long connecting takes is known to the transport alone: set `connect: { timeout }` of `NodeHttpClient.layerUndiciOptions`; fetch has nothing for it.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as UrlParams from "effect/http/UrlParams"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

import { boundInside } from "../Bound.ts"
import { isCausedBy } from "../Causes.ts"
import type { Told } from "../Causes.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { deadline } from "../Deadline.ts"
import { bodyError, withBody } from "../ResponseBody.ts"

/**
 * Options of `timeouts`. A bound that is left out, or is infinite, does not apply.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** To the head of the response, of each attempt. Default: 30 seconds. */
  readonly headers?: Duration.Input
  /** Between two pieces of the body. Default: 30 seconds. */
  readonly idle?: Duration.Input
  /** From the first attempt to the end of the body. Default: none. */
  readonly total?: Duration.Input
}

/**
 * A call took too long. What was done by then is not undone: the server may have seen the request.
 *
 * @category errors
 * @since 0.1.0
 */
export class TimeoutError extends Schema.TaggedError<TimeoutError>()("TimeoutError", {
  /** Which bound it was. */
  phase: Schema.Literals(["connect", "headers", "idle", "total"]),
  /** The bound in milliseconds, where it is known: that of connecting is the transport's. */
  millis: Schema.optionalKey(Schema.Number),
  method: Schema.String,
  /** Where the request went, redacted. */
  url: Schema.String
}) {
  override get message(): string {
    const bound = this.millis === undefined ? "" : ` of ${this.millis} ms`
    return `${this.method} ${this.url} ran into its ${this.phase} timeout${bound}: raise \`${this.phase}\` if that is too short`
  }
}

interface Settings {
  readonly headers: number
  readonly idle: number
  readonly total: number
}

/** The bound that ends first, and when. */
interface Next {
  readonly phase: "headers" | "idle" | "total"
  readonly wait: number
}

/** Which of two bounds ends first: that of a phase, or the deadline of all. */
const nextOf = (phase: "headers" | "idle" | undefined, settings: Settings, now: number, deadline: number): Next => {
  const left = Math.max(0, deadline - now)
  const wait = phase === undefined ? Number.POSITIVE_INFINITY : settings[phase]
  return phase !== undefined && wait < left ? { phase, wait } : { phase: "total", wait: left }
}

const timeoutOf = (phase: TimeoutError["phase"], request: ClientHandler.Request, millis?: number): TimeoutError =>
  new TimeoutError({
    phase,
    method: request.method,
    url: UrlParams.redactUrl(request.url),
    ...(millis === undefined ? {} : { millis })
  })

/** Runs the effect within what is left of the phase's bound and of the deadline. */
const within = <A, E, E2>(
  effect: Effect.Effect<A, E>,
  next: (now: number) => Next,
  onTimeout: (phase: Next["phase"]) => E2
): Effect.Effect<A, E | E2> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const { phase, wait } = next(now)
    if (wait === Number.POSITIVE_INFINITY) return effect
    if (wait <= 0) return Effect.fail(onTimeout(phase))
    return Effect.timeoutOrElse(effect, { duration: wait, orElse: () => Effect.fail(onTimeout(phase)) })
  })

const bounded = (
  response: ClientHandler.Response,
  settings: Settings,
  deadline: number
): Stream.Stream<Uint8Array, HttpClientError.HttpClientError> =>
  Stream.transformPull(response.stream, (pull) =>
    Effect.succeed(
      within(
        pull,
        (now) => nextOf("idle", settings, now, deadline),
        (phase) => bodyError(response, timeoutOf(phase, response.request, settings[phase]))
      )
    )
  )

/** The response with its body within the bounds, as far as there are any. */
const reading = (response: ClientHandler.Response, settings: Settings, deadline: number): ClientHandler.Response =>
  settings.idle === Number.POSITIVE_INFINITY && deadline === Number.POSITIVE_INFINITY
    ? response
    : withBody(response, { stream: bounded(response, settings, deadline) })

// undici's own timer, and the system's. A read that times out has the system's code too, on a connection that was made.
const isOfConnecting = ({ code, syscall }: Told): boolean =>
  code === "UND_ERR_CONNECT_TIMEOUT" || (code === "ETIMEDOUT" && syscall === "connect")

const asTimeout = (error: unknown, request: ClientHandler.Request): unknown =>
  isCausedBy(error, isOfConnecting) ? timeoutOf("connect", request) : error

/**
 * Bounds how long a call takes.
 *
 * **Example** (Bounding attempts, and the whole)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { retry, timeouts } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api")
 *   .use(timeouts({ total: "10 seconds", headers: "2 seconds", idle: "5 seconds" }))
 *   .use(retry({ times: 3 }))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const timeouts = (options: Options = {}): ClientHandler.ClientHandler<TimeoutError> => {
  const settings: Settings = {
    headers: Duration.toMillis(options.headers ?? "30 seconds"),
    idle: Duration.toMillis(options.idle ?? "30 seconds"),
    total: Duration.toMillis(options.total ?? Duration.infinity)
  }
  // Of this handler, where another may have set an earlier one.
  const own = ClientHandler.cell<number | undefined>("timeouts", () => undefined)
  const raise = (phase: Next["phase"], request: ClientHandler.Request) => timeoutOf(phase, request, settings[phase])
  return ClientHandler.make("timeouts", {
    run: (exchange) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const due = exchange.get(own) ?? now + settings.total
        exchange.set(own, due)
        exchange.set(deadline, Math.min(due, exchange.get(deadline)))
        if (now >= due) return Effect.fail(raise("total", exchange.request))
        boundInside(exchange, (effect, what, request) => {
          // What waits for a request of a handler's own is a method: the total bounds that, and not what others may wait for too.
          const end = what === "inner" ? Number.POSITIVE_INFINITY : due
          const bound = within(
            what === "method" ? effect : Effect.mapError(effect, (error) => asTimeout(error, request)),
            (now) => nextOf(what === "method" ? undefined : "headers", settings, now, end),
            (phase) => raise(phase, request)
          )
          return what === "inner" ? Effect.map(bound, (response) => reading(response, settings, end)) : bound
        })
        return Effect.succeed(ClientHandler.proceedWith(due))
      }),
    afterResponse: (_, outcome, due) => {
      if (outcome._tag === "Failure" || due._tag === "None") return undefined
      const response = reading(outcome.response, settings, due.value)
      return response === outcome.response ? undefined : ClientHandler.respond(response)
    }
  })
}
