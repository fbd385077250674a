/**
 * A chain of all ready-made handlers in the recommended order, over each transport with one connection, and how a call over it ends.
 */
import { Clock, Duration, Effect, Layer, Redacted } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { FetchHttpClient, HttpClientError } from "effect/http"
import type { HttpClientResponse } from "effect/http"
import { CircuitBreaker, RateLimiter } from "effect/persistence"
import { ClientChain } from "fairlead/client"
import {
  basic,
  bearer,
  bodyLimit,
  circuitBreaker,
  CookieJar,
  cookies,
  decompress,
  dedupe,
  digest,
  hedge,
  log,
  metrics,
  ssrfPolicy,
  rateLimit,
  redirect,
  refresh,
  retry,
  RetryBudget,
  ssrfGuard,
  timeouts,
  tracing
} from "fairlead/client/handlers"
import type { HedgeOptions, SsrfPolicyOptions, TimeoutsOptions } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { transportsWith } from "../Transports.ts"

/** The credentials of each handler are for one origin; no other may ever see them. */
const credentials = { username: "ada", password: Redacted.make("s3cret") }

interface Options {
  /** What is allowed beside what is public. */
  readonly allow: SsrfPolicyOptions
  readonly timeouts?: TimeoutsOptions
  /** Default: a second attempt only when the first has failed. */
  readonly hedge?: HedgeOptions
  readonly origins?: Partial<Record<"basic" | "bearer" | "digest" | "refresh", string>>
}

/** An origin that no test has, for handlers that a test does not ask for. */
const nowhere = "https://nowhere.example"

/** All handlers there are. A new one goes where docs/client/order.md has it. */
export const everything = ({ allow, hedge: hedging = { delay: Infinity }, origins = {}, ...options }: Options) => {
  const to = (handler: keyof typeof origins): readonly [string] => [origins[handler] ?? nowhere]
  return ClientChain.make("everything")
    .use(log({ level: () => undefined }))
    .use(metrics())
    .use(tracing())
    .use(timeouts({ total: "1 minute", headers: "20 seconds", idle: "20 seconds", ...options.timeouts }))
    .use(redirect())
    .use(retry({ baseDelay: 1, budget: RetryBudget.make({ burst: 1000 }), maxRetryAfter: "1 hour" }))
    .use(basic({ ...credentials, origins: to("basic") }))
    .use(bearer({ origins: to("bearer"), token: Redacted.make("bearing") }))
    .use(digest({ ...credentials, origins: to("digest") }))
    .use(
      refresh({
        origins: to("refresh"),
        refresh: (inner) =>
          inner.get(`${origins.refresh}/token`).pipe(
            Effect.flatMap(({ text }) => text),
            Effect.map((token) => Redacted.make(token)),
            Effect.orDie
          )
      })
    )
    .use(cookies())
    .use(dedupe())
    .use(hedge(hedging))
    .use(circuitBreaker({ tripPolicy: CircuitBreaker.consecutive(20) }))
    .use(rateLimit({ limit: 1000, window: "1 second" }))
    .use(bodyLimit({ maxBytes: 3_000_000 }))
    .use(decompress({ codings: NodeTransport.codings, maxRatio: 50 }))
    .use(ssrfGuard({ policy: ssrfPolicy(allow) }))
}

/** What the handlers need; fetch is told to follow nothing by itself. */
export const needs = Layer.mergeAll(
  CookieJar.layer(),
  RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory)),
  Digest.layerWebCrypto,
  SecureRandom.layerWebCrypto,
  Layer.succeed(FetchHttpClient.RequestInit, FetchHttpClient.RequestInit.of({ redirect: "manual" }))
)

/** The transports with so many connections each, and what the handlers need. */
export const transportsOf = (connections: number) =>
  [
    ...transportsWith(connections),
    ["fairlead/client/node", NodeTransport.layer({ maxConnectionsPerOrigin: connections })] as const
  ].map(([name, layer]) => [name, Layer.merge(layer, needs)] as const)

/** With one connection each, so that one that is held shows in the next call. */
export const transports = transportsOf(1)

/** The clock of the machine, but for waits of a second and more that are none of the chain's bounds: those are noted, and over at once. */
export const hurried = () => {
  const waits: Array<number> = []
  const clock = Layer.effect(
    Clock.Clock,
    Effect.map(Clock.Clock, (clock): Clock.Clock =>
      Object.assign(Object.create(clock), {
        sleep: (duration: Duration.Duration) => {
          const millis = Duration.toMillis(duration)
          const isAsked = millis >= 1000 && millis < 15_000
          if (isAsked) waits.push(millis)
          return isAsked ? Effect.void : clock.sleep(duration)
        }
      })
    )
  )
  return { waits, clock }
}

/** How a call ends: its status and text, or its error with what tells it apart; `body` when it was there while the body was read. */
export const outcome = <E, R>(response: Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>) =>
  Effect.flatMap(response, ({ status, text }) => Effect.map(text, (text) => `${status} ${text.slice(0, 200)}`)).pipe(
    Effect.catch((error: E | HttpClientError.HttpClientError) => Effect.succeed(nameOf(error)))
  )

const nameOf = (error: unknown): string => {
  if (!HttpClientError.isHttpClientError(error)) return told(error)
  const { cause } = error.reason
  const where = error.reason._tag === "TransportError" ? "transport" : "body"
  return typeof cause === "object" && cause !== null && "_tag" in cause
    ? `${where}: ${told(cause)}`
    : `${where}: broken`
}

const told = (error: unknown): string => {
  const { _tag, phase, reason } = error as {
    readonly _tag?: string
    readonly phase?: string
    readonly reason?: string | { readonly _tag: string }
  }
  const named = typeof reason === "object" ? reason._tag : reason
  return [_tag ?? String(error), named ?? phase].filter((word) => word !== undefined).join(" ")
}
