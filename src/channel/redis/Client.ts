/**
 * A client of `redis`, as the engine uses it. Internal to the Redis engine.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { loadPeer } from "../../core/OptionalPeer.ts"
import { answerWithin, within } from "../../core/TimeBound.ts"

/** The part of the client of `redis` that the engine uses. */
export interface Client {
  readonly isReady: boolean
  readonly connect: () => Promise<unknown>
  readonly destroy: () => void
  readonly on: (event: string, listener: (problem?: unknown) => void) => unknown
  readonly sendCommand: (args: ReadonlyArray<string>) => Promise<unknown>
  readonly subscribe: (channel: string, listener: (message: string) => void) => Promise<unknown>
  readonly unsubscribe: (channel: string, listener: (message: string) => void) => Promise<unknown>
  readonly sSubscribe: (channel: string, listener: (message: string) => void) => Promise<unknown>
  readonly sUnsubscribe: (channel: string, listener: (message: string) => void) => Promise<unknown>
}

/** How a client connects. */
export interface ClientOptions {
  readonly url: string
  readonly connectTimeout: Duration.Duration
  /** Whether it connects again after its connection has ended. */
  readonly reconnects: boolean
}

interface PeerOptions {
  readonly url: string
  readonly disableOfflineQueue: boolean
  readonly commandOptions: { readonly timeout: undefined }
  readonly socket: {
    readonly connectTimeout: number
    readonly reconnectStrategy: false | ((retries: number) => number)
  }
}

/** The package `redis`. */
export interface Peer {
  readonly createClient: (options: PeerOptions) => unknown
}

/** The package `redis`, which is loaded when the engine is first used. */
export const peer: Effect.Effect<Peer> = loadPeer(() => import("redis") as Promise<unknown> as Promise<Peer>, {
  entry: "fairlead/channel/redis",
  install: "redis@6.3"
})

/** A command that Redis refused or did not answer. */
export class ConnectionFault extends Data.TaggedError("ConnectionFault")<{
  readonly message: string
  readonly cause?: unknown
}> {}

/** The fault of a rejected promise. */
export const faultOf = (cause: unknown): ConnectionFault =>
  new ConnectionFault({ message: cause instanceof Error ? cause.message : String(cause), cause })

const limitOf = (timeout: Duration.Duration) => ({
  millis: Duration.toMillis(timeout),
  onTimeout: () => new ConnectionFault({ message: `Redis did not answer within ${Duration.format(timeout)}` })
})

/** Fails where Redis did not answer in time. */
export const answeredWithin =
  (timeout: Duration.Duration) =>
  <A>(asked: Effect.Effect<A, ConnectionFault>): Effect.Effect<A, ConnectionFault> =>
    within(asked, () => limitOf(timeout))

/** The answer of a client, in time. */
export const askedWithin = (
  timeout: Duration.Duration
): (<A>(ask: () => Promise<A>) => Effect.Effect<A, ConnectionFault>) => {
  const limit = limitOf(timeout)
  return <A>(ask: () => Promise<A>) =>
    answerWithin<A, ConnectionFault, ConnectionFault>((answer) => {
      const fail = (cause: unknown) => answer(Exit.fail(faultOf(cause)))
      try {
        ask().then((value) => answer(Exit.succeed(value)), fail)
      } catch (cause) {
        fail(cause)
      }
    }, limit)
}

/** The answer of a client. */
export const asked = <A>(ask: () => Promise<A>): Effect.Effect<A, ConnectionFault> =>
  Effect.tryPromise({ try: ask, catch: faultOf })

/** How long a client waits before it connects again: up to half a second, so that a node is back soon after its Redis. */
const reconnectStrategy = (retries: number): number => Math.min(20 * 2 ** Math.min(retries, 5), 500)

/** A client that does not connect yet. */
export const createClient = (
  { createClient: create }: Peer,
  { connectTimeout, reconnects, url }: ClientOptions
): Client => {
  const socket = {
    connectTimeout: Duration.toMillis(connectTimeout),
    reconnectStrategy: reconnects ? reconnectStrategy : (false as const)
  }
  // Each command is bounded by the engine: the client's own bound makes a signal for each, with a stack trace when it ends.
  const commandOptions = { timeout: undefined }
  const client = create({ url, disableOfflineQueue: true, commandOptions, socket }) as Client
  // Without a listener an error would end the process.
  client.on("error", () => {})
  return client
}

/** Ends a client at once. */
export const destroyClient = (client: Client): void => {
  try {
    client.destroy()
  } catch {
    // It was closed before.
  }
}
