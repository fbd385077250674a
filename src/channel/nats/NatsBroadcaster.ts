/**
 * Channels on several nodes by NATS 2.9 or newer with JetStream: broadcasts, the logs of recoverable topics, and presence.
 *
 * **Example** (A chat on any number of nodes)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { ChannelApi, ChannelServer } from "fairlead/channel"
 * import { NatsBroadcaster } from "fairlead/channel/nats"
 *
 * class Lobby extends ChannelApi.make("lobby", { retention: ChannelApi.recoverable() }) {}
 * const LobbyLive = Lobby.layer({ join: () => Effect.void, on: {} })
 *
 * const chat = ChannelServer.layer(ChannelServer.make("chat").mount(Lobby), { path: "/socket" }).pipe(
 *   Layer.provide([LobbyLive, NatsBroadcaster.layer({ url: "nats://localhost:4222" })])
 * )
 * ```
 *
 * Rules:
 *
 * 1. Ephemeral events go by the core of NATS. Each node has one connection, and a subscription for each topic that has members there.
 * 2. Events of recoverable topics are stored by JetStream first. A message is stored only if it follows the last one of its topic, so that nodes never number two messages alike.
 * 3. A message that was lost on its way is fetched from the stream. When it is not there any more, members get a `discontinuity`.
 * 4. Positions are compared after each reconnect and every `checkInterval`. After a restart of a single server the epoch changes, unless `trustRestart` is set.
 * 5. A join whose subscription fails is refused with `unavailable`. While NATS is away, `Broadcaster.health` says `Suspended`.
 * 6. Presence is held under a lease for each node: the members of a lost node are removed after `lease`, in one diff.
 *
 * Limits: ephemeral events are delivered at most once. The logs of all topics hold `maxBytes` together, and each `maxMessages` for `keep`. In a cluster, a new subscription takes
 * some milliseconds to be known to the other servers; use `replicas: 3` there.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
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
import { connect } from "./Connection.ts"
import type { TlsTexts } from "./Connection.ts"
import { JetStream } from "./JetStream.ts"
import type { StreamConfig } from "./JetStream.ts"
import { NatsBroker } from "./NatsBroker.ts"
import { NatsPresence } from "./NatsPresence.ts"
import { NumberedStream } from "./NumberedStream.ts"
import { Subjects } from "./Subjects.ts"

/**
 * Certificates and key of TLS, each a text in PEM.
 *
 * @category models
 * @since 0.1.0
 */
export interface TlsOptions {
  /** The certificate of the authority that the server's is checked against. Default: those of Node. */
  readonly ca?: string | undefined
  /** The certificate of this client, for servers that verify it. Default: none. */
  readonly cert?: string | undefined
  /** The key of this client. Default: none. */
  readonly key?: string | Redacted.Redacted | undefined
}

/**
 * Options of `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerOptions {
  /** Where NATS is: `nats://user:password@host:port` or `nats://token@host:port`, `tls://` over TLS; several for a cluster. Default: `nats://127.0.0.1:4222`. */
  readonly url?: string | Redacted.Redacted | ReadonlyArray<string | Redacted.Redacted> | undefined
  /** The text of a credentials file, for servers with accounts. Default: none. */
  readonly credentials?: string | Redacted.Redacted | undefined
  /** The seed of an nkey, which begins with `SU`. Default: none. */
  readonly nkey?: string | Redacted.Redacted | undefined
  /** Certificates that the system does not have. The connection is over TLS then, whatever the URL. Default: none. */
  readonly tls?: TlsOptions | undefined
  /** How all streams and subjects begin, so that several applications can share a NATS. Letters, digits, `_` and `-`. Default: `fairlead`. */
  readonly prefix?: string | undefined
  /** How long a connection may take. Default: 5 seconds. */
  readonly connectTimeout?: Duration.Input | undefined
  /** How long an answer may take. Default: 2 seconds. */
  readonly commandTimeout?: Duration.Input | undefined
  /** How often positions are compared with those of NATS. Default: 10 seconds. */
  readonly checkInterval?: Duration.Input | undefined
  /** How long messages are kept, whatever the retention of their topic. A log in use stays. Default: 1 day. */
  readonly keep?: Duration.Input | undefined
  /** How long the members of a lost node stay present. Default: 10 seconds. */
  readonly lease?: Duration.Input | undefined
  /** How often a node renews its lease, and asks whether NATS answers. Default: 3 seconds. */
  readonly heartbeat?: Duration.Input | undefined
  /** Where logs are stored. Presence is always in memory. Default: `file`. */
  readonly storage?: "file" | "memory" | undefined
  /** On how many servers of a cluster each stream is: 1 to 5. Default: 1. */
  readonly replicas?: number | undefined
  /** The most messages of one topic, whatever its retention. Default: 10,000. */
  readonly maxMessages?: number | undefined
  /** The most bytes of all logs. Beyond it the eldest messages go first. Default: 1 GiB. */
  readonly maxBytes?: number | undefined
  /** Whether a single server that has restarted is trusted to have lost nothing, as with `sync_interval: always`: positions then survive its restart. Default: false. */
  readonly trustRestart?: boolean | undefined
}

/**
 * The first connection to NATS failed, or JetStream did not make the streams.
 *
 * @category errors
 * @since 0.1.0
 */
export class NatsConnectError extends Schema.TaggedError<NatsConnectError>("fairlead/channel/nats/NatsConnectError")(
  "NatsConnectError",
  {
    /** The hosts and ports. */
    address: Schema.String,
    cause: Schema.Defect()
  }
) {
  override get message() {
    return `NATS at ${this.address} did not accept the connection: check the URL, and that NATS 2.9 or newer runs there with JetStream (nats-server -js)`
  }
}

const revealed = (text: string | Redacted.Redacted): string => (typeof text === "string" ? text : Redacted.value(text))

/** User and password, or a token, of a URL. */
const loginOf = ({ password, username }: URL): object => {
  if (username === "") return {}
  const user = decodeURIComponent(username)
  return password === "" ? { token: user } : { user, pass: decodeURIComponent(password) }
}

type Check = ReturnType<typeof checkOptions>

/** Checks a secret text. */
const secretOf = (
  check: Check,
  option: "credentials" | "nkey",
  secret: string | Redacted.Redacted | undefined,
  shape: RegExp,
  rule: string
): string | undefined => {
  if (secret === undefined) return undefined
  const text = typeof secret === "string" || Redacted.isRedacted(secret) ? revealed(secret) : ""
  if (!shape.test(text)) throw check.invalid(option, rule)
  return text
}

const tlsOf = (check: Check, { ca, cert, key }: TlsOptions): TlsTexts => {
  const texts = { ca, cert, key: key === undefined ? undefined : revealed(key) }
  for (const text of Object.values(texts)) {
    if (text !== undefined && !text.includes("-----BEGIN ")) throw check.invalid("tls", "each text is in PEM")
  }
  if ((cert === undefined) !== (key === undefined)) throw check.invalid("tls", "cert and key belong together")
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || texts.key === undefined ? {} : { cert, key: texts.key })
  }
}

const settingsOf = (options: LayerOptions) => {
  const check = checkOptions("NatsBroadcaster.layer")
  const { prefix = "fairlead", storage = "file", trustRestart = false, url } = options
  const given = url === undefined ? ["nats://127.0.0.1:4222"] : Array.isArray(url) ? url : [url]
  const urls = (given as ReadonlyArray<string | Redacted.Redacted>).map((one) => {
    const text = revealed(one)
    const parsed = URL.canParse(text) ? new URL(text) : undefined
    if (parsed === undefined || !/^(nats|tls):$/.test(parsed.protocol) || parsed.hostname === "") {
      throw check.invalid("url", "a URL of NATS begins with nats:// or tls://")
    }
    return parsed
  })
  if (urls.length === 0) throw check.invalid("url", "there is at least one URL")
  if (!/^[\w-]+$/.test(prefix)) throw check.invalid("prefix", "a prefix has letters, digits, _ and -")
  const credentials = secretOf(
    check,
    "credentials",
    options.credentials,
    /-----BEGIN NATS USER JWT-----/,
    "it is the text of a credentials file"
  )
  const nkey = secretOf(check, "nkey", options.nkey, /^SU[A-Z2-7]{56}$/, "it is the seed of a user: SU and 56 letters")
  if (credentials !== undefined && nkey !== undefined) {
    throw check.invalid("nkey", "credentials have a key already: set one of the two")
  }
  const isSecure = urls.some(({ protocol }) => protocol === "tls:")
  if (!["file", "memory"].includes(storage)) throw check.invalid("storage", "the storage is file or memory")
  if (typeof trustRestart !== "boolean") throw check.invalid("trustRestart", "it is true or false")
  const times = nodeTimes(check, options)
  const { keepMillis, leaseMillis } = times
  // JetStream does not let messages expire sooner.
  if (leaseMillis < 100) throw check.invalid("lease", "a lease is 100 milliseconds or more")
  if (keepMillis < 1000) throw check.invalid("keep", "messages are kept for 1 second or more")
  const replicas = check.between("replicas", check.integer("replicas", options.replicas ?? 1), 1, 5)
  const maxMessages = check.integer("maxMessages", options.maxMessages ?? 10_000)
  const maxBytes = check.integer("maxBytes", options.maxBytes ?? 1024 ** 3)
  const address = urls.map(({ host }) => host).join(", ")
  return {
    address,
    servers: urls.map(({ host }) => host),
    login: urls.map(loginOf)[0]!,
    tls: options.tls !== undefined || isSecure ? tlsOf(check, options.tls ?? {}) : undefined,
    credentials,
    nkey,
    prefix,
    trustRestart,
    ...times,
    maxMessages,
    streams: (subjects: Subjects): ReadonlyArray<StreamConfig> => {
      const numbered = (part: string, republished: string) => ({
        name: subjects.stream(part),
        subject: subjects.all(part),
        republish: subjects.all(republished),
        replicas,
        maxAgeMillis: keepMillis
      })
      return [
        // The mark of a position takes a place too.
        { ...numbered("log", "all"), storage, maxMessagesPerSubject: maxMessages + 1, maxBytes },
        { ...numbered("presence", "present"), storage: "memory", maxMessagesPerSubject: -1, maxBytes: -1 },
        {
          name: `KV_${subjects.bucket}`,
          subject: `$KV.${subjects.bucket}.>`,
          storage: "memory",
          replicas,
          maxAgeMillis: leaseMillis,
          maxMessagesPerSubject: 1,
          maxBytes: -1
        }
      ]
    }
  }
}

/** How long a node waits before it connects again: up to half a second, so that it is back soon after its NATS. */
const pauseOf = (retries: number): number => Math.min(20 * 2 ** Math.min(retries, 5), 500)

/**
 * The broadcaster and presence of a node, by NATS. Fails when the first connection fails; later NATS may come and go.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: LayerOptions = {}): Layer.Layer<Broadcaster | Presence, NatsConnectError> => {
  const settings = settingsOf(options)
  return Layer.effectContext(
    Effect.gen(function* () {
      const context = yield* Effect.context()
      const clock = Context.get(context, Clock.Clock)
      const now = () => clock.currentTimeMillisUnsafe()
      const refused = (cause: unknown) => new NatsConnectError({ address: settings.address, cause })
      const connection = yield* Effect.mapError(connect(settings), refused)
      const jetStream = new JetStream(connection)
      const subjects = new Subjects(settings.prefix)
      const streams = settings.streams(subjects)
      yield* Effect.mapError(
        Effect.forEach(streams, (stream) => jetStream.make(stream), { discard: true }),
        refused
      )

      const health = yield* SubscriptionRef.make<Health>({ _tag: "Connected" })
      const fork = yield* nodeFork
      const reportDefect = (topic: string, defect: unknown) =>
        fork(
          Effect.logError(`A subscriber of "${topic}" threw an error; the other subscribers got the message`, defect)
        )
      const numbered = (stored: string, republished: string) =>
        new NumberedStream({
          connection,
          jetStream,
          stream: subjects.stream(stored),
          subjectOf: (topic) => subjects.of(stored, topic),
          republishedOf: (topic) => subjects.of(republished, topic),
          epoch: unique,
          trustRestart: settings.trustRestart,
          keepMillis: settings.keepMillis,
          now,
          timeout: settings.commandTimeout,
          fork
        })
      const logs = numbered("log", "all")
      const changes = numbered("presence", "present")
      const { checkIntervalMillis, keepMillis, maxMessages } = settings
      const broker = new NatsBroker({ connection, jetStream, subjects, logs, maxMessages, fork })
      const engine = new NodeEngine({ broker, clock, health, checkIntervalMillis, fork, reportDefect })
      const leases = new NatsPresence({ jetStream, subjects, changes, keepMillis, now, fork })
      const presence = new LeasedPresence({ broker: leases, incarnation: unique, fork, reportDefect })
      broker.listen((status) => {
        if (status._tag === "Up") fork(status.isSameRun === true ? presence.reconnected() : presence.restored())
      })

      const reopened = Effect.gen(function* () {
        for (let retries = 0; ; retries++) {
          logs.forget()
          changes.forget()
          const opened = yield* Effect.exit(
            Effect.andThen(
              connection.open,
              Effect.forEach(streams, (stream) => jetStream.keep(stream))
            )
          )
          if (Exit.isSuccess(opened)) return
          yield* connection.close
          yield* Effect.sleep(pauseOf(retries))
        }
      })
      let { run } = connection
      const following = Effect.gen(function* () {
        broker.lost(yield* connection.ended)
        yield* reopened
        const isSameRun = run !== "" && run === connection.run
        run = connection.run
        broker.found(isSameRun)
      })
      // A connection that does not answer is ended, and made again.
      const probe = Effect.catch(
        Effect.andThen(
          connection.flush,
          Effect.forEach(streams, (stream) => jetStream.keep(stream), { discard: true })
        ),
        (fault) =>
          Effect.andThen(
            Effect.sync(() => broker.lost(fault.message)),
            connection.close
          )
      )
      const every = (millis: number, work: Effect.Effect<void>) =>
        Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(millis), work)))
      yield* presence.heartbeat
      yield* Effect.forkScoped(Effect.forever(following))
      yield* every(settings.heartbeatMillis, Effect.andThen(probe, presence.heartbeat))
      yield* every(checkIntervalMillis, Effect.andThen(engine.check, presence.check))
      yield* Effect.addFinalizer(() => presence.release)
      const survey = new NodeSurvey({ engine: engine.service, presence: presence.service, id: unique(), fork })
      yield* survey.open
      return Context.make(Broadcaster, survey.service).pipe(Context.add(Presence, presence.service))
    })
  )
}
