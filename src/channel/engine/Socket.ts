/**
 * The life of one socket, from its connect to its end. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

import { isEffect } from "../../core/Effects.ts"
import type * as Probe from "../../core/Probe.ts"
import { CurrentFlow } from "../../core/Watch.ts"
import type { Watch } from "../../core/Watch.ts"
import { socketTopic } from "../broadcaster/SocketTopic.ts"
import type { ConnectRequest } from "../ChannelSocket.ts"
import type { Accept } from "../HandlerMessages.ts"
import type { Receiver, Transport } from "../Transport.ts"
import type { Wire } from "../wire/Message.ts"
import * as Reserved from "../wire/Reserved.ts"
import { Connection } from "./Connection.ts"
import { contextOf, within } from "./HandlerHooks.ts"
import type { Provided } from "./HandlerHooks.ts"
import type { Hub } from "./Hub.ts"

interface Connected {
  readonly id: string | undefined
  readonly expiresAt: DateTime.DateTime.Input | undefined
  readonly provided: Provided
}

/** Calls the handlers in order, and stops at the first refusal. */
const connecting = (
  hub: Hub,
  connect: ConnectRequest,
  scope: Scope.Scope,
  watch: Watch | undefined
): Effect.Effect<Connected, unknown> =>
  Effect.gen(function* () {
    const { hooks } = hub
    let id: string | undefined
    let expiresAt: Connected["expiresAt"]
    const provided = new Map<string, Provided[number]>()
    for (const handler of hooks.connect) {
      const { value } = handler
      const run = () => hooks.run(watch, value.name, "connect", () => value.connect(connect))
      const out = yield* Effect.suspend(() => {
        const out = run()
        if (!isEffect(out)) return Effect.succeed(out)
        return within(out, Context.add(contextOf(hooks.context, handler, provided.values()), Scope.Scope, scope))
      }).pipe(Effect.tapCause((cause) => Effect.sync(() => logDefect(hub, value.name, cause))))
      if (out === undefined) continue
      const accept = out as Accept<never>
      id = accept.id ?? id
      expiresAt = accept.expiresAt ?? expiresAt
      accept.context?.mapUnsafe.forEach((service, key) => provided.set(key, [Context.Service<unknown>(key), service]))
    }
    return { id, expiresAt, provided: Array.from(provided.values()) }
  })

const logDefect = (hub: Hub, name: string, cause: Cause.Cause<unknown>): void => {
  if (cause.reasons.some(({ _tag }) => _tag === "Die")) hub.hooks.logDefect(name, "a connect is refused", cause)
}

const disconnected = (hub: Hub, connection: Connection, code: number, scope: Scope.Scope): Effect.Effect<void> =>
  Effect.forEach(
    hub.hooks.disconnect,
    (handler) => {
      const { value } = handler
      return Effect.suspend(() => {
        const out = connection.run(value.name, "disconnect", () => value.disconnect({ code }, connection.socket))
        return isEffect(out) ? within(out, connection.context(handler, scope)) : Effect.void
      }).pipe(Effect.catchCause((cause) => Effect.sync(() => hub.hooks.logDefect(value.name, "its disconnect", cause))))
    },
    { discard: true }
  )

/** A socket before and after it opens. */
interface Opening {
  connection: Connection | undefined
  /** Ends the subscription by which it is closed. */
  unsubscribe: (() => void) | undefined
  /** Whether it was closed by its id before it opened. */
  isDisconnected: boolean
}

/** Lets a socket that has an id be closed by it, from anywhere. It succeeds when the subscription is active: false where the broadcaster is unavailable. */
const listen = (hub: Hub, socket: Opening, id: string): Effect.Effect<boolean> => {
  const subscribing = hub.broadcaster.subscribe(socketTopic(id), {
    id: hub.memberId(),
    deliver: ({ event }) => {
      if (event !== Reserved.disconnect) return
      socket.isDisconnected = true
      if (socket.connection !== undefined) disconnect(socket.connection)
    }
  })
  return Effect.uninterruptible(
    Effect.matchCause(subscribing, {
      onSuccess: (unsubscribe) => {
        socket.unsubscribe = unsubscribe
        return true
      },
      onFailure: () => false
    })
  )
}

const disconnect = (connection: Connection): void => connection.shut(1001, "disconnected by the server", "disconnected")

type Carry<E> = (open: (transport: Transport) => Receiver) => Effect.Effect<void, E>

// Defined once: a generator function in `serve` would be held, with its prototype, by every socket.
const live = Effect.fnUntraced(function* <E>(
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
  hub: Hub,
  wire: Wire,
  connect: ConnectRequest,
  carry: Carry<E>
): Effect.fn.Return<void, unknown> {
  const scope = Scope.makeUnsafe()
  const socket: Opening = { connection: undefined, unsubscribe: undefined, isDisconnected: false }
  const parent = yield* CurrentFlow
  const watch = hub.hooks.watch(parent, (): Probe.Subject => {
    const id = socket.connection?.socket.id
    return id === undefined ? {} : { "fairlead.channel.socket_id": id }
  })
  watch?.open()
  const exit = yield* Effect.exit(
    restore(
      Effect.flatMap(connecting(hub, connect, scope, watch), ({ expiresAt, id, provided }) => {
        const opening = (isListening: boolean) =>
          carry((transport) => {
            const connection = new Connection(
              hub,
              wire,
              transport,
              { id, request: connect, version: wire.version },
              provided,
              watch
            )
            socket.connection = connection
            if (socket.unsubscribe !== undefined) connection.subscribed(socket.unsubscribe)
            if (expiresAt !== undefined) connection.expire(expiresAt)
            // A socket that cannot be closed by its id must not be open.
            if (!isListening) connection.shut(1013, "the broadcaster is unavailable", "disconnected")
            else if (socket.isDisconnected) disconnect(connection)
            // The application was told to stop after it had let the client in.
            else if (hub.closed) connection.drain()
            return connection
          })
        return id === undefined ? opening(true) : Effect.flatMap(listen(hub, socket, id), opening)
      })
    )
  )
  const { connection: opened } = socket
  if (opened !== undefined) {
    opened.closed(1006)
    const code = yield* opened.ended
    yield* disconnected(hub, opened, code, scope)
    yield* Effect.logDebug(`A socket of "${hub.name}" ended with ${code}`)
  } else socket.unsubscribe?.()
  // The end of an open socket is no failure of its connect.
  const outcome = opened === undefined ? exit : Exit.void
  yield* Effect.exit(Scope.close(scope, outcome))
  watch?.close(outcome)
  return yield* Exit.isFailure(exit) && opened !== undefined ? Effect.void : exit
})

/**
 * Lets a client connect, carries it by `carry`, and ends when its transport is gone, its channels and hooks have ended, and its scope is closed. Fails with the error
 * of a handler that refused it, or with the error of `carry` before it opened.
 */
export const serve = <E>(
  hub: Hub,
  wire: Wire,
  connect: ConnectRequest,
  carry: Carry<E>
): Effect.Effect<void, unknown> => Effect.uninterruptibleMask((restore) => live(restore, hub, wire, connect, carry))
