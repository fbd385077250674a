/**
 * The life of one socket, from its connect to its end. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

import { isEffect } from "../../core/Effects.ts"
import type { Accept } from "../ChannelHandler.ts"
import type { Connect } from "../ChannelSocket.ts"
import type { Wire } from "../wire/Message.ts"
import { Connection } from "./Connection.ts"
import type { Provided } from "./Connection.ts"
import { within } from "./Hub.ts"
import type { Hub } from "./Hub.ts"
import type { Receiver, Transport } from "./Transport.ts"

interface Connected {
  readonly id: string | undefined
  readonly provided: Provided
}

/** Asks every handler; the first that refuses is the last that is asked. */
const connecting = (hub: Hub, connect: Connect, scope: Scope.Scope): Effect.Effect<Connected, unknown> =>
  Effect.gen(function* () {
    let id: string | undefined
    const provided = new Map<string, Provided[number]>()
    for (const { built, value } of hub.connect) {
      const run = () => hub.run(value.name, "connect", () => value.connect(connect))
      const out = yield* Effect.suspend(() => {
        const out = run()
        if (!isEffect(out)) return Effect.succeed(out)
        let context: Context.Context<any> = Context.add(built, Scope.Scope, scope)
        for (const [key, service] of provided.values()) context = Context.add(context, key, service)
        return within(out, context)
      }).pipe(Effect.tapCause((cause) => Effect.sync(() => logDefect(hub, value.name, cause))))
      if (out === undefined) continue
      const accept = out as Accept<never>
      id = accept.id ?? id
      accept.context?.mapUnsafe.forEach((service, key) => provided.set(key, [Context.Service<unknown>(key), service]))
    }
    return { id, provided: Array.from(provided.values()) }
  })

const logDefect = (hub: Hub, name: string, cause: Cause.Cause<unknown>): void => {
  if (cause.reasons.some(({ _tag }) => _tag === "Die")) hub.logDefect(name, "a connect is refused", cause)
}

const disconnected = (hub: Hub, connection: Connection, code: number, scope: Scope.Scope): Effect.Effect<void> =>
  Effect.forEach(
    hub.disconnect,
    ({ built, value }) =>
      Effect.suspend(() => {
        const out = hub.run(value.name, "disconnect", () => value.disconnect({ code }, connection.socket))
        return isEffect(out) ? within(out, connection.contextOver(built, scope)) : Effect.void
      }).pipe(Effect.catchCause((cause) => Effect.sync(() => hub.logDefect(value.name, "its disconnect", cause)))),
    { discard: true }
  )

type Carry<E> = (open: (transport: Transport) => Receiver) => Effect.Effect<void, E>

// Defined once: a generator function in `serve` would be held, with a prototype of its own, by every socket.
const live = Effect.fnUntraced(function* <E>(
  restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
  hub: Hub,
  wire: Wire,
  connect: Connect,
  carry: Carry<E>
): Effect.fn.Return<void, unknown> {
  const scope = Scope.makeUnsafe()
  const socket: { connection?: Connection } = {}
  const exit = yield* Effect.exit(
    restore(
      Effect.flatMap(connecting(hub, connect, scope), ({ id, provided }) =>
        carry((transport) => {
          const connection = new Connection(hub, wire, transport, { id, connect, version: wire.version }, provided)
          socket.connection = connection
          // The application was told to stop after it had let the client in.
          if (hub.closed) connection.drain()
          return connection
        })
      )
    )
  )
  const { connection: opened } = socket
  if (opened !== undefined) {
    opened.closed(1006)
    const code = yield* opened.ended
    yield* disconnected(hub, opened, code, scope)
  }
  yield* Effect.exit(Scope.close(scope, exit))
  return yield* Exit.isFailure(exit) && opened !== undefined ? Effect.void : exit
})

/**
 * Lets a client connect, carries it by `carry`, and ends when its transport is gone, its channels and hooks have ended, and its scope is closed. Fails with what
 * a handler refused it with, or with what `carry` failed with before it opened.
 */
export const serve = <E>(hub: Hub, wire: Wire, connect: Connect, carry: Carry<E>): Effect.Effect<void, unknown> =>
  Effect.uninterruptibleMask((restore) => live(restore, hub, wire, connect, carry))
