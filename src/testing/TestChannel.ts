/**
 * Runs a channel server without HTTP and without a network: clients that join, push and listen, as they do over a WebSocket.
 *
 * 1. Only the handshake and the transport are removed: a client's messages are frames of the protocol, in either version, and go through the server's own engine.
 * 2. Time is the test's: `TestClock` drives idle timeouts, drains, and whatever the channels wait for.
 * 3. Messages to a client wait until the test takes them. A client that stops reading is a slow reader.
 * 4. When the test's scope closes, its clients lose their connections, and the server releases them.
 *
 * **Example** (A chat of two)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { ChannelApi, ChannelServer } from "fairlead/channel"
 * import { TestChannel } from "fairlead/testing/channel"
 *
 * const Line = Schema.Struct({ text: Schema.String })
 * class Room extends ChannelApi.make("room:{id}", { incoming: { say: { payload: Line } }, outgoing: { said: Line } }) {}
 *
 * const RoomLive = Room.layer({
 *   join: () => Effect.void,
 *   on: { say: (line, room) => room.broadcast("said", line) }
 * })
 *
 * const program = Effect.gen(function* () {
 *   const server = yield* TestChannel.make(ChannelServer.make("chat").mount(Room), RoomLive)
 *   const ann = (yield* server.connect()).channel(Room, { id: "1" })
 *   const bob = (yield* server.connect()).channel(Room, { id: "1" })
 *   yield* ann.join()
 *   yield* bob.join()
 *   yield* ann.push("say", { text: "hello" })
 *   return yield* bob.next("said") // { text: "hello" }
 * })
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

import { Broadcaster, layer as localBroadcaster } from "../channel/Broadcaster.ts"
import type { Message as Broadcast } from "../channel/Broadcaster.ts"
import type { ChannelServer } from "../channel/ChannelServer.ts"
import type { ConnectRequest } from "../channel/ChannelSocket.ts"
import type { Hub } from "../channel/engine/Hub.ts"
import { serve } from "../channel/engine/Socket.ts"
import { refusal } from "../channel/Handshake.ts"
import { hubOf, keep } from "../channel/MountedHub.ts"
import type { Options as MountOptions } from "../channel/MountOptions.ts"
import { Presence } from "../channel/presence/Contract.ts"
import { nestedOf } from "../channel/Query.ts"
import { isExit } from "../core/Effects.ts"
import * as Probe from "../core/Probe.ts"
import * as Shutdown from "../core/Shutdown.ts"
import { MemorySocket } from "./channel/MemorySocket.ts"
import { make as makeClient } from "./channel/SocketClient.ts"
import type { SocketClosed } from "./channel/SocketErrors.ts"
import type { TestSocket } from "./channel/TestSocket.ts"

export type { Message, Reply } from "./channel/Frames.ts"
export { ChannelEnded, SocketClosed } from "./channel/SocketErrors.ts"
export type { TestSocket } from "./channel/TestSocket.ts"
export { ErrorReply } from "./channel/TestTopic.ts"
export type { TestTopic } from "./channel/TestTopic.ts"
export { journalLines } from "./client/Journal.ts"

/**
 * The limits of the server under test: those of `ChannelServer.layer` without the ones for HTTP.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Omit<
  MountOptions,
  "path" | "allowedOrigins" | "authToken" | "maxFrameBytes" | "longPoll"
> {}

/**
 * The parameters, headers, cookies and address of a connecting client.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConnectOptions {
  readonly params?: Readonly<Record<string, string>>
  /** Names in any case. */
  readonly headers?: Readonly<Record<string, string>>
  /** The token of the handshake; it is not one of the parameters. */
  readonly token?: string
  /** The version of the protocol. Default: `2.0.0`. */
  readonly vsn?: string
  readonly remoteAddress?: string
  /** The variables of the mount's path. */
  readonly pathParams?: Readonly<Record<string, string>>
  readonly cookies?: Readonly<Record<string, string>>
}

/**
 * The server let the client not in: a handler refused or died, the version is unknown, or the server shuts down. Look at `cause`.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectRejected extends Schema.TaggedError<ConnectRejected>()("ConnectRejected", {
  /** The HTTP status of the answer to the handshake. */
  status: Schema.Int,
  /** The error or the defect of the handler. */
  cause: Schema.Unknown
}) {
  override get message() {
    return `The connect was refused with ${this.status}: ${String(this.cause)}`
  }
}

/**
 * A running channel server, whose layer provides `S`.
 *
 * @category models
 * @since 0.1.0
 */
export interface TestServer<in S = never> {
  /** Connects a client, until the scope closes. */
  readonly connect: (options?: ConnectOptions) => Effect.Effect<TestSocket, ConnectRejected, Scope.Scope>
  /** Runs a program with the layer's services and the server's broadcaster, such as a broadcast from outside. */
  readonly run: <A, E, R>(
    program: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, Exclude<R, S | Broadcaster | Presence>>
  /** All that was broadcast, in order. */
  readonly broadcasts: ReadonlyArray<Broadcast>
  /** How many joined channels and subscriptions a topic has. */
  readonly members: (topic: string) => number
  /** How many sockets are connected. */
  readonly sockets: () => number
  /** The end of every hook and handler that ran, in that order. */
  readonly journal: ReadonlyArray<Probe.Event>
  /** Shuts the server down: it accepts no further socket, and closes the open ones. */
  readonly shutdown: Effect.Effect<void>
}

/**
 * Starts a channel server in the current scope. The layer provides its channels and their services, and is built once; the context provides the others.
 * The default broadcaster serves one process; the layer or the context can provide another.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <P, R, LO = never, LE = never, LR = never>(
  server: ChannelServer<P, R>,
  layer?: Layer.Layer<LO, LE, LR>,
  options: Options = {}
): Effect.Effect<
  TestServer<LO>,
  LE,
  Scope.Scope | Exclude<LR, Broadcaster | Presence> | Exclude<R, LO | Broadcaster | Presence>
> =>
  Effect.gen(function* () {
    const outer: Context.Context<never> = yield* Effect.context()
    const broadcasts: Array<Broadcast> = []
    const members = new Map<string, number>()
    const journal: Array<Probe.Event> = []
    const shutdown = yield* Shutdown.make

    const engine = yield* Layer.build(localBroadcaster)
    const observed = observe(
      Context.getOrUndefined(outer, Broadcaster) ?? Context.get(engine, Broadcaster),
      broadcasts,
      members
    )
    const base = Context.merge(engine, outer).pipe(
      Context.add(Shutdown.Shutdown, shutdown),
      Context.add(Probe.Probe, writing(journal, Context.get(outer, Probe.Probe))),
      Context.add(Broadcaster, observed)
    )
    const given = yield* Effect.provideContext(Layer.build((layer ?? Layer.empty) as Layer.Layer<LO, LE, LR>), base)
    const own = Context.getOrUndefined(given, Broadcaster)
    const broadcaster = own === undefined || own === observed ? observed : observe(own, broadcasts, members)
    const present = Context.getOrUndefined(given, Presence) ?? Context.get(base, Presence)
    const built = given.pipe(Context.add(Broadcaster, broadcaster), Context.add(Presence, present))
    const context = Context.merge(base, built)
    const hub = yield* Effect.provideContext(hubOf(server, options), context)
    yield* Effect.provideContext(keep(hub, options), context)
    return {
      connect: (options = {}) => connect(hub, options),
      run: (program) => Effect.provideContext(program, built),
      broadcasts,
      members: (topic) => members.get(topic) ?? 0,
      sockets: () => hub.sockets.size,
      journal,
      shutdown: shutdown.notify
    } satisfies TestServer<LO>
  })

/** Writes down what goes through a broadcaster. */
const observe = (
  broadcaster: Broadcaster["Service"],
  broadcasts: Array<Broadcast>,
  members: Map<string, number>
): Broadcaster["Service"] => ({
  since: (...args) => broadcaster.since(...args),
  subscribers: (topic) => broadcaster.subscribers(topic),
  survey: (...args) => broadcaster.survey(...args),
  health: broadcaster.health,
  publish(message, options) {
    broadcasts.push(message)
    return broadcaster.publish(message, options)
  },
  subscribe(topic, subscriber, retention) {
    const count = (by: number) => members.set(topic, (members.get(topic) ?? 0) + by)
    const counted = (unsubscribe: () => void) => {
      let active = true
      count(1)
      return () => {
        unsubscribe()
        if (active) count(-1)
        active = false
      }
    }
    const subscribing = broadcaster.subscribe(topic, subscriber, retention)
    return isExit(subscribing)
      ? Exit.map(subscribing as Exit.Exit<() => void>, counted)
      : Effect.map(subscribing, counted)
  }
})

const writing = (journal: Array<Probe.Event>, outer: Probe.Probe | undefined): Probe.Probe => ({
  report(event) {
    outer?.report(event)
    if (event.part === "channel" && event.type === "end" && event.phase !== "flow") journal.push(event)
  }
})

const connect = (hub: Hub, options: ConnectOptions): Effect.Effect<TestSocket, ConnectRejected, Scope.Scope> =>
  Effect.gen(function* () {
    const { headers = {}, params = {}, remoteAddress, token, vsn = "2.0.0" } = options
    const refuse = (status: number, cause: unknown) => new ConnectRejected({ status, cause })
    if (hub.closed) return yield* refuse(503, "the server shuts down")
    const wire = hub.negotiate(vsn)
    if (wire === undefined) return yield* refuse(403, `unknown vsn "${vsn}"`)
    const url = `/websocket?${new URLSearchParams({ ...params, vsn })}`
    const request: ConnectRequest = {
      transport: "memory",
      url,
      pathParams: options.pathParams ?? {},
      query: nestedOf(url),
      cookies: options.cookies ?? {},
      remotePort: undefined,
      peerCertificate: undefined,
      params: new Map(Object.entries(params)),
      headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
      token: token === undefined ? undefined : Redacted.make(token),
      remoteAddress
    }

    const opened = yield* Deferred.make<MemorySocket, ConnectRejected>()
    const closed = yield* Deferred.make<SocketClosed>()
    const serving = serve(hub, wire, request, (open) =>
      Effect.callback<void>((resume) => {
        const end = Effect.sync(() => {
          const { end } = socket
          socket.tellEnd(end!.code)
          Deferred.doneUnsafe(closed, Effect.succeed(end!))
        })
        const socket = new MemorySocket(wire.version, open, () => resume(end))
        Deferred.doneUnsafe(opened, Effect.succeed(socket))
        return Effect.andThen(
          Effect.sync(() => socket.close(1006, "the test has ended")),
          end
        )
      })
    )
    const refused = (cause: Cause.Cause<unknown>): Effect.Effect<unknown> => {
      const error = Cause.squash(cause)
      if (Cause.hasInterruptsOnly(cause)) return Deferred.interrupt(opened)
      if (Cause.hasDies(cause)) return Deferred.fail(opened, refuse(500, error))
      return Effect.flatMap(refusal(error), ({ status }) => Deferred.fail(opened, refuse(status, error)))
    }
    const fiber = yield* Effect.forkScoped(Effect.catchCause(serving, refused))
    const socket = yield* Effect.onInterrupt(Deferred.await(opened), () => Fiber.interrupt(fiber))
    return makeClient(socket, Deferred.await(closed), Effect.asVoid(Fiber.await(fiber)))
  })
