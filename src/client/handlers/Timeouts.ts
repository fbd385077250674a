/**
 * Bounds how long a call takes: to send the request, to the head of each response, between two pieces of its body, and in total.
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
 * Rules:
 *
 * 1. `send` bounds each wait for a piece of the request's body to leave. A stream shows its progress; any other body may take `send` for each 64 KiB of it.
 * 2. `headers` bounds each attempt over the network from the end of the request's body, or without a body from the beginning (connecting included), to the head of the
 *    response.
 * 3. `idle` bounds each wait for a piece of the response's body. The time that the reader takes itself does not count. A whole read of a body whose declared length is at
 *    most 16 KiB counts as one piece.
 * 4. `total` bounds the logical request from its first cycle to the last byte of the body: all work of handlers declared later, every retry and hop. It does
 *    not start again with a follow-up.
 * 5. Work that runs out of time is interrupted, its connection closed, and the outcome is an `HttpTimeout` that says which bound it was; handlers declared earlier can recover it.
 * 6. A body that runs out of time fails with `HttpClientError`, since a stream of a response can fail with nothing else: its `cause` is the `HttpTimeout`.
 * 7. A connect timeout of the transport becomes an `HttpTimeout` of phase `connect`.
 * 8. Requests that handlers declared later send by themselves, a token refresh or an exchange that several callers share, are bounded by `send`, `headers` and `idle` as well;
 *    `total` bounds how long this call waits for them.
 *
 * Order: with a `total`, outside retry and redirect; to bound each attempt only, anywhere. It bounds what is declared later, and the network.
 *
 * Works with: any `HttpClient`. How long connecting takes is known to the transport alone: set `connectTimeout` of `NodeTransport`, or `connect: { timeout }` of
 * `NodeHttpClient.layerUndiciOptions`; fetch has nothing for it.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Stream from "effect/Stream"

import { redactUrl } from "../../core/heads/RedactedUrl.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type { OptionChecks } from "../../core/Options.ts"
import { within } from "../../core/TimeBound.ts"
import { derivedBody } from "../Body.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { boundInside } from "../ExchangeBounds.ts"
import { bodyError } from "../ResponseBody.ts"
import { watched } from "../WatchedResponse.ts"
import type { BoundingWatcher } from "../WatchedResponse.ts"
import { isCausedBy } from "./Causes.ts"
import type { ErrorDetails } from "./Causes.ts"
import { deadline } from "./Deadline.ts"
import { HttpTimeout } from "./HttpTimeout.ts"

/**
 * Options of `timeouts`. An infinite bound does not apply.
 *
 * @category models
 * @since 0.1.0
 */
export interface TimeoutsOptions {
  /** The handler's name. Default: `timeouts`. */
  readonly name?: string
  /** For a piece of the request's body to leave. Default: 30 seconds. */
  readonly send?: Duration.Input
  /** From the end of the request's body to the head of the response, of each attempt. Default: 30 seconds. */
  readonly headers?: Duration.Input
  /** Between two pieces of the response's body. Default: 30 seconds. */
  readonly idle?: Duration.Input
  /** From the first attempt to the end of the body. Default: none. */
  readonly total?: Duration.Input
}

interface Settings {
  readonly send: number
  readonly headers: number
  readonly idle: number
  readonly total: number
}

const settingsOf = (check: OptionChecks, options: Omit<TimeoutsOptions, "name">): Settings => {
  const millis = (option: keyof Settings, standard: Duration.Input): number =>
    Duration.toMillis(check.duration(option, options[option] ?? standard, { infinite: true }))
  return {
    send: millis("send", "30 seconds"),
    headers: millis("headers", "30 seconds"),
    idle: millis("idle", "30 seconds"),
    total: millis("total", Duration.infinity)
  }
}

/**
 * Bounds of `timeouts` for one call: they take the place of the handler's own.
 *
 * **Example** (A call that may take long)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpClient } from "effect/http"
 * import { TimeoutsOverride } from "fairlead/client/handlers"
 *
 * const report = HttpClient.get("https://api.example.com/report").pipe(
 *   Effect.provideService(TimeoutsOverride, { headers: "5 minutes" })
 * )
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const TimeoutsOverride: Context.Reference<Omit<TimeoutsOptions, "name">> = Context.Reference<
  Omit<TimeoutsOptions, "name">
>("fairlead/client/handlers/TimeoutsOverride", { defaultValue: () => none })

const none: TimeoutsOptions = {}

type Phase = "send" | "headers" | "idle" | "total"

/** The bound that ends first, and when. */
interface EarliestBound {
  readonly phase: Phase
  readonly wait: number
}

/** Which of two bounds ends first: that of a phase, or the deadline of all. */
const nextOf = (phase: Phase, wait: number, now: number, deadline: number): EarliestBound => {
  const left = Math.max(0, deadline - now)
  return phase !== "total" && wait < left ? { phase, wait } : { phase: "total", wait: left }
}

const timeoutOf = (phase: HttpTimeout["phase"], request: ClientHandler.Request, millis?: number): HttpTimeout =>
  new HttpTimeout({
    phase,
    method: request.method,
    url: redactUrl(request.url),
    ...(millis === undefined ? {} : { duration: Duration.millis(millis) })
  })

const pieceBytes = 64 * 1024

/** The progress of the request's body. */
interface Sending {
  progress: number
  isSent: boolean
}

/** How long the body of a request may take to leave, where its progress is not seen. */
const allowance = ({ body }: ClientHandler.Request, send: number): number =>
  body._tag === "Uint8Array" ? Math.ceil(body.body.length / pieceBytes) * send : body._tag === "Empty" ? 0 : send

/** The request with a stream whose progress is noted. */
const noting = (request: ClientHandler.Request, sending: Sending, clock: Clock.Clock): ClientHandler.Request => {
  const { body } = request
  if (body._tag !== "Stream") return request
  const note = (isSent: boolean) => {
    sending.progress = clock.currentTimeMillisUnsafe()
    sending.isSent = isSent
  }
  const stream = Stream.onEnd(
    Stream.mapArray(body.stream, (chunks) => {
      note(false)
      return chunks
    }),
    Effect.sync(() => note(true))
  )
  const noted = HttpBody.stream(stream, body.contentType, body.contentLength)
  return derivedBody(HttpClientRequest.setBody(request, noted), request)
}

/** Runs the network call within `send` for each piece of the body, and `headers` from its end. */
const sendingWithin = <A, E>(
  effect: Effect.Effect<A, E>,
  { headers, send }: Settings,
  sending: Sending | undefined,
  request: ClientHandler.Request,
  end: number
): Effect.Effect<A, E | HttpTimeout> => {
  const hasBody = request.body._tag !== "Empty"
  if (sending === undefined || !hasBody) {
    const first = hasBody ? headers + allowance(request, send) : headers
    return within(effect, (now) => {
      const { phase, wait } = nextOf("headers", first, now, end)
      return {
        millis: wait,
        onTimeout: () => timeoutOf(phase, request, phase === "total" ? undefined : headers)
      }
    })
  }
  // Looked at when a bound would have ended: a body that has moved since then has time again.
  const late: Effect.Effect<never, HttpTimeout> = Effect.suspend(() =>
    Effect.flatMap(Clock.currentTimeMillis, (time) => {
      const { isSent, progress } = sending
      const bound = nextOf(isSent ? "headers" : "send", isSent ? headers : send, progress, end)
      const left = progress + bound.wait - time
      return left > 0
        ? Effect.andThen(Effect.sleep(left), late)
        : Effect.fail(timeoutOf(bound.phase, request, bound.phase === "total" ? undefined : isSent ? headers : send))
    })
  )
  return Effect.raceFirst(effect, late)
}

/** The bounds of a response's body. */
const watcherOf = (response: ClientHandler.Response, settings: Settings, end: number): BoundingWatcher => ({
  everyPiece: true,
  limitAt: (since) => {
    const { phase, wait } = nextOf("idle", settings.idle, since, end)
    return {
      millis: wait,
      onTimeout: () => bodyError(response, timeoutOf(phase, response.request, settings[phase]))
    }
  }
})

const isBounded = ({ idle }: Settings, end: number): boolean =>
  idle !== Number.POSITIVE_INFINITY || end !== Number.POSITIVE_INFINITY

// undici's own timer, and the system's. A read that times out has the system's code too, on a connection that was made.
const isOfConnecting = ({ code, syscall }: ErrorDetails): boolean =>
  code === "UND_ERR_CONNECT_TIMEOUT" || (code === "ETIMEDOUT" && syscall === "connect")

const asTimeout = (error: unknown, request: ClientHandler.Request): unknown =>
  isCausedBy(error, isOfConnecting) ? timeoutOf("connect", request) : error

/**
 * Bounds how long a call takes.
 *
 * @category handlers
 * @since 0.1.0
 */
export const timeouts = (options: TimeoutsOptions = {}): ClientHandler.ClientHandler<HttpTimeout> => {
  const name = nameOr("timeouts", options.name)
  const check = checkOptions(name)
  const standard = settingsOf(check, options)
  // Of this handler, where another may have set an earlier one.
  const ownDeadline = ClientHandler.cell<number | undefined>(name, () => undefined)
  return ClientHandler.make(name, {
    run: (exchange) => {
      const fiber = Fiber.getCurrent()!
      const clock = fiber.getRef(Clock.Clock)
      const override = fiber.getRef(TimeoutsOverride)
      const settings = override === none ? standard : settingsOf(check, { ...options, ...override })
      const now = clock.currentTimeMillisUnsafe()
      const due = exchange.get(ownDeadline) ?? now + settings.total
      if (due !== Number.POSITIVE_INFINITY) {
        exchange.set(ownDeadline, due)
        exchange.set(deadline, Math.min(due, exchange.get(deadline)))
        if (now >= due) return Effect.fail(timeoutOf("total", exchange.request, settings.total))
      }
      const sending: Sending | undefined =
        exchange.request.body._tag === "Stream" ? { progress: now, isSent: false } : undefined
      boundInside(exchange, (effect, work, request) => {
        if (work === "method") {
          return due === Number.POSITIVE_INFINITY
            ? effect
            : within(effect, (now) => ({
                millis: due - now,
                onTimeout: () => timeoutOf("total", request, settings.total)
              }))
        }
        const sent = Effect.mapError(effect, (error) => asTimeout(error, request))
        if (work === "network") return sendingWithin(sent, settings, sending, request, due)
        // Other callers may wait for a request of a handler's own: the total bounds the method that waits for it.
        const end = Number.POSITIVE_INFINITY
        const bounded = sendingWithin(sent, settings, undefined, request, end)
        return isBounded(settings, end)
          ? Effect.map(bounded, (response: ClientHandler.Response) =>
              watched(response, watcherOf(response, settings, end))
            )
          : bounded
      })
      const next = sending === undefined ? undefined : noting(exchange.request, sending, clock)
      return ClientHandler.proceedWith({ due, settings }, next)
    },
    afterResponse: (outcome, exchange, state) => {
      if (outcome._tag === "Failure" || state._tag === "None") return undefined
      const { due, settings } = state.value
      if (isBounded(settings, due)) exchange.onBody(watcherOf(outcome.response, settings, due))
      return undefined
    }
  })
}
