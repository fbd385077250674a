/**
 * Authenticates peers by a token, over a separate protocol, so that the other protocols know nothing of it.
 *
 * **Example** (Both sides)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { Alpn, Endpoint, HookChain, ProtocolRouter } from "fairlead/endpoint"
 * import { preAuthAcceptor, preAuthDialer } from "fairlead/endpoint/hooks"
 *
 * const auth = preAuthAcceptor({ verify: (token) => Redacted.value(token) === "s3cret" })
 *
 * const router = ProtocolRouter.make("peers")
 *   .route(auth.alpn, auth.handler)
 *   .route(Alpn.fromString("hello/1"), ({ remoteId }) => Effect.log(`${remoteId} has shown the token`))
 * const accepting = ProtocolRouter.layer(router, { hooks: HookChain.make("peers").use(auth.hooks) })
 *
 * const hooks = HookChain.make("dials").use(preAuthDialer({ token: Redacted.make("s3cret") }))
 * const dialling = Endpoint.layer({ alpns: [], hooks })
 * ```
 *
 * Rules:
 *
 * 1. The acceptor closes connections of all other protocols with 403 "not authenticated", unless the peer has authenticated before.
 * 2. The dialer authenticates before a dial. Dials to one peer at a time share one attempt; a success is kept for `timeToLive`, a failure is not kept.
 * 3. The authentication is of the proven id of the peer, for all its connections, on one endpoint: make one value for each.
 * 4. A dialer whose connection is closed with 403 "not authenticated" though it had authenticated, such as by a restarted peer, authenticates again at its next dial.
 * 5. When the peer closes the authentication's connection, the dial is rejected with the peer's own code and reason.
 * 6. The token is sent only to the dialled id, over a connection that has proven it. It is never part of an error or of a log.
 *
 * Gotchas: with a `circuitBreaker` after it, `timeout` has to be longer than the endpoint's `handshakeTimeout`: a dial that the hook's own time-out cuts short says nothing about
 * the peer.
 *
 * Order: after what rejects at less cost, such as lists and limits. `preAuthDialer` and `preAuthAcceptor` in one chain authenticate both ways.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"

import * as Held from "../../core/Held.ts"
import { Keyed } from "../../core/Keyed.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type { OptionChecks } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import type { Declared, Is, Yields } from "../../core/Types.ts"
import { equals, fromString } from "../Alpn.ts"
import type { Alpn } from "../Alpn.ts"
import type { EndpointAddr } from "../EndpointAddr.ts"
import type { ConnectionInfo, EndpointConnection, RecvStream } from "../EndpointConnection.ts"
import type { ConnectError, StreamError } from "../EndpointError.ts"
import * as EndpointHooks from "../EndpointHooks.ts"
import type { EndpointId } from "../EndpointId.ts"

/**
 * The default protocol by which peers authenticate.
 *
 * @category constants
 * @since 0.1.0
 */
export const preAuthAlpn: Alpn = fromString("fairlead/pre-auth/1")

const notAuthenticated = "not authenticated"

/** The longest token, in bytes. */
const maxToken = 4096

/**
 * Options of both sides.
 *
 * @category models
 * @since 0.1.0
 */
export interface PreAuthOptions {
  /** The name of the hooks. Default: `preAuthDialer`, `preAuthAcceptor`. */
  readonly name?: string
  /** The protocol. Default: `preAuthAlpn`. */
  readonly alpn?: Alpn
  /** How long a success counts. Default: 1 hour. */
  readonly timeToLive?: Duration.Input
  /** How many peers are remembered; the one that was not used for longest is forgotten. Default: 10,000. */
  readonly maxKeys?: number
  /** How long it may take. Default: 10 seconds. */
  readonly timeout?: Duration.Input
}

const known = (check: OptionChecks, { maxKeys, timeToLive }: PreAuthOptions): Keyed<EndpointId, true> =>
  new Keyed({
    maxKeys: check.maximum("maxKeys", maxKeys ?? 10_000),
    timeToLive: check.duration("timeToLive", timeToLive ?? "1 hour", { infinite: true })
  })

/**
 * Options of `preAuthDialer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface PreAuthDialerOptions extends PreAuthOptions {
  /** The token to show: at most 4096 bytes in UTF-8. */
  readonly token: Redacted.Redacted
}

const rejected = (reason: string, cause?: unknown) => new Reject({ reason, cause })

/** The peer's own answer, where it sent one. */
const answerOf = (error: ConnectError | StreamError, otherwise: string): Reject => {
  const { reason } = error
  if (reason._tag !== "ConnectionEnded" || reason.closeReason._tag !== "ApplicationClosed") {
    return rejected(otherwise, error)
  }
  const { code, reason: text } = reason.closeReason
  const status = code >= 400n && code < 600n ? Number(code) : 403
  return new Reject({ reason: text === "" ? otherwise : text, status, closeCode: code, cause: error })
}

/** Shows the token; the peer answers with one byte. */
const authenticate = (
  addr: EndpointAddr,
  protocol: Alpn,
  token: Uint8Array
): Effect.Effect<void, Reject, EndpointHooks.Dial> =>
  Effect.gen(function* () {
    const dial = yield* EndpointHooks.Dial
    const connection = yield* Effect.mapError(dial(addr, protocol), (error) =>
      answerOf(error, "the authentication found nobody")
    )
    const answer = yield* Effect.flatMap(connection.openBi, ({ recv, send }) =>
      send.write(token).pipe(Effect.andThen(send.finish), Effect.andThen(recv.read(1)))
    ).pipe(Effect.mapError((error) => answerOf(error, "the peer did not answer the authentication")))
    const isGood = Option.isSome(answer) && answer.value[0] === 1
    yield* isGood ? Effect.void : Effect.fail(rejected("the peer did not accept the token"))
  }).pipe(Effect.scoped)

/**
 * Authenticates before each dial.
 *
 * @category hooks
 * @since 0.1.0
 */
export const preAuthDialer = (options: PreAuthDialerOptions): EndpointHooks.EndpointHooks => {
  const { alpn: protocol = preAuthAlpn } = options
  const name = nameOr("preAuthDialer", options.name)
  const check = checkOptions(name)
  const timeout = check.duration("timeout", options.timeout ?? "10 seconds", { infinite: true })
  const token = new TextEncoder().encode(Redacted.value(options.token))
  if (token.length > maxToken) throw check.invalid("token", `it has more than ${maxToken} bytes: use a shorter one`)
  const authenticated = known(check, options)
  const attempts = new Held.Flights<EndpointId, void, Reject>()

  return EndpointHooks.make(name, {
    timeout,
    beforeConnect: ({ addr, alpn }) =>
      equals(alpn, protocol)
        ? Effect.void
        : Effect.flatMap(Clock.currentTimeMillis, (now) =>
            authenticated.get(addr.id, now) === true
              ? Effect.void
              : attempts.join(
                  addr.id,
                  Effect.tap(authenticate(addr, protocol, token), () =>
                    Effect.map(Clock.currentTimeMillis, (then) => authenticated.set(addr.id, true, then))
                  )
                )
          ),
    onClose({ reason }, { remoteId, side }) {
      if (side !== "dialer" || reason._tag !== "ApplicationClosed") return
      if (reason.code === 403n && reason.reason === notAuthenticated) authenticated.delete(remoteId)
    }
  })
}

/**
 * Options of `preAuthAcceptor`.
 *
 * @category models
 * @since 0.1.0
 */
export interface PreAuthAcceptorOptions<A> extends PreAuthOptions {
  /** Whether the token is good for the peer: `true`, `false`, or an Effect of one, that cannot fail. */
  readonly verify: (
    token: Redacted.Redacted,
    peer: ConnectionInfo
  ) => A & Is<A, boolean | Yields<boolean>, "returns neither true nor false"> & Declared<A, never>
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
  readonly handler: (connection: EndpointConnection) => Effect.Effect<void, Reject, R>
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
 * Admits only peers that have authenticated.
 *
 * @category hooks
 * @since 0.1.0
 */
export const preAuthAcceptor = <A>(
  options: PreAuthAcceptorOptions<A>
): PreAuthAcceptor<Exclude<Effect.Services<A>, Scope.Scope>> => {
  const { alpn: protocol = preAuthAlpn, verify } = options
  const name = nameOr("preAuthAcceptor", options.name)
  const check = checkOptions(name)
  const timeout = check.duration("timeout", options.timeout ?? "10 seconds", { infinite: true })
  const authenticated = known(check, options)

  const answer = (connection: EndpointConnection) =>
    Effect.gen(function* () {
      const { recv, send } = yield* connection.acceptBi
      const token = yield* readToken(recv)
      const out: unknown = verify(token, connection)
      const isGood = (Effect.isEffect(out) ? yield* out as Effect.Effect<unknown> : out) === true
      if (isGood) authenticated.set(connection.remoteId, true, yield* Clock.currentTimeMillis)
      yield* send.write(Uint8Array.of(isGood ? 1 : 0))
      yield* send.finish
    }).pipe(
      Effect.scoped,
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () => new Reject({ reason: "the authentication took too long" })
      }),
      // A peer that leaves in the middle is not authenticated, and gets no answer.
      Effect.catchTag("StreamError", () => Effect.void)
    )

  return {
    alpn: protocol,
    handler: answer,
    hooks: EndpointHooks.make(name, {
      afterHandshake: ({ alpn, remoteId, side }) =>
        side === "dialer" || equals(alpn, protocol)
          ? Effect.void
          : Effect.flatMap(Clock.currentTimeMillis, (now) =>
              authenticated.get(remoteId, now) === true ? Effect.void : Effect.fail(rejected(notAuthenticated))
            )
    })
  }
}
