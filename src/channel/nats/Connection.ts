/**
 * The connection to NATS, which is made again when it ends. Internal to the NATS engine.
 *
 * The client's own reconnect is switched off: it would send what was asked before to another run of the server.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

import { loadPeer } from "../../core/OptionalPeer.ts"

/** A message as the client of NATS has it. */
export interface Arrived {
  readonly subject: string
  readonly reply?: string
  readonly headers?: { readonly get: (name: string) => string }
  readonly string: () => string
}

interface SentHeaders {
  readonly set: (name: string, value: string) => void
}

/** The part of the client of `@nats-io/transport-node` that the engine uses. */
interface Client {
  readonly info?: {
    readonly server_id: string
    readonly cluster?: string
  }
  readonly publish: (subject: string, text: string) => void
  readonly request: (
    subject: string,
    text: string,
    options: { readonly timeout: number; readonly headers?: SentHeaders }
  ) => Promise<Arrived>
  readonly subscribe: (
    subject: string,
    options: { readonly callback: (problem: Error | null, message: Arrived) => void }
  ) => { readonly unsubscribe: () => void }
  readonly flush: () => Promise<void>
  readonly close: () => Promise<void>
  readonly closed: () => Promise<unknown>
}

interface Peer {
  readonly connect: (options: object) => Promise<unknown>
  readonly headers: () => unknown
  readonly createInbox: () => string
  readonly credsAuthenticator: (text: Uint8Array) => unknown
  readonly nkeyAuthenticator: (seed: Uint8Array) => unknown
}

const peer = loadPeer(() => import("@nats-io/transport-node") as Promise<Peer>, {
  entry: "fairlead/channel/nats",
  install: "@nats-io/transport-node@3.4"
})

/** A request that NATS refused or did not answer. */
export class ConnectionFault extends Data.TaggedError("ConnectionFault")<{
  readonly message: string
  readonly cause?: unknown
}> {}

/** The fault of something that was thrown. */
const faultOf = (cause: unknown): ConnectionFault =>
  new ConnectionFault({ message: cause instanceof Error ? cause.message : String(cause), cause })

/** Texts in PEM. */
export interface TlsTexts {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

/** Options of the connection. */
export interface ConnectionOptions {
  readonly servers: ReadonlyArray<string>
  /** User and password, or a token. */
  readonly login: object
  /** Certificates and key of TLS; nothing without TLS. */
  readonly tls: TlsTexts | undefined
  /** The text of a credentials file. */
  readonly credentials: string | undefined
  /** The seed of an nkey. */
  readonly nkey: string | undefined
  readonly connectTimeout: Duration.Duration
  readonly commandTimeout: Duration.Duration
}

type Listener = (message: Arrived) => void

interface Subscribed {
  readonly listener: Listener
  subscription: { readonly unsubscribe: () => void } | undefined
}

/** How many bytes are published before the connection is asked whether it keeps up. */
const maxUnflushedBytes = 1024 * 1024

/** One connection at a time. */
export class Connection {
  private readonly nats: Peer
  private readonly options: ConnectionOptions
  private client: Client | undefined = undefined
  private readonly subscribed = new Map<string, Subscribed>()
  private unflushed = 0

  constructor(nats: Peer, options: ConnectionOptions) {
    this.nats = nats
    this.options = options
  }

  /** The run of the server, where its restart ends one; empty while there is no connection, and where the servers of a cluster replace one another. */
  get run(): string {
    const info = this.client?.info
    return info === undefined || info.cluster !== undefined ? "" : info.server_id
  }

  /** Connects, and subscribes again to all subjects. Succeeds when they are active. */
  get open(): Effect.Effect<void, ConnectionFault> {
    const { connectTimeout, credentials, login, nkey, servers, tls } = this.options
    const { connect: connecting, credsAuthenticator, nkeyAuthenticator } = this.nats
    const bytesOf = (text: string) => new TextEncoder().encode(text)
    const options = {
      ...login,
      ...(tls === undefined ? {} : { tls }),
      ...(credentials === undefined ? {} : { authenticator: credsAuthenticator(bytesOf(credentials)) }),
      ...(nkey === undefined ? {} : { authenticator: nkeyAuthenticator(bytesOf(nkey)) }),
      servers: [...servers],
      reconnect: false,
      timeout: Duration.toMillis(connectTimeout),
      noAsyncTraces: true
    }
    return Effect.gen({ self: this }, function* () {
      const opened = yield* Effect.tryPromise({
        try: () => connecting(options),
        catch: faultOf
      })
      const client = opened as Client
      this.client = client
      this.unflushed = 0
      for (const [subject, subscribed] of this.subscribed) {
        subscribed.subscription = this.listen(client, subject, subscribed.listener)
      }
      yield* this.flushed(client)
    })
  }

  /** Ends when the connection has ended, with the reason. */
  get ended(): Effect.Effect<string> {
    return Effect.suspend(() => {
      const { client } = this
      if (client === undefined) return Effect.succeed("there is no connection")
      return Effect.map(
        Effect.promise(() => client.closed()),
        (reason) => {
          if (this.client === client) this.client = undefined
          return reason instanceof Error ? reason.message : "the connection has ended"
        }
      )
    })
  }

  /** Ends the connection. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { client } = this
      this.client = undefined
      return client === undefined ? Effect.void : Effect.ignoreCause(Effect.tryPromise(() => client.close()))
    })
  }

  /** Succeeds when the server has read all that was sent. */
  get flush(): Effect.Effect<void, ConnectionFault> {
    return this.using((client) => this.flushed(client))
  }

  /** Publishes a text, without an answer. */
  publish(subject: string, text: string): Effect.Effect<void, ConnectionFault> {
    return this.using((client) => {
      try {
        client.publish(subject, text)
      } catch (cause) {
        return Effect.fail(faultOf(cause))
      }
      this.unflushed += text.length
      return this.unflushed < maxUnflushedBytes ? Effect.void : this.flushed(client)
    })
  }

  /** Asks, and succeeds with the answer. */
  request(
    subject: string,
    text: string,
    fields: ReadonlyArray<readonly [string, string]> = []
  ): Effect.Effect<Arrived, ConnectionFault> {
    return this.using((client) => {
      const sent = this.nats.headers() as SentHeaders
      for (const [name, value] of fields) sent.set(name, value)
      const timeout = Duration.toMillis(this.options.commandTimeout)
      return Effect.tryPromise({
        try: () => client.request(subject, text, fields.length === 0 ? { timeout } : { timeout, headers: sent }),
        catch: faultOf
      })
    })
  }

  /** Subscribes, and succeeds when the subscription is active. It is made again with each connection until `unsubscribe`. */
  subscribe(subject: string, listener: Listener): Effect.Effect<void, ConnectionFault> {
    return this.using((client) => {
      this.subscribed.get(subject)?.subscription?.unsubscribe()
      this.subscribed.set(subject, { listener, subscription: this.listen(client, subject, listener) })
      return this.flushed(client)
    })
  }

  unsubscribe(subject: string): Effect.Effect<void> {
    return Effect.sync(() => {
      const { client } = this
      const subscribed = this.subscribed.get(subject)
      this.subscribed.delete(subject)
      if (client !== undefined) subscribed?.subscription?.unsubscribe()
    })
  }

  /** Collects the messages of a new subject, until one of them is the last. */
  collect(
    ask: (inbox: string) => Effect.Effect<boolean, ConnectionFault>,
    onMessage: (message: Arrived) => boolean
  ): Effect.Effect<void, ConnectionFault> {
    return this.using((client) => {
      const inbox = this.nats.createInbox()
      let finish: () => void = () => {}
      const finished = new Promise<void>((resolve) => {
        finish = resolve
      })
      const subscription = this.listen(client, inbox, (message) => {
        if (onMessage(message)) finish()
      })
      const collected = Effect.flatMap(ask(inbox), (waits) =>
        waits ? this.bounded(Effect.promise(() => finished)) : Effect.void
      )
      return Effect.ensuring(
        collected,
        Effect.sync(() => subscription.unsubscribe())
      )
    })
  }

  private listen(client: Client, subject: string, listener: Listener) {
    return client.subscribe(subject, {
      callback: (problem, message) => {
        if (problem === null && this.client === client) listener(message)
      }
    })
  }

  private flushed(client: Client): Effect.Effect<void, ConnectionFault> {
    this.unflushed = 0
    return this.bounded(Effect.tryPromise({ try: () => client.flush(), catch: faultOf }))
  }

  private using<A>(use: (client: Client) => Effect.Effect<A, ConnectionFault>): Effect.Effect<A, ConnectionFault> {
    return Effect.suspend(() =>
      this.client === undefined
        ? Effect.fail(new ConnectionFault({ message: "there is no connection to NATS" }))
        : use(this.client)
    )
  }

  private bounded<A>(asked: Effect.Effect<A, ConnectionFault>): Effect.Effect<A, ConnectionFault> {
    const { commandTimeout } = this.options
    return Effect.timeoutOrElse(asked, {
      duration: commandTimeout,
      orElse: () =>
        Effect.fail(new ConnectionFault({ message: `NATS did not answer within ${Duration.format(commandTimeout)}` }))
    })
  }
}

/** A connection, for as long as the scope is open. Fails with the problem of the first attempt. */
export const connect = (options: ConnectionOptions): Effect.Effect<Connection, ConnectionFault, Scope.Scope> =>
  Effect.gen(function* () {
    const connection = new Connection(yield* peer, options)
    yield* Effect.addFinalizer(() => connection.close)
    yield* connection.open
    return connection
  })
