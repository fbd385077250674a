/**
 * A circuit breaker over a network that answers as it is told at the time.
 */
import { Cause, Duration, Effect, Exit, Stream } from "effect"
import { HttpClientRequest } from "effect/http"
import { CircuitBreaker } from "effect/persistence"
import { ClientChain, ClientHandler } from "fairlead/client"
import { circuitBreaker } from "fairlead/client/handlers"
import type { CircuitBreakerOptions } from "fairlead/client/handlers"

import { scripted } from "./Hostile.ts"
import type { Answer } from "./Hostile.ts"

/** A response with a body, where the status allows one. */
export const status = (code: number, headers: Record<string, string> = {}): Response =>
  new Response(code === 204 ? null : "body", { status: code, headers })

export const get = HttpClientRequest.get("http://a.test/path")
/** Policies that open at the first failure, and at the second in a row. */
export const once = CircuitBreaker.consecutive(1)
export const twice = CircuitBreaker.consecutive(2)

/** A body whose first piece comes, and then what is given. */
export const begun = (rest: Stream.Stream<Uint8Array, unknown>): Response =>
  new Response(Stream.toReadableStream(Stream.concat(Stream.succeed(new Uint8Array(2)), rest)))

/** A handler beside the breaker, and one that does nothing. */
export type Inner = ClientHandler.ClientHandler<unknown>
export const passing: Inner = ClientHandler.make("passing", {})

/** A chain over a network that answers as it is told at the time. */
export const setup = (options: CircuitBreakerOptions = {}, inner: Inner = passing, outer: Inner = passing) => {
  const network: { answer: (call: number) => Answer } = { answer: () => status(200) }
  const changes: Array<string> = []
  const { sent, transport } = scripted((_, __, call) => network.answer(call))
  const breaker = circuitBreaker({
    ...options,
    onTransition: ({ from, to }) => Effect.sync(() => void changes.push(`${from} ${to}`))
  })
  const client = ClientChain.make("c").use(outer).use(breaker).use(inner).pipe(ClientChain.over(transport))
  const call = client.execute(get)
  /** Calls once with this answer, and reads the body. */
  const answered = (answer: Answer) =>
    Effect.suspend(() => {
      network.answer = () => answer
      return Effect.exit(Effect.flatMap(call, ({ text }) => text))
    })
  /** What the next call is refused with, if it is. */
  const refused = Effect.map(Effect.exit(call), (exit) => {
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    if (!(error instanceof CircuitBreaker.CircuitBreakerError) || !("key" in error.reason)) return undefined
    const { reason } = error
    const state = reason._tag === "CircuitOpen" ? "Open" : "HalfOpen"
    const retryAfter = reason._tag === "CircuitOpen" ? reason.retryAfter : Duration.zero
    return { key: reason.key, state, retryAfter, message: error.message }
  })
  /** Whether the next call, which would succeed, is sent. */
  const isOpen = Effect.suspend(() => {
    network.answer = () => status(200)
    return Effect.map(refused, (error) => error !== undefined)
  })
  return { answered, call, changes, client, isOpen, network, refused, sent }
}
