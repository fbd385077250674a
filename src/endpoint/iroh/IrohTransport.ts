/**
 * A transport over iroh: QUIC between endpoints that are named by their keys, with relays where no direct way is found.
 *
 * 1. It needs the package `@number0/iroh`, which is native. It is loaded when an endpoint is bound: where it is missing, or the platform is not supported, that fails
 *    with a `BindError` that says what to do.
 * 2. Nothing is told to third parties unless `relays` says so: the default uses neither relays nor a directory, only the addresses it is given.
 * 3. A native call cannot be aborted. What a dial gives when nobody waits for it any more is closed with code 0; a stream or bytes are kept for the next who asks.
 *    An unreachable peer costs iroh 30 seconds; the endpoint's `handshakeTimeout` is what its user waits.
 *    iroh remembers where it reached a peer: another dial may go there too, whatever addresses it is given.
 * 4. A peer that is ignored knocks again each time that it repeats its first packet. Retry is there once, for an address that is not proven.
 * 5. What a connection's `stats` count is the bytes of its streams and datagrams.
 * 6. Closing takes milliseconds, with a dial under way up to 3 seconds. A program ends when its endpoints are closed, not before.
 *
 * Where it works: Node.
 *
 * @since 0.1.0
 */
import type * as Iroh from "@number0/iroh"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"

import { Datagrams, fromTransport } from "../Datagrams.ts"
import { BindError, ConnectError, EndpointClosed } from "../Errors.ts"
import { EndpointId } from "../Identity.ts"
import type { Alpn, EndpointAddr } from "../Identity.ts"
import { Transport } from "../Transport.ts"
import type { Bound, Carried, Knock } from "../Transport.ts"
import { load } from "./Binding.ts"
import type { Binding } from "./Binding.ts"
import { carry, channelOf } from "./NativeConnection.ts"
import { acceptError, connectError, textOf } from "./NativeText.ts"
import { Outstanding } from "./Outstanding.ts"

/**
 * Options of `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * The addresses to bind to, one of IPv4 and one of IPv6 at most: `0.0.0.0:4433`, `[::1]:0`. A family that is not named is bound to all its addresses, so that an
   * endpoint for this machine only names both: `127.0.0.1:0` and `[::1]:0`. Default: all addresses, at any port.
   */
  readonly bind?: ReadonlyArray<string>
  /** The 32 bytes of the Ed25519 key that the endpoint's id comes from. Default: a new one each time. */
  readonly secretKey?: Redacted.Redacted<Uint8Array>
  /**
   * Who helps where no direct way is found: nobody; the public relays and the directory of n0, the makers of iroh; or relays of one's own, by their URLs. Default:
   * `none`.
   */
  readonly relays?: "none" | "n0" | ReadonlyArray<string>
  /** How long binding waits for a relay, so that it is among the endpoint's addresses. Default: 10 seconds; it goes on without. */
  readonly relayTimeout?: Duration.Input
  /** How many streams of a kind a peer may have open. It may open 100 before a lower number counts. Default: 100. */
  readonly maxStreams?: number
}

const fault = (cause: unknown): BindError =>
  new BindError({ description: `The endpoint cannot be bound: ${textOf(cause)}`, cause })

const usesRelays = ({ relays = "none" }: Options): boolean => relays !== "none"

const isRelay = (address: string): boolean => address.includes("://")

const build = (iroh: Binding, options: Options, alpns: ReadonlyArray<Alpn>): Iroh.EndpointBuilder => {
  const { relays = "none" } = options
  const builder = iroh.Endpoint.builder()
  if (relays === "n0") builder.applyN0()
  else {
    builder.applyMinimal()
    builder.relayMode(relays === "none" ? iroh.RelayMode.disabled() : iroh.RelayMode.customFromUrls([...relays]))
  }
  for (const address of options.bind ?? []) builder.bindAddr(address)
  if (options.secretKey !== undefined) builder.secretKey(Array.from(Redacted.value(options.secretKey)))
  builder.alpns(alpns.map((alpn) => Array.from(alpn)))
  return builder
}

/** The address that others can dial. */
const addrOf = (native: Iroh.Endpoint, id: EndpointId): EndpointAddr => {
  const addr = native.addr()
  const relay = addr.relayUrl()
  return { id, addrs: [...addr.directAddresses(), ...(relay === null ? [] : [relay])] }
}

/** A handshake; one that nobody waits for any more is closed when it succeeds. */
const handshake = (
  start: () => Promise<Iroh.Connection>,
  carried: (native: Iroh.Connection) => Carried,
  failed: (cause: unknown) => ConnectError
): Effect.Effect<Carried, ConnectError> =>
  Effect.callback((resume) => {
    let waited = true
    start().then(
      (native) => {
        if (waited) resume(Effect.sync(() => carried(native)))
        else native.close(0n, [])
      },
      (cause) => resume(Effect.fail(failed(cause)))
    )
    return Effect.sync(() => {
      waited = false
    })
  })

const knocking = async (
  incoming: Iroh.Incoming,
  carried: (native: Iroh.Connection, address: string) => Carried
): Promise<Knock> => {
  const [remote, validated] = await Promise.all([incoming.remoteAddr(), incoming.remoteAddrValidated()])
  const address = remote.addr ?? remote.description ?? remote.kind
  // What was decided before stays so.
  const decide = (decision: () => Promise<void>) => Effect.promise(() => decision().catch(() => {}))
  return {
    address,
    validated,
    accept: handshake(
      async () => (await incoming.accept()).connect(),
      (native) => carried(native, address),
      acceptError
    ),
    refuse: decide(() => incoming.refuse()),
    ignore: decide(() => incoming.ignore()),
    retry: validated ? undefined : decide(() => incoming.retry())
  }
}

const boundTo = (iroh: Binding, native: Iroh.Endpoint, options: Options): Bound => {
  const id = EndpointId.make(native.id().toString())
  const open = new Set<Iroh.Connection>()
  // What the binding begins with need not be set, which would cost each connection two calls into it.
  const maxStreams = options.maxStreams === undefined ? undefined : BigInt(options.maxStreams)
  const carried = (side: Carried["side"]) => (connection: Iroh.Connection, address: string) => {
    if (maxStreams !== undefined) {
      connection.setMaxConcurrentBiStreams(maxStreams)
      connection.setMaxConcurrentUniStreams(maxStreams)
    }
    return carry(connection, side, address, open)
  }

  const gone = new ConnectError({ reason: new EndpointClosed({}) })
  let closed = false
  const dial: Bound["dial"] = (addr, alpn) =>
    Effect.suspend(() => {
      if (closed) return Effect.fail(gone)
      const direct = addr.addrs.filter((address) => !isRelay(address))
      // Where relays are not used one would be waited for in vain.
      const relay = usesRelays(options) ? addr.addrs.find(isRelay) : undefined
      return handshake(
        async () =>
          native.connect(new iroh.EndpointAddr(iroh.EndpointId.fromString(addr.id), relay, direct), Array.from(alpn)),
        (connection) => carried("dialer")(connection, addr.addrs[0] ?? addr.id),
        (cause) => (closed ? gone : connectError(cause, addr.id, alpn))
      )
    })

  const next = async (): Promise<Exit.Exit<Knock>> => {
    const incoming = await native.acceptNext()
    // A transport that is closed has no end of knocks: it has none.
    return incoming === null ? new Promise(() => {}) : Exit.succeed(await knocking(incoming, carried("acceptor")))
  }

  return {
    id,
    addr: addrOf(native, id),
    dial,
    knock: new Outstanding(next, "one").take,
    close: Effect.promise(() => {
      closed = true
      return native.close()
    })
  }
}

const transport = (options: Options): Layer.Layer<Transport> =>
  Layer.succeed(Transport, {
    bind: ({ alpns }) =>
      Effect.gen(function* () {
        const iroh = yield* load()
        const builder = yield* Effect.try({ try: () => build(iroh, options, alpns), catch: fault })
        const native = yield* Effect.acquireRelease(
          Effect.tryPromise({ try: () => builder.bind(), catch: fault }),
          (native) => Effect.promise(() => native.close())
        )
        if (usesRelays(options)) {
          yield* Effect.timeoutOption(
            Effect.promise(() => native.online()),
            options.relayTimeout ?? "10 seconds"
          )
        }
        const bound = boundTo(iroh, native, options)
        yield* Effect.addFinalizer(() => bound.close)
        return bound
      })
  })

/**
 * A transport over iroh, and its datagrams.
 *
 * **Example** (An endpoint for this machine only)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Endpoint, Identity } from "fairlead/endpoint"
 * import { IrohTransport } from "fairlead/endpoint/iroh"
 *
 * const endpoint = Endpoint.layer({ alpns: [Identity.alpn("chat/1")] }).pipe(
 *   Layer.provide(IrohTransport.layer({ bind: ["127.0.0.1:0", "[::1]:0"] }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<Transport | Datagrams> =>
  Layer.merge(Layer.succeed(Datagrams, fromTransport(channelOf)), transport(options))
