/**
 * The two connections to Redis: one for commands, one for all subscriptions. Internal to the Redis engine.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

import { loadPeer } from "../../core/OptionalPeer.ts"
import type { Script } from "./Scripts.ts"

/** The part of the client of `redis` that the engine uses. */
interface Client {
  readonly connect: () => Promise<unknown>
  readonly destroy: () => void
  readonly on: (event: string, listener: (problem?: unknown) => void) => unknown
  readonly sendCommand: (args: ReadonlyArray<string>) => Promise<unknown>
  readonly subscribe: (channel: string, listener: (message: string) => void) => Promise<unknown>
  readonly unsubscribe: (channel: string, listener: (message: string) => void) => Promise<unknown>
}

interface ClientOptions {
  readonly url: string
  readonly disableOfflineQueue: boolean
  readonly socket: { readonly connectTimeout: number; readonly reconnectStrategy: (retries: number) => number }
}

const peer = loadPeer(
  () => import("redis") as Promise<{ readonly createClient: (options: ClientOptions) => unknown }>,
  { entry: "fairlead/channel/redis", install: "redis@6.3" }
)

/** A command that Redis refused or did not answer. */
export class ConnectionFault extends Data.TaggedError("ConnectionFault")<{
  readonly message: string
  readonly cause?: unknown
}> {}

const isMissingScript = ({ message }: ConnectionFault): boolean => message.startsWith("NOSCRIPT")

const faultOf = (cause: unknown): ConnectionFault =>
  new ConnectionFault({ message: cause instanceof Error ? cause.message : String(cause), cause })

/** A change that the connection noticed. */
export type Noticed = "ready" | "lost"

/** Both connections. */
export class Connection {
  private readonly commands: Client
  private readonly subscriber: Client
  private readonly timeout: Duration.Duration
  /** The digests by which Redis knows the scripts. */
  private readonly digests = new Map<Script, string>()

  constructor(commands: Client, subscriber: Client, timeout: Duration.Duration) {
    this.commands = commands
    this.subscriber = subscriber
    this.timeout = timeout
  }

  /** Runs a script, which Redis remembers. */
  run(
    script: Script,
    keys: ReadonlyArray<string>,
    values: ReadonlyArray<string>
  ): Effect.Effect<unknown, ConnectionFault> {
    const rest = [String(keys.length), ...keys, ...values]
    const known = this.digests.get(script)
    if (known === undefined) return Effect.flatMap(this.load(script), (digest) => this.evaluate(digest, rest))
    // A Redis that has restarted does not know it.
    return Effect.catch(this.evaluate(known, rest), (problem) =>
      isMissingScript(problem)
        ? Effect.flatMap(this.load(script), (digest) => this.evaluate(digest, rest))
        : Effect.fail(problem)
    )
  }

  private load(script: Script): Effect.Effect<string, ConnectionFault> {
    return Effect.map(this.command("SCRIPT", "LOAD", script.text), (digest) => {
      this.digests.set(script, String(digest))
      return String(digest)
    })
  }

  private evaluate(digest: string, rest: ReadonlyArray<string>): Effect.Effect<unknown, ConnectionFault> {
    return this.command("EVALSHA", digest, ...rest)
  }

  /** Runs a command. */
  command(...args: ReadonlyArray<string>): Effect.Effect<unknown, ConnectionFault> {
    return this.bounded(() => this.commands.sendCommand(args))
  }

  /** Succeeds when both connections answer. */
  get ping(): Effect.Effect<void, ConnectionFault> {
    const asked = (client: Client) => this.bounded(() => client.sendCommand(["PING"]))
    return Effect.asVoid(Effect.all([asked(this.commands), asked(this.subscriber)], { concurrency: "unbounded" }))
  }

  subscribe(channel: string, listener: (message: string) => void): Effect.Effect<void, ConnectionFault> {
    return Effect.asVoid(this.bounded(() => this.subscriber.subscribe(channel, listener)))
  }

  unsubscribe(channel: string, listener: (message: string) => void): Effect.Effect<void> {
    return Effect.ignoreCause(this.bounded(() => this.subscriber.unsubscribe(channel, listener)))
  }

  /** Listens to the end and the return of either connection. */
  listen(listener: (noticed: Noticed, description: string) => void): void {
    for (const client of [this.commands, this.subscriber]) {
      client.on("ready", () => listener("ready", ""))
      client.on("error", (problem) => listener("lost", problem instanceof Error ? problem.message : String(problem)))
      client.on("end", () => listener("lost", "the connection has ended"))
    }
  }

  private bounded<A>(ask: () => Promise<A>): Effect.Effect<A, ConnectionFault> {
    return Effect.timeoutOrElse(Effect.tryPromise({ try: ask, catch: faultOf }), {
      duration: this.timeout,
      orElse: () =>
        Effect.fail(new ConnectionFault({ message: `Redis did not answer within ${Duration.format(this.timeout)}` }))
    })
  }
}

/** Options of the connections. */
export interface ConnectionOptions {
  readonly url: string
  readonly connectTimeout: Duration.Duration
  readonly commandTimeout: Duration.Duration
}

/** How long a client waits before it connects again: up to half a second, so that a node is back soon after its Redis. */
const reconnectStrategy = (retries: number): number => Math.min(20 * 2 ** Math.min(retries, 5), 500)

/** Connects, for as long as the scope is open. Fails with the problem of the first attempt. */
export const connect = ({
  commandTimeout,
  connectTimeout,
  url
}: ConnectionOptions): Effect.Effect<Connection, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { createClient } = yield* peer
    const open = Effect.gen(function* () {
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const options: ClientOptions = {
            url,
            disableOfflineQueue: true,
            socket: { connectTimeout: Duration.toMillis(connectTimeout), reconnectStrategy }
          }
          const client = createClient(options) as Client
          // Without a listener an error would end the process.
          client.on("error", () => {})
          return client
        }),
        (client) => Effect.sync(() => destroy(client))
      )
      let problem: unknown
      client.on("error", (noticed) => {
        problem = noticed
      })
      yield* Effect.timeoutOrElse(Effect.tryPromise({ try: () => client.connect(), catch: faultOf }), {
        duration: connectTimeout,
        orElse: () => Effect.fail(faultOf(problem ?? "Redis did not answer in time"))
      })
      return client
    })
    const [commands, subscriber] = yield* Effect.all([open, open], { concurrency: "unbounded" })
    return new Connection(commands, subscriber, commandTimeout)
  })

const destroy = (client: Client): void => {
  try {
    client.destroy()
  } catch {
    // It was closed before.
  }
}
