/**
 * The life of one socket, from its connect to its end. Internal to the channel part.
 *
 * 1. The connect hooks run in the fiber of the request.
 * 2. An open socket needs no fiber: its carrier ends with the handshake, or where it must, with the transport.
 * 3. When the transport is gone and the channels have ended, the disconnect hooks run, and its scope closes.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

import { isEffect, isExit } from "../../core/Effects.ts"
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

/** The answers of the connect hooks. */
interface Connected {
  readonly id: string | undefined
  readonly expiresAt: DateTime.DateTime.Input | undefined
  readonly provided: Provided
}

const unnamed: Connected = { id: undefined, expiresAt: undefined, provided: [] }

const accepted = (connected: Connected, accept: Accept<never> | undefined): Connected => {
  if (accept === undefined) return connected
  const provided = new Map(connected.provided.map((service) => [service[0].key, service]))
  accept.context?.mapUnsafe.forEach((service, key) => provided.set(key, [Context.Service<unknown>(key), service]))
  return {
    id: accept.id ?? connected.id,
    expiresAt: accept.expiresAt ?? connected.expiresAt,
    provided: Array.from(provided.values())
  }
}

/** Opens the socket on a transport. Ends when the handshake is done and the transport needs it no longer, or when the transport is gone. */
type Carry<E> = (open: (transport: Transport) => Receiver) => Effect.Effect<void, E>

/** A socket, before and after it opens. */
class SocketLife {
  private readonly hub: Hub
  private readonly wire: Wire
  private readonly request: ConnectRequest
  private readonly watch: Watch | undefined
  private connection: Connection | undefined = undefined
  /** Made for the first hook. */
  private scope: Scope.Closeable | undefined = undefined
  /** Ends the subscription by which it is closed. */
  private unsubscribe: (() => void) | undefined = undefined
  /** Whether it was closed by its id before it opened. */
  private isDisconnected = false
  private isOver = false
  private onOver: (() => void) | undefined = undefined

  constructor(hub: Hub, wire: Wire, request: ConnectRequest, parent: number | undefined) {
    this.hub = hub
    this.wire = wire
    this.request = request
    this.watch = hub.hooks.watch(parent, (): Probe.Subject => {
      const id = this.connection?.socket.id
      return id === undefined ? {} : { "fairlead.channel.socket_id": id }
    })
    this.watch?.open()
  }

  /** Lets the client connect, and carries it. */
  begin<E>(carry: Carry<E>): Effect.Effect<void, unknown> {
    const connected = this.admit(0, unnamed)
    if (!isExit(connected)) return Effect.flatMap(connected, (connected) => this.carried(carry, connected))
    const exit = connected as Exit.Exit<Connected, unknown>
    return Exit.isSuccess(exit) ? this.carried(carry, exit.value) : Effect.failCause(exit.cause)
  }

  /** The carrier has ended. An open socket goes on, unless its carrier was interrupted or failed. */
  left(exit: Exit.Exit<void, unknown>): Effect.Effect<void, unknown> {
    const { connection } = this
    if (connection === undefined) return this.refused(exit)
    if (connection.isOpen && Exit.isSuccess(exit)) return Effect.void
    connection.closed(1006)
    // The end of an open socket is no failure of its connect.
    return Effect.callback<void>((resume) => {
      if (this.isOver) resume(Effect.void)
      else this.onOver = () => resume(Effect.void)
    })
  }

  private refused(exit: Exit.Exit<void, unknown>): Effect.Effect<void, unknown> {
    this.unsubscribe?.()
    const ended = Effect.sync(() => this.watch?.close(exit))
    const { scope } = this
    const closed = scope === undefined ? ended : Effect.andThen(Effect.exit(Scope.close(scope, exit)), ended)
    return Effect.andThen(closed, exit)
  }

  private ownScope(): Scope.Closeable {
    return (this.scope ??= Scope.makeUnsafe())
  }

  /** Calls the handlers in order, and stops at the first refusal. */
  private admit(from: number, connected: Connected): Effect.Effect<Connected, unknown> {
    const { hooks } = this.hub
    let answers = connected
    for (let index = from; index < hooks.connect.length; index++) {
      const handler = hooks.connect[index]!
      const { value } = handler
      const defects = (cause: Cause.Cause<unknown>): void => {
        if (Cause.hasDies(cause)) hooks.logDefect(value.name, "a connect is refused", cause)
      }
      let out: unknown
      try {
        out = hooks.run(this.watch, value.name, "connect", () => value.connect(this.request))
      } catch (defect) {
        defects(Cause.die(defect))
        return Exit.die(defect)
      }
      if (isEffect(out) && !isExit(out)) {
        const context = contextOf(hooks.context, handler, answers.provided)
        const hook = within(out, Context.add(context, Scope.Scope, this.ownScope()))
        const logged = Effect.tapCause(hook, (cause) => Effect.sync(() => defects(cause)))
        return Effect.flatMap(logged, (out) => this.admit(index + 1, accepted(answers, out as Accept<never>)))
      }
      if (isEffect(out)) {
        const exit = out as Exit.Exit<unknown, unknown>
        if (Exit.isFailure(exit)) {
          defects(exit.cause)
          return Exit.failCause(exit.cause)
        }
        out = exit.value
      }
      answers = accepted(answers, out as Accept<never> | undefined)
    }
    return Exit.succeed(answers)
  }

  private carried<E>(carry: Carry<E>, connected: Connected): Effect.Effect<void, unknown> {
    const opening = (isListening: boolean) => carry((transport) => this.open(transport, connected, isListening))
    return connected.id === undefined ? opening(true) : Effect.flatMap(this.listen(connected.id), opening)
  }

  /** Lets the socket be closed by its id, from anywhere. It succeeds when the subscription is active: false where the broadcaster is unavailable. */
  private listen(id: string): Effect.Effect<boolean> {
    const { broadcaster } = this.hub
    const subscribing = broadcaster.subscribe(socketTopic(id), {
      id: this.hub.memberId(),
      deliver: ({ event }) => {
        if (event !== Reserved.disconnect) return
        this.isDisconnected = true
        this.disconnect()
      }
    })
    return Effect.uninterruptible(
      Effect.matchCause(subscribing, {
        onSuccess: (unsubscribe) => {
          this.unsubscribe = unsubscribe
          return true
        },
        onFailure: () => false
      })
    )
  }

  private disconnect(): void {
    this.connection?.shut(1001, "disconnected by the server", "disconnected")
  }

  private open(transport: Transport, { expiresAt, id, provided }: Connected, isListening: boolean): Receiver {
    const { hub, request, watch, wire } = this
    const socket = { id, request, version: wire.version }
    const connection = new Connection(hub, wire, transport, socket, provided, watch)
    this.connection = connection
    hub.opened()
    connection.onEnd = (code) => this.end(connection, code)
    if (this.unsubscribe !== undefined) connection.subscribed(this.unsubscribe)
    if (expiresAt !== undefined) connection.expire(expiresAt)
    // A socket that cannot be closed by its id must not be open.
    if (!isListening) connection.shut(1013, "the broadcaster is unavailable", "disconnected")
    else if (this.isDisconnected) this.disconnect()
    // The shutdown began after the client was accepted.
    else if (hub.closed) connection.drain()
    return connection
  }

  /** Its transport is gone, and its channels have ended. */
  private end(connection: Connection, code: number): void {
    const { hooks } = this.hub
    const logged = Effect.logDebug(`A socket of "${hooks.composite}" ended with ${code}`)
    const over = Effect.sync(() => this.over())
    if (hooks.disconnect.length === 0 && this.scope === undefined) return hooks.fork(Effect.andThen(logged, over))
    const scope = this.ownScope()
    const hooked = Effect.forEach(
      hooks.disconnect,
      (handler) => {
        const { value } = handler
        return Effect.suspend(() => {
          const out = connection.run(value.name, "disconnect", () => value.disconnect({ code }, connection.socket))
          return isEffect(out) ? within(out, connection.context(handler, scope)) : Effect.void
        }).pipe(Effect.catchCause((cause) => Effect.sync(() => hooks.logDefect(value.name, "its disconnect", cause))))
      },
      { discard: true }
    )
    const closed = Effect.exit(Scope.close(scope, Exit.void))
    hooks.fork(Effect.uninterruptible(Effect.andThen(Effect.andThen(hooked, logged), Effect.andThen(closed, over))))
  }

  private over(): void {
    this.isOver = true
    this.watch?.close(Exit.void)
    this.hub.ended()
    this.onOver?.()
  }
}

/**
 * Lets a client connect, and carries it by `carry`. Where `carry` ends with the handshake, the socket lives on; else it ends when the socket's transport is gone, its
 * channels and hooks have ended, and its scope is closed. Fails with the error of a handler that refused it, or with the error of `carry` before it opened.
 */
export const serve = <E>(
  hub: Hub,
  wire: Wire,
  connect: ConnectRequest,
  carry: Carry<E>
): Effect.Effect<void, unknown> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.withFiber((fiber) => {
      const life = new SocketLife(hub, wire, connect, fiber.getRef(CurrentFlow))
      const begun = restore(Effect.suspend(() => life.begin(carry)))
      return Effect.flatMap(Effect.exit(begun), (exit) => life.left(exit))
    })
  )
