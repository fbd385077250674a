/**
 * Dials, accepts, and owns what is connected. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"

import type * as Probe from "../../core/Probe.ts"
import { format } from "../Alpn.ts"
import type { Alpn } from "../Alpn.ts"
import type { EndpointAddr } from "../EndpointAddr.ts"
import type { CloseReason, EndpointConnection } from "../EndpointConnection.ts"
import { ConnectError, ConnectionEnded, NoAddress, SelfConnect } from "../EndpointError.ts"
import type { Rejected } from "../EndpointError.ts"
import type { BoundEndpoint, Done, Incoming, TransportConnection } from "../EndpointTransport.ts"
import type { Mailbox } from "../transport/Source.ts"
import { Attempt, endpointClosed } from "./Attempt.ts"
import { codeOfReject } from "./Codes.ts"
import { Connected } from "./Connected.ts"
import type { Deadlines } from "./Deadlines.ts"
import type { Environment } from "./Environment.ts"
import type { Gate } from "./Gate.ts"
import { shake } from "./Handshake.ts"
import { hold, release } from "./Holding.ts"
import type { Registry } from "./Registry.ts"

/** The parts of an engine. */
export interface Parts {
  readonly environment: Environment
  readonly gate: Gate
  readonly deadlines: Deadlines
  readonly registry: Registry
  readonly accepted: Mailbox<EndpointConnection, Cause.Done>
  readonly handshakeTimeout: Duration.Duration
  readonly maxPending: number
}

const fail = (reason: ConnectError["reason"]): Exit.Exit<never, ConnectError> => Exit.fail(new ConnectError({ reason }))

const connectError = (error: Rejected | ConnectError): ConnectError =>
  error._tag === "Rejected" ? new ConnectError({ reason: error }) : error

/** Who a connection is with, as far as it is known, and at its end how it ended. */
const subjectOf = ({ connection, dial }: Attempt): Probe.Subject => {
  const remoteId = connection?.remoteId ?? dial?.addr.id
  const alpn = connection?.alpn ?? dial?.alpn
  const ended = connection?.ended
  return {
    "fairlead.endpoint.side": dial === undefined ? "acceptor" : "dialer",
    ...(remoteId !== undefined && { "fairlead.endpoint.remote_id": remoteId }),
    ...(alpn !== undefined && { "tls.next_protocol": format(alpn) }),
    ...(ended !== undefined && { "fairlead.endpoint.close_reason": ended._tag }),
    ...(ended?._tag === "ApplicationClosed" && { "fairlead.endpoint.close_code": String(ended.code) })
  }
}

/** A peer that was not admitted knows it by the transport or by the hook's rejection. */
const notIn = (attempt: Effect.Effect<unknown, unknown>): Effect.Effect<unknown> =>
  Effect.catch(attempt, (error) => Effect.logDebug("A peer did not get in", error))

/** An endpoint at work. */
export class Engine {
  private readonly parts: Parts
  private readonly attempts = new Set<Attempt>()
  private readonly closedDeferred = Deferred.makeUnsafe<void>()
  private bound: BoundEndpoint | undefined
  private isOpen = true
  private isAdmitting = true
  private pending = 0

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** The transport is bound. */
  bind(bound: BoundEndpoint): void {
    this.bound = bound
  }

  /** Refuses all new peers from now on. Open connections and dials go on. */
  stopAdmitting(): void {
    this.isAdmitting = false
  }

  /** Waits until it is closed. */
  get closed(): Effect.Effect<void> {
    return Deferred.await(this.closedDeferred)
  }

  /** Closes it, once; waits until the hooks have heard of the end of each connection. */
  get close(): Effect.Effect<void> {
    return Effect.uninterruptible(
      Effect.suspend(() => {
        if (!this.isOpen) return this.closed
        this.isOpen = false
        this.parts.accepted.finish(Exit.fail(Cause.Done()))
        for (const attempt of this.attempts) attempt.abort()
        return (this.bound?.close ?? Effect.void).pipe(
          Effect.andThen(this.parts.environment.awaitIdle),
          Effect.andThen(
            Effect.sync(() => {
              this.parts.environment.stop()
              Deferred.doneUnsafe(this.closedDeferred, Exit.void)
            })
          )
        )
      })
    )
  }

  /** Connects; the connection is closed with code 0 when the scope ends. */
  connect(addr: EndpointAddr, alpn: Alpn): Effect.Effect<EndpointConnection, ConnectError, Scope.Scope> {
    const { environment, gate } = this.parts
    return Effect.flatMap(Effect.scope, (scope) => {
      if (!this.isOpen) return endpointClosed()
      if (!gate.seesDials && !gate.seesHandshakes && !environment.isWatched) return this.connectAt(addr, alpn, scope)
      return Effect.uninterruptibleMask((restore) => {
        const attempt = new Attempt({ addr, alpn })
        this.attempts.add(attempt)
        this.watchFlow(attempt)
        return Effect.matchCauseEffect(restore(this.dialled(attempt, addr, alpn)), {
          onFailure: (cause) => Effect.andThen(this.over(attempt, Exit.failCause(cause)), Effect.failCause(cause)),
          onSuccess: (connection) => {
            this.lease(connection, scope)
            return Effect.as(this.over(attempt, Exit.void), connection)
          }
        })
      })
    })
  }

  /** Connects where nothing runs on the way: the step that makes the connection gives it to the scope. */
  private connectAt(
    addr: EndpointAddr,
    alpn: Alpn,
    scope: Scope.Scope
  ): Effect.Effect<EndpointConnection, ConnectError> {
    return Effect.callback((resume) => {
      const refusal = this.refusal(addr)
      if (refusal !== undefined) return resume(refusal)
      const attempt = new Attempt({ addr, alpn })
      this.attempts.add(attempt)
      const giveUp = this.shake(
        attempt,
        (done) => this.bound!.dial(addr, alpn, done),
        (exit) => {
          const admitted = this.admittedAt(attempt, exit)
          if (Exit.isSuccess(admitted)) this.lease(admitted.value, scope)
          resume(admitted)
        }
      )
      return Effect.suspend(() => {
        giveUp()
        return this.over(attempt, Exit.interrupt())
      })
    })
  }

  /** A peer that wants in. */
  readonly receive = (incoming: Incoming): void => {
    const { accepted, environment, gate, maxPending } = this.parts
    if (!this.isOpen || !this.isAdmitting || this.pending + accepted.size >= maxPending) return incoming.refuse()
    this.pending++
    const attempt = new Attempt()
    this.attempts.add(attempt)
    if (!gate.seesKnocks && !gate.seesHandshakes && !environment.isWatched) {
      this.shake(attempt, incoming.accept, (exit) => {
        const admitted = this.admittedAt(attempt, exit)
        this.arrived(admitted)
        if (Exit.isFailure(admitted)) environment.fork(notIn(admitted))
      })
      return
    }
    const answered = Effect.suspend(() => {
      this.watchFlow(attempt)
      return this.answered(attempt, incoming)
    })
    environment.fork(
      notIn(
        Effect.onExit(answered, (exit) => {
          this.arrived(exit)
          return this.over(attempt, exit)
        })
      )
    )
  }

  /** The attempt of a peer has ended: its connection, where there is one, waits for the application. */
  private arrived(exit: Exit.Exit<Connected | undefined, unknown>): void {
    this.pending--
    if (Exit.isFailure(exit) || exit.value === undefined) return
    if (this.isOpen) this.parts.accepted.put(exit.value)
    else Connected.close(exit.value)
  }

  /** The end of an attempt that runs no hooks and that nobody watches: nothing of it has to be awaited. */
  private admittedAt(
    attempt: Attempt,
    exit: Exit.Exit<TransportConnection, ConnectError>
  ): Exit.Exit<Connected, ConnectError> {
    const admitted = Exit.isSuccess(exit) ? this.admit(attempt, exit.value) : Exit.failCause(exit.cause)
    this.attempts.delete(attempt)
    attempt.endAtOnce(admitted)
    return admitted
  }

  private over(attempt: Attempt, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    this.attempts.delete(attempt)
    return attempt.end(exit)
  }

  /** Reports the start of an attempt's flow, where a Probe listens. */
  private watchFlow(attempt: Attempt): void {
    attempt.watch = this.parts.environment.watch(() => subjectOf(attempt))
    attempt.watch?.open()
  }

  private dialled(attempt: Attempt, addr: EndpointAddr, alpn: Alpn): Effect.Effect<Connected, ConnectError> {
    const dial = Effect.suspend(() => {
      if (attempt.isAborted) return endpointClosed()
      // The hooks saw what the application asked for, before it is checked.
      const refusal = this.refusal(addr)
      if (refusal !== undefined) return refusal
      return Effect.flatMap(
        this.handshake(attempt, (done) => this.bound!.dial(addr, alpn, done)),
        (connection) => this.admitted(attempt, connection)
      )
    })
    if (!this.parts.gate.seesDials) return dial
    const hooks = Effect.mapError(this.parts.gate.beforeConnect(attempt.dial!, attempt), connectError)
    return Effect.andThen(hooks, dial)
  }

  /** Why an address is not dialled. */
  private refusal(addr: EndpointAddr): Exit.Exit<never, ConnectError> | undefined {
    const { bound } = this
    if (bound === undefined || !this.isOpen) return endpointClosed()
    if (addr.id === bound.id) return fail(new SelfConnect({}))
    return addr.addrs.length === 0 && !bound.finds ? fail(new NoAddress({ id: addr.id })) : undefined
  }

  private answered(attempt: Attempt, incoming: Incoming): Effect.Effect<Connected | undefined, ConnectError> {
    const { address, validated } = incoming
    return Effect.flatMap(this.parts.gate.beforeAccept({ address, validated }, attempt), (admission) => {
      if (admission === "accept" && this.isAdmitting) {
        return Effect.flatMap(
          this.handshake(attempt, (done) => incoming.accept(done)),
          (connection) => this.admitted(attempt, connection)
        )
      }
      if (admission === "retry") (incoming.retry ?? incoming.refuse)()
      else incoming[admission === "accept" ? "refuse" : admission]()
      return Effect.succeed(undefined)
    })
  }

  private handshake(
    attempt: Attempt,
    start: (done: Done) => () => void
  ): Effect.Effect<TransportConnection, ConnectError> {
    return Effect.callback((resume) => {
      const giveUp = this.shake(attempt, start, resume)
      return Effect.sync(giveUp)
    })
  }

  private shake(
    attempt: Attempt,
    start: (done: Done) => () => void,
    settled: (exit: Exit.Exit<TransportConnection, ConnectError>) => void
  ): () => void {
    return shake({ attempt, start, settled, deadlines: this.parts.deadlines, timeout: this.parts.handshakeTimeout })
  }

  /** Admits a connection, or closes it with its hook's rejection. */
  private admitted(attempt: Attempt, transport: TransportConnection): Effect.Effect<Connected, ConnectError> {
    const { gate } = this.parts
    if (!gate.seesHandshakes) return this.admit(attempt, transport)
    const connection = this.connected(attempt, transport)
    // One that ended while its hooks ran is not handed out. One that had ended before says how, as any other does.
    const wasOpen = transport.ended === undefined
    // A transport may look for the end only when somebody listens.
    const forget = transport.onEnd(() => {})
    return gate.afterHandshake(Connected.viewOf(connection), attempt).pipe(
      Effect.onExit(() =>
        Effect.sync(() => {
          forget()
          this.watchEnd(attempt, connection, transport)
        })
      ),
      Effect.matchEffect({
        onFailure: (error) => {
          if (error._tag === "Rejected") transport.close(codeOfReject(error.reject), error.reject.reason)
          return Effect.fail(connectError(error))
        },
        onSuccess: () => {
          const { ended } = transport
          if (wasOpen && ended !== undefined) return fail(new ConnectionEnded({ closeReason: ended }))
          return this.letIn(connection, transport)
        }
      })
    )
  }

  /** Admits a connection that no hook decides on. */
  private admit(attempt: Attempt, transport: TransportConnection): Exit.Exit<Connected, ConnectError> {
    const connection = this.connected(attempt, transport)
    const wasOpen = transport.ended === undefined
    this.watchEnd(attempt, connection, transport)
    const { ended } = transport
    if (wasOpen && ended !== undefined) return fail(new ConnectionEnded({ closeReason: ended }))
    return this.letIn(connection, transport)
  }

  private connected(attempt: Attempt, transport: TransportConnection): Connected {
    const { environment, gate } = this.parts
    return new Connected(transport, gate, environment, attempt)
  }

  private letIn(connection: Connected, transport: TransportConnection): Exit.Exit<Connected> {
    if (transport.ended === undefined) this.parts.registry.add(connection)
    return Exit.succeed(connection)
  }

  private watchEnd(attempt: Attempt, connection: Connected, transport: TransportConnection): void {
    const { gate, registry } = this.parts
    if (gate.seesHandshakes || gate.seesEnds || attempt.watch !== undefined) {
      attempt.beginLife()
      transport.onEnd((reason) => this.ended(attempt, connection, transport, reason))
    } else {
      transport.onEnd((reason) => {
        Connected.end(connection)
        registry.remove(connection, () => ({ reason, stats: transport.stats() }))
      })
    }
  }

  /** Notifies the hooks of a connection's end, whether it was admitted or not. */
  private ended(attempt: Attempt, connection: Connected, transport: TransportConnection, reason: CloseReason): void {
    const { environment, gate, registry } = this.parts
    const close = { reason, stats: transport.stats() }
    Connected.end(connection)
    registry.remove(connection, () => close)
    environment.fork(
      Effect.andThen(
        gate.onClose(close, Connected.viewOf(connection), attempt.watch),
        Effect.suspend(() => attempt.endLife())
      )
    )
  }

  /** Closes a connection with a scope; a scope that outlives its connections keeps nothing of them. */
  private lease(connection: Connected, scope: Scope.Scope): void {
    const closed = hold(scope, connection, () => {
      forget()
      Connected.close(connection)
      return Effect.void
    })
    // A closed scope takes no more finalizers.
    if (closed !== undefined) return Connected.close(connection)
    const forget = Connected.onEnd(connection, () => release(scope, connection))
  }
}

const engines = new WeakMap<object, Engine>()

/** Notes the engine of an endpoint. */
export const noteEngine = <A extends object>(endpoint: A, engine: Engine): A => {
  engines.set(endpoint, engine)
  return endpoint
}

/** The engine of an endpoint. */
export const engineOf = (endpoint: object): Engine | undefined => engines.get(endpoint)
