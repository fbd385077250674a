/**
 * Channels on several nodes by Redis 7 or newer, a single server or a cluster: broadcasts, the logs of recoverable topics, and presence.
 *
 * **Example** (A chat on any number of nodes)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { ChannelApi, ChannelServer } from "fairlead/channel"
 * import { RedisBroadcaster } from "fairlead/channel/redis"
 *
 * class Lobby extends ChannelApi.make("lobby", { retention: ChannelApi.recoverable() }) {}
 * const LobbyLive = Lobby.layer({ join: () => Effect.void, on: {} })
 *
 * const chat = ChannelServer.layer(ChannelServer.make("chat").mount(Lobby), { path: "/socket" }).pipe(
 *   Layer.provide([LobbyLive, RedisBroadcaster.layer({ url: "redis://localhost:6379" })])
 * )
 * ```
 *
 * Rules:
 *
 * 1. A publish is one script: it numbers the message, adds it to the stream of a recoverable topic, and publishes it. Each node has two connections to each server, whatever
 *    its topics.
 * 2. A message that was lost on its way is fetched from the stream. When it is not there any more, members get a `discontinuity`.
 * 3. Positions are compared after each reconnect and every `checkInterval`. When Redis has restarted, or has lost the end of a log, the epoch changes: members get a
 *    `discontinuity`.
 * 4. A join whose subscription fails is refused with `unavailable`. While Redis is away, `Broadcaster.health` says `Suspended`.
 * 5. Presence is held under a lease for each node: the members of a node that is gone are removed after `lease`, in one diff.
 *
 * 6. On a cluster all keys of a topic are in one slot, and sharded pub/sub carries its messages. Topics whose server is away fail, and the others go on. A slot that moves takes
 *    its logs with it. A fail-over changes the epochs of the slots of that master alone.
 *
 * Limits: ephemeral events are delivered at most once. A fail-over can lose the end of a log.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as SubscriptionRef from "effect/SubscriptionRef"

import { checkOptions } from "../../core/Options.ts"
import { Broadcaster } from "../broadcaster/Contract.ts"
import type { Health } from "../broadcaster/Contract.ts"
import { LeasedPresence } from "../nodes/LeasedPresence.ts"
import { NodeEngine } from "../nodes/NodeEngine.ts"
import { nodeFork } from "../nodes/NodeFork.ts"
import { NodeSurvey } from "../nodes/NodeSurvey.ts"
import { nodeTimes, unique } from "../nodes/NodeTimes.ts"
import { Presence } from "../presence/Contract.ts"
import { connectCluster } from "./cluster/ClusterConnection.ts"
import type { ClusterAddress } from "./cluster/ClusterConnection.ts"
import { Names, RedisBroker } from "./RedisBroker.ts"
import { RedisPresence } from "./RedisPresence.ts"
import { connectSingle } from "./SingleConnection.ts"

/**
 * A Redis Cluster.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterNodes {
  /**
   * Some servers of the cluster, by which all are found: `redis://user:password@host:port`, or `rediss://` over TLS. User, password and TLS of the first are those of all.
   */
  readonly rootNodes: ReadonlyArray<{ readonly url: string | Redacted.Redacted }>
  /** Where servers are reached whose own addresses do not lead to them, by `host:port` as the cluster names them. Default: none. */
  readonly nodeAddressMap?: Readonly<Record<string, { readonly host: string; readonly port: number }>> | undefined
}

/**
 * Options of `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerOptions {
  /** Where Redis is: `redis://user:password@host:port/database`, or `rediss://` over TLS. Default: `redis://127.0.0.1:6379`. */
  readonly url?: string | Redacted.Redacted | undefined
  /** A Redis Cluster in the place of `url`. Default: a single server. */
  readonly cluster?: ClusterNodes | undefined
  /** How all keys and channels begin, so that several applications can share a Redis. Default: `fairlead`. */
  readonly prefix?: string | undefined
  /** How long the first connection may take. Default: 5 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long an answer may take. Default: 2 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
  /** How often positions are compared with those of Redis. Default: 10 seconds. */
  readonly checkInterval?: Duration.Input | undefined
  /** How long the log of a topic is kept after its last use, at least; at most an eighth longer. Afterwards its positions are not complete. Default: 1 day. */
  readonly keep?: Duration.Input | undefined
  /** How long the members of a node that is gone are present. Default: 10 seconds. */
  readonly lease?: Duration.Input | undefined
  /** How often a node renews its lease, and asks whether Redis answers. Default: 3 seconds. */
  readonly heartbeat?: Duration.Input | undefined
}

/**
 * The first connection to Redis failed.
 *
 * @category errors
 * @since 0.1.0
 */
export class RedisConnectError extends Schema.TaggedError<RedisConnectError>(
  "fairlead/channel/redis/RedisConnectError"
)("RedisConnectError", {
  /** The host and port. */
  address: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return `Redis at ${this.address} did not accept the connection: check the URL, and that Redis 7 or newer runs there, as a cluster where one is configured`
  }
}

type Check = ReturnType<typeof checkOptions>

const textOf = (url: string | Redacted.Redacted): string => (typeof url === "string" ? url : Redacted.value(url))

const urlOf = (check: Check, option: string, given: string | Redacted.Redacted): URL => {
  const text = textOf(given)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^rediss?:$/.test(url.protocol)) {
    throw check.invalid(option, "a URL of Redis begins with redis:// or rediss://")
  }
  return url
}

const clusterOf = (check: Check, { nodeAddressMap = {}, rootNodes }: ClusterNodes): ClusterAddress => {
  if (rootNodes.length === 0) throw check.invalid("cluster", "a cluster is found by one root node or more")
  const roots = rootNodes.map(({ url }) => urlOf(check, "cluster", url))
  if (roots.some(({ pathname }) => !["", "/", "/0"].includes(pathname))) {
    throw check.invalid("cluster", "a cluster has the database 0 only")
  }
  return { roots, nodeAddressMap }
}

const settingsOf = (options: LayerOptions) => {
  const check = checkOptions("RedisBroadcaster.layer")
  const { prefix = "fairlead", url = "redis://127.0.0.1:6379" } = options
  if (options.cluster !== undefined && options.url !== undefined) {
    throw check.invalid("cluster", "url and cluster exclude one another")
  }
  if (prefix === "" || /[{}]/.test(prefix)) throw check.invalid("prefix", "a prefix has characters, and no braces")
  const cluster = options.cluster === undefined ? undefined : clusterOf(check, options.cluster)
  const server = urlOf(check, "url", url)
  return {
    url: textOf(url),
    cluster,
    address: (cluster?.roots ?? [server]).map(({ host }) => host).join(", "),
    prefix,
    ...nodeTimes(check, options)
  }
}

/**
 * The broadcaster and presence of a node, by Redis. Fails when the first connection fails; later Redis may come and go.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: LayerOptions = {}): Layer.Layer<Broadcaster | Presence, RedisConnectError> => {
  const settings = settingsOf(options)
  return Layer.effectContext(
    Effect.gen(function* () {
      const context = yield* Effect.context()
      const fork = yield* nodeFork
      const { address, cluster, prefix, url } = settings
      const connecting =
        cluster === undefined
          ? connectSingle(url, settings, fork)
          : connectCluster({ ...settings, cluster, id: unique }, fork)
      const connection = yield* Effect.mapError(connecting, (cause) => new RedisConnectError({ address, cause }))
      const health = yield* SubscriptionRef.make<Health>({ _tag: "Connected" })
      const reportDefect = (topic: string, defect: unknown) =>
        fork(
          Effect.logError(`A subscriber of "${topic}" threw an error; the other subscribers got the message`, defect)
        )
      const shared = { connection, names: new Names(prefix), keepMillis: settings.keepMillis, epoch: unique }
      const broker = new RedisBroker(shared)
      const engine = new NodeEngine({
        broker,
        health,
        fork,
        reportDefect,
        clock: Context.get(context, Clock.Clock),
        checkIntervalMillis: settings.checkIntervalMillis
      })
      const presence = new LeasedPresence({
        broker: new RedisPresence({
          ...shared,
          leases: `${prefix}:lease:`,
          leaseMillis: settings.leaseMillis
        }),
        // Its lease is in the slot of its topics.
        incarnation: (group) => `${group}${unique()}`,
        fork,
        reportDefect
      })
      broker.listen((status) => {
        if (status._tag === "Down") return
        fork(status.isSameRun === true ? presence.reconnected(status.covers) : presence.restored(status.covers))
      })
      const every = (millis: number, work: Effect.Effect<void>) =>
        Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(millis), work)))
      // A server that does not answer holds up no lease at another one.
      const beat = Effect.all([connection.probe, presence.heartbeat], { concurrency: 2, discard: true })
      yield* beat
      yield* every(settings.heartbeatMillis, beat)
      yield* every(settings.checkIntervalMillis, Effect.andThen(engine.check, presence.check))
      yield* Effect.addFinalizer(() => presence.release)
      const survey = new NodeSurvey({ engine: engine.service, presence: presence.service, id: unique(), fork })
      yield* survey.open
      return Context.make(Broadcaster, survey.service).pipe(Context.add(Presence, presence.service))
    })
  )
}
