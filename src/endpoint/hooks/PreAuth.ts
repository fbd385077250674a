/**
 * Authenticates peers by a token, over a protocol of its own, so that the protocols behind it know nothing of it.
 *
 * 1. The acceptor closes connections of all other protocols with 403 "not authenticated", unless the peer has authenticated before.
 * 2. The dialer authenticates ahead of a dial. Dials to one peer at a time share one attempt; a success is kept for `ttl`, a failure is not kept.
 * 3. What is authenticated is the proven id of the peer, for all its connections, on one endpoint: make one value for each.
 * 4. A dialer that is told 403 though it had authenticated, such as by a peer that was started anew, authenticates again at its next dial.
 * 5. The token is sent to whoever has the id that is dialled, over a connection that has proven it. It is never part of an error or of a log.
 *
 * Place: behind what rejects at less cost, such as lists and limits. `dialer` and `acceptor` in one chain authenticate both ways.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"

import type { Declared, Is, Yields } from "../../core/Types.ts"
import type { Connection, Info, RecvStream } from "../Connection.ts"
import * as EndpointHooks from "../EndpointHooks.ts"
import { Reject } from "../Errors.ts"
import type { StreamError } from "../Errors.ts"
import { alpn, closeCode, sameAlpn } from "../Identity.ts"
import type { Alpn, EndpointAddr, EndpointId } from "../Identity.ts"

/**
 * The protocol by which peers authenticate, unless another is given.
 *
 * @category constants
 * @since 0.1.0
 */
export const preAuthAlpn: Alpn = alpn("fairlead/pre-auth/1")

const notAuthenticated = "not authenticated"

const forbidden = closeCode(403)

/** The longest token, in bytes. */
const maxToken = 4096

/** Ids, each until a time; the oldest give way when there are too many. */
class Known<A> {
  private readonly entries = new Map<EndpointId, A>()
  private readonly capacity: number

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get(id: EndpointId): A | undefined {
    return this.entries.get(id)
  }

  set(id: EndpointId, value: A): void {
    this.entries.delete(id)
    this.entries.set(id, value)
    const [oldest] = this.entries.keys()
    if (this.entries.size > this.capacity && oldest !== undefined) this.entries.delete(oldest)
  }

  delete(id: EndpointId): void {
    this.entries.delete(id)
  }
}

/**
 * Options of both sides.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The protocol. Default: `preAuthAlpn`. */
  readonly alpn?: Alpn
  /** How long a success counts. Default: 1 hour. */
  readonly ttl?: Duration.Input
  /** How many peers are remembered; the oldest are forgotten. Default: 10,000. */
  readonly capacity?: number
  /** How long it may take. Default: 10 seconds. */
  readonly timeout?: Duration.Input
}

/**
 * Options of `preAuthDialer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DialerOptions extends Options {
  /** What to show: at most 4096 bytes in UTF-8. */
  readonly token: Redacted.Redacted
}

const rejected = (reason: string, cause?: unknown) => new Reject({ code: forbidden, reason, cause })

/** Shows the token; the peer answers with one byte. */
const authenticate = (
  addr: EndpointAddr,
  protocol: Alpn,
  token: Uint8Array
): Effect.Effect<void, Reject, EndpointHooks.Dial> =>
  Effect.gen(function* () {
    const dial = yield* EndpointHooks.Dial
    const connection = yield* Effect.mapError(dial(addr, protocol), (error) =>
      rejected("the authentication found nobody", error)
    )
    const answer = yield* Effect.flatMap(connection.openBi, ({ recv, send }) =>
      send.write(token).pipe(Effect.andThen(send.finish), Effect.andThen(recv.read(1)))
    ).pipe(Effect.mapError((error) => rejected("the peer did not answer the authentication", error)))
    const good = Option.isSome(answer) && answer.value[0] === 1
    yield* good ? Effect.void : Effect.fail(rejected("the peer did not accept the token"))
  }).pipe(Effect.scoped)

/** The authentication with a peer, for all who dial it. */
interface Shared {
  /** Where it was dialled last: an attempt that follows a failure goes there. */
  addr: EndpointAddr
  once: Effect.Effect<void, Reject, EndpointHooks.Dial>
}

/**
 * Authenticates ahead of each dial.
 *
 * **Example** (The side that dials)
 *
 * ```ts
 * import { Redacted } from "effect"
 * import { Endpoint, HookChain } from "fairlead/endpoint"
 * import { preAuthDialer } from "fairlead/endpoint/hooks"
 *
 * const hooks = HookChain.make("dials").use(preAuthDialer({ token: Redacted.make("s3cret") }))
 * const live = Endpoint.layer({ alpns: [], hooks })
 * ```
 *
 * @category hooks
 * @since 0.1.0
 */
export const preAuthDialer = ({
  alpn: protocol = preAuthAlpn,
  capacity = 10_000,
  timeout = "10 seconds",
  token,
  ttl = "1 hour"
}: DialerOptions): EndpointHooks.EndpointHooks => {
  const bytes = new TextEncoder().encode(Redacted.value(token))
  if (bytes.length > maxToken) throw new TypeError(`preAuthDialer: the token has more than ${maxToken} bytes`)
  const attempts = new Known<Shared>(capacity)
  const share = (addr: EndpointAddr) => {
    const shared: Shared = { addr, once: Effect.void }
    const attempt = Effect.suspend(() => authenticate(shared.addr, protocol, bytes))
    return Effect.flatMap(
      Effect.cachedWithTTL(attempt, (exit) => (Exit.isSuccess(exit) ? ttl : 0)),
      (once) => {
        shared.once = once
        attempts.set(addr.id, shared)
        return once
      }
    )
  }
  return EndpointHooks.make("pre-auth-dialer", {
    timeout,
    beforeConnect: (addr, alpn) =>
      sameAlpn(alpn, protocol)
        ? Effect.void
        : Effect.suspend(() => {
            const shared = attempts.get(addr.id)
            if (shared === undefined) return share(addr)
            shared.addr = addr
            return shared.once
          }),
    onClose({ remoteId, side }, reason) {
      if (side !== "dialer" || reason._tag !== "Application") return
      if (reason.code === forbidden && reason.reason === notAuthenticated) attempts.delete(remoteId)
    }
  })
}

/**
 * Options of `preAuthAcceptor`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AcceptorOptions<A> extends Options {
  /** Whether the token is good for the peer: `true`, `false`, or an Effect of one, that cannot fail. */
  readonly verify: (
    token: Redacted.Redacted,
    peer: Info
  ) => A & Is<A, boolean | Yields<boolean>, "gives neither true nor false"> & Declared<A, never>
}

/**
 * The accepting side: hooks for the chain, and the protocol for the router.
 *
 * @category models
 * @since 0.1.0
 */
export interface PreAuthAcceptor<R> {
  readonly hooks: EndpointHooks.EndpointHooks
  readonly alpn: Alpn
  readonly handler: (connection: Connection) => Effect.Effect<void, Reject, R>
}

/** Reads the token, and no more than a token may have. */
const readToken = (recv: RecvStream): Effect.Effect<Redacted.Redacted, StreamError | Reject> =>
  Effect.gen(function* () {
    const bytes = new Uint8Array(maxToken)
    let size = 0
    for (let next = yield* recv.read(); Option.isSome(next); next = yield* recv.read()) {
      if (size + next.value.length > maxToken) return yield* new Reject({ reason: "the token is too long" })
      bytes.set(next.value, size)
      size += next.value.length
    }
    return Redacted.make(new TextDecoder().decode(bytes.subarray(0, size)))
  })

/**
 * Lets in only peers that have authenticated.
 *
 * **Example** (The side that accepts)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { HookChain, Identity, ProtocolRouter } from "fairlead/endpoint"
 * import { preAuthAcceptor } from "fairlead/endpoint/hooks"
 *
 * const auth = preAuthAcceptor({ verify: (token) => Redacted.value(token) === "s3cret" })
 *
 * const router = ProtocolRouter.make("peers")
 *   .route(auth.alpn, auth.handler)
 *   .route(Identity.alpn("hello/1"), ({ remoteId }) => Effect.log(`${remoteId} has shown the token`))
 *
 * const live = ProtocolRouter.layer(router, { hooks: HookChain.make("peers").use(auth.hooks) })
 * ```
 *
 * @category hooks
 * @since 0.1.0
 */
export const preAuthAcceptor = <A>({
  alpn: protocol = preAuthAlpn,
  capacity = 10_000,
  timeout = "10 seconds",
  ttl = "1 hour",
  verify
}: AcceptorOptions<A>): PreAuthAcceptor<Exclude<Effect.Services<A>, Scope.Scope>> => {
  const known = new Known<number>(capacity)
  const lasts = Duration.toMillis(Duration.fromInputUnsafe(ttl))

  const answer = (connection: Connection) =>
    Effect.gen(function* () {
      const { recv, send } = yield* connection.acceptBi
      const token = yield* readToken(recv)
      const out: unknown = verify(token, connection)
      const good = Effect.isEffect(out) ? yield* out as Effect.Effect<unknown> : out
      if (good === true) known.set(connection.remoteId, (yield* Clock.currentTimeMillis) + lasts)
      yield* send.write(Uint8Array.of(good === true ? 1 : 0))
      yield* send.finish
    }).pipe(
      Effect.scoped,
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () => new Reject({ reason: "the authentication took too long" })
      }),
      // Who goes away in the middle is not authenticated: there is nobody left to tell.
      Effect.catchTag("StreamError", () => Effect.void)
    )

  return {
    alpn: protocol,
    handler: answer,
    hooks: EndpointHooks.make("pre-auth-acceptor", {
      afterHandshake: ({ alpn, remoteId, side }) =>
        side === "dialer" || sameAlpn(alpn, protocol)
          ? Effect.void
          : Effect.flatMap(Clock.currentTimeMillis, (now) => {
              if (now < (known.get(remoteId) ?? 0)) return Effect.void
              known.delete(remoteId)
              return Effect.fail(rejected(notAuthenticated))
            })
    })
  }
}
