/**
 * A connection as the application has it: its streams go through the hooks and end with their scopes. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Option from "effect/Option"
import * as Scope from "effect/Scope"

import type { Alpn } from "../Alpn.ts"
import type { CloseCode } from "../CloseCode.ts"
import type {
  BiStream,
  CloseReason,
  ConnectionInfo,
  EndpointConnection,
  Path,
  RecvStream,
  SendStream,
  Stats
} from "../EndpointConnection.ts"
import { StreamError } from "../EndpointError.ts"
import type { Rejected } from "../EndpointError.ts"
import type { StreamInfo } from "../EndpointHooks.ts"
import type { EndpointId } from "../EndpointId.ts"
import type { Source } from "../transport/Source.ts"
import { Carried } from "../transport/TransportConnection.ts"
import type {
  TransportBi,
  TransportConnection,
  TransportRecv,
  TransportSend
} from "../transport/TransportConnection.ts"
import { StreamAdmission } from "./Admission.ts"
import type { Attempt } from "./Attempt.ts"
import { codeOf, zero } from "./Codes.ts"
import type { Environment } from "./Environment.ts"
import type { Gate } from "./Gate.ts"
import { hold } from "./Holding.ts"
import { View } from "./View.ts"

/** Ends a kind of stream with its scope. */
type End<A> = (stream: A, code: CloseCode | undefined) => void

const endSend: End<TransportSend> = (send, code) => send.end(code)
const endRecv: End<TransportRecv> = (recv, code) => recv.end(code ?? zero)
const endBi: End<TransportBi> = ({ recv, send }, code) => {
  send.end(code)
  recv.end(code ?? zero)
}

const codeOfExit = (exit: Exit.Exit<unknown, unknown>): CloseCode | undefined =>
  Exit.isSuccess(exit) ? undefined : codeOf(exit.cause)

/** A connection with its hooks. */
export class Connected extends Carried implements EndpointConnection {
  readonly #transport: TransportConnection
  readonly #gate: Gate
  readonly #environment: Environment
  readonly #attempt: Attempt
  #view: View | undefined
  #bi: StreamAdmission<TransportBi> | undefined
  #uni: StreamAdmission<TransportRecv> | undefined

  constructor(transport: TransportConnection, gate: Gate, environment: Environment, attempt: Attempt) {
    super(transport)
    this.#transport = transport
    this.#gate = gate
    this.#environment = environment
    this.#attempt = attempt
  }

  /** The view of hooks and monitors: the same object each time. */
  static viewOf(connection: Connected): ConnectionInfo {
    return (connection.#view ??= new View(connection.#transport, connection.#attempt.dial))
  }

  /** Closes it with code 0. */
  static close(connection: Connected): void {
    connection.#transport.close(zero, "")
  }

  /** Runs an effect inside of the connection's flow. */
  static within<A, E, R>(connection: EndpointConnection, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const watch = #attempt in connection ? connection.#attempt.watch : undefined
    return watch === undefined ? effect : watch.within(effect)
  }

  static onEnd(connection: Connected, listener: () => void): () => void {
    return connection.#transport.onEnd(listener)
  }

  /** The connection has ended: nothing waits in it any more. */
  static end(connection: Connected): void {
    connection.#bi?.end()
    connection.#uni?.end()
  }

  get remoteId(): EndpointId {
    return this.#transport.remoteId
  }

  get alpn(): Alpn {
    return this.#transport.alpn
  }

  get side(): ConnectionInfo["side"] {
    return this.#transport.side
  }

  get remoteAddress(): string {
    return this.#transport.remoteAddress
  }

  get rtt(): Effect.Effect<Option.Option<Duration.Duration>> {
    return Connected.viewOf(this).rtt
  }

  get paths(): Effect.Effect<ReadonlyArray<Path>> {
    return Connected.viewOf(this).paths
  }

  get stats(): Effect.Effect<Stats> {
    return Connected.viewOf(this).stats
  }

  get close(): (code: CloseCode, reason: string) => Effect.Effect<void> {
    return Connected.viewOf(this).close
  }

  get closed(): Effect.Effect<CloseReason> {
    return Effect.callback((resume) => {
      const forget = this.#transport.onEnd((reason) => resume(Exit.succeed(reason)))
      return Effect.sync(forget)
    })
  }

  get openBi(): Effect.Effect<BiStream, StreamError, Scope.Scope> {
    return this.#opened("bi", this.#transport.openBi, endBi)
  }

  get openUni(): Effect.Effect<SendStream, StreamError, Scope.Scope> {
    return this.#opened("uni", this.#transport.openUni, endSend)
  }

  get acceptBi(): Effect.Effect<BiStream, StreamError, Scope.Scope> {
    const { acceptBi } = this.#transport
    if (!this.#gate.seesStreams) return this.#accepted(acceptBi, endBi)
    return this.#admitted((this.#bi ??= this.#admission("bi", acceptBi, endBi)), endBi)
  }

  get acceptUni(): Effect.Effect<RecvStream, StreamError, Scope.Scope> {
    const { acceptUni } = this.#transport
    if (!this.#gate.seesStreams) return this.#accepted(acceptUni, endRecv)
    return this.#admitted((this.#uni ??= this.#admission("uni", acceptUni, endRecv)), endRecv)
  }

  #ask(stream: StreamInfo, scope: Scope.Scope): Effect.Effect<unknown, Rejected> {
    return this.#gate.onStreamOpen(stream, Connected.viewOf(this), scope, this.#attempt.watch)
  }

  #opened<A extends object>(
    kind: StreamInfo["kind"],
    source: Source<A, StreamError>,
    end: End<A>
  ): Effect.Effect<A, StreamError, Scope.Scope> {
    if (!this.#gate.seesStreams) return this.#accepted(source, end)
    return Effect.flatMap(Effect.scope, (scope) =>
      // The scope of the hooks ends with the stream, or with the attempt to open it.
      Effect.suspend(() => {
        const hooks = Scope.forkUnsafe(scope)
        return this.#ask({ kind, initiator: "local" }, hooks).pipe(
          Effect.mapError((reason) => new StreamError({ reason })),
          Effect.andThen(this.#taken(source, scope, end)),
          Effect.onError((cause) => Scope.close(hooks, Exit.failCause(cause)))
        )
      })
    )
  }

  #accepted<A extends object>(source: Source<A, StreamError>, end: End<A>): Effect.Effect<A, StreamError, Scope.Scope> {
    return Effect.flatMap(Effect.scope, (scope) => this.#taken(source, scope, end))
  }

  /** Takes a stream into a scope, in one step: it ends as the scope ends. `after` closes the scope of its hooks. */
  #taken<A extends object>(
    source: Source<A, StreamError>,
    scope: Scope.Scope,
    end: End<A>,
    after?: (stream: A, exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void> | undefined
  ): Effect.Effect<A, StreamError> {
    return source.take((stream) => {
      const finalize = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> => {
        end(stream, codeOfExit(exit))
        return after?.(stream, exit) ?? Effect.void
      }
      const ended = hold(scope, stream, finalize)
      if (ended !== undefined) this.#environment.fork(finalize(ended))
    })
  }

  #admitted<A extends object>(admission: StreamAdmission<A>, end: End<A>): Effect.Effect<A, StreamError, Scope.Scope> {
    return Effect.flatMap(Effect.scope, (scope) =>
      this.#taken(admission.source, scope, end, (stream, exit) => admission.endOf(stream, exit))
    )
  }

  #admission<A extends object>(
    kind: StreamInfo["kind"],
    arriving: Source<A, StreamError>,
    end: End<A>
  ): StreamAdmission<A> {
    const ask = (scope: Scope.Scope) => this.#ask({ kind, initiator: "remote" }, scope)
    return new StreamAdmission(arriving, ask, end, (effect) => this.#environment.fork(effect))
  }
}
