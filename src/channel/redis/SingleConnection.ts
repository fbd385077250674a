/**
 * The two connections to a single Redis: one for commands, one for all subscriptions. Internal to the Redis engine.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

import { asked, askedWithin, createClient, destroyClient, faultOf, peer } from "./Client.ts"
import type { Client, ConnectionFault } from "./Client.ts"
import type { Connection, ConnectionOptions, ConnectionStatus } from "./Connection.ts"
import type { Script } from "./Scripts.ts"

const isMissingScript = ({ message }: ConnectionFault): boolean => message.startsWith("NOSCRIPT")

/** Both connections. */
class SingleConnection implements Connection {
  private readonly commands: Client
  private readonly subscriber: Client
  private readonly bounded: ReturnType<typeof askedWithin>
  /** The digests by which Redis knows the scripts. */
  private readonly digests = new Map<Script, string>()
  private readonly listeners: Array<(status: ConnectionStatus) => void> = []
  private isUp = true
  private runId = ""

  constructor(commands: Client, subscriber: Client, timeout: Duration.Duration) {
    this.commands = commands
    this.subscriber = subscriber
    this.bounded = askedWithin(timeout)
  }

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
    return Effect.map(this.send(["SCRIPT", "LOAD", script.text]), (digest) => {
      this.digests.set(script, String(digest))
      return String(digest)
    })
  }

  private evaluate(digest: string, rest: ReadonlyArray<string>): Effect.Effect<unknown, ConnectionFault> {
    return this.send(["EVALSHA", digest, ...rest])
  }

  command(_key: string, args: ReadonlyArray<string>): Effect.Effect<unknown, ConnectionFault> {
    return this.send(args)
  }

  tagOf(): string {
    return ""
  }

  /** Nothing moves to a single server: it has restarted, or a replica has taken over. */
  movedWhole(): Effect.Effect<boolean> {
    return Effect.succeed(false)
  }

  subscribe(channel: string, listener: (message: string) => void): Effect.Effect<void, ConnectionFault> {
    return Effect.asVoid(this.bounded(() => this.subscriber.subscribe(channel, listener)))
  }

  unsubscribe(channel: string, listener: (message: string) => void): Effect.Effect<void> {
    return Effect.ignoreCause(this.bounded(() => this.subscriber.unsubscribe(channel, listener)))
  }

  listen(listener: (status: ConnectionStatus) => void): void {
    this.listeners.push(listener)
  }

  /** Notices the end and the return of either connection. */
  follow(fork: (work: Effect.Effect<void>) => void): void {
    for (const client of [this.commands, this.subscriber]) {
      client.on("ready", () => fork(this.probe))
      client.on("error", (problem) => this.lost(problem instanceof Error ? problem.message : String(problem)))
      client.on("end", () => this.lost("the connection has ended"))
    }
  }

  get probe(): Effect.Effect<void> {
    const ping = this.bounded(() => this.subscriber.sendCommand(["PING"]))
    const info = this.send(["INFO", "replication"])
    return Effect.matchEffect(Effect.all([info, ping], { concurrency: "unbounded" }), {
      onFailure: (problem) => Effect.sync(() => this.lost(String(problem))),
      onSuccess: ([text]) => Effect.sync(() => this.answered(String(text)))
    })
  }

  private answered(info: string): void {
    const runId = runOf(info)
    const isSameRun = this.runId === "" || (this.runId === runId && runId !== "")
    const wasUp = this.isUp
    this.runId = runId
    this.isUp = true
    if (!wasUp || !isSameRun) this.change({ _tag: "Up", isSameRun })
  }

  private lost(description: string): void {
    if (!this.isUp) return
    this.isUp = false
    this.change({ _tag: "Down", description })
  }

  private change(status: ConnectionStatus): void {
    for (const listener of this.listeners) listener(status)
  }

  private send(args: ReadonlyArray<string>): Effect.Effect<unknown, ConnectionFault> {
    return this.bounded(() => this.commands.sendCommand(args))
  }
}

/** The run of a server, as `INFO replication` names it. */
export const runOf = (info: string): string => /^master_replid:(\w+)/m.exec(info)?.[1] ?? ""

/** Connects to one server, for as long as the scope is open. Fails with the problem of the first attempt. */
export const connectSingle = (
  url: string,
  { commandTimeout, connectTimeout }: ConnectionOptions,
  fork: (work: Effect.Effect<void>) => void
): Effect.Effect<Connection, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const redis = yield* peer
    const open = Effect.gen(function* () {
      const client = yield* Effect.acquireRelease(
        Effect.sync(() => createClient(redis, { url, connectTimeout, reconnects: true })),
        (client) => Effect.sync(() => destroyClient(client))
      )
      let problem: unknown
      client.on("error", (noticed) => {
        problem = noticed
      })
      yield* Effect.timeoutOrElse(
        asked(() => client.connect()),
        {
          duration: connectTimeout,
          orElse: () => Effect.fail(faultOf(problem ?? "Redis did not answer in time"))
        }
      )
      return client
    })
    const [commands, subscriber] = yield* Effect.all([open, open], { concurrency: "unbounded" })
    const connection = new SingleConnection(commands, subscriber, commandTimeout)
    connection.follow(fork)
    return connection
  })
