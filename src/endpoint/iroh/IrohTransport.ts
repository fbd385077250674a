/**
 * A transport over iroh: QUIC between endpoints named by their keys, with relays where no direct way is found.
 *
 * 1. It needs the package `@number0/iroh`, which is native. It is loaded when an endpoint is bound: where it is missing, or the platform is not supported, that fails
 *    with a `BindError` that says what to do.
 * 2. Third parties learn nothing unless `relays` says so: the default uses neither relays nor a directory, only the addresses of a dial.
 * 3. A native call cannot be aborted. The late connection of an abandoned dial is closed with code 0; a stream or bytes are kept for the next reader.
 *    An unreachable peer costs iroh 30 seconds; the endpoint's user waits for `handshakeTimeout`.
 *    iroh remembers where it reached a peer: another dial may go there too, whatever its addresses.
 * 4. An ignored peer knocks again each time that it repeats its first packet. Retry is there once, for an unproven address.
 * 5. A connection's `stats` count the bytes of its streams and datagrams.
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

import type { Alpn } from "../Alpn.ts"
import { Datagrams } from "../Datagrams.ts"
import type { EndpointAddr } from "../EndpointAddr.ts"
import {
  AddressInUse,
  BindError,
  ConnectError,
  EndpointClosed,
  InvalidAddress,
  TransportError
} from "../EndpointError.ts"
import { EndpointId } from "../EndpointId.ts"
import { datagramsOf, EndpointTransport } from "../EndpointTransport.ts"
import type { BindOptions, BoundEndpoint, Done, Incoming, TransportConnection } from "../EndpointTransport.ts"
import type { SecretKey } from "../SecretKey.ts"
import { load } from "./Binding.ts"
import type { Binding } from "./Binding.ts"
import { NativeConnection } from "./NativeConnection.ts"
import type { NativeInfo } from "./NativeConnection.ts"
import { acceptError, connectError, textOf } from "./NativeText.ts"

/**
 * Options of `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface LayerOptions {
  /**
   * The addresses to bind to, one of IPv4 and one of IPv6 at most: `0.0.0.0:4433`, `[::1]:0`. A missing family is bound to all its addresses, so that an
   * endpoint for this machine only names both: `127.0.0.1:0` and `[::1]:0`. Default: all addresses, at any port.
   */
  readonly bindAddresses?: ReadonlyArray<string>
  /** The key that the endpoint's id comes from. Default: a new one each time. */
  readonly secretKey?: SecretKey
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

/** Why a bind failed. An unknown text is the transport's failure, with its words. */
const fault =
  ({ bindAddresses = [] }: LayerOptions) =>
  (cause: unknown): BindError => {
    const text = textOf(cause)
    const address =
      bindAddresses.find((one) => text.includes(`"${one}"`)) ?? bindAddresses.find((one) => !isBindable(one))
    if (/invalid socket address|invalid IP address/i.test(text) && address !== undefined) {
      return new BindError({ reason: new InvalidAddress({ address, cause }) })
    }
    if (/address already in use|AddrInUse/i.test(text)) {
      return new BindError({ reason: new AddressInUse({ addresses: bindAddresses, cause }) })
    }
    return new BindError({
      reason: new TransportError({ description: `The endpoint cannot be bound: ${text}`, cause })
    })
  }

const isBindable = (address: string): boolean => /^(\d+(\.\d+){3}|\[[\da-f:.]+\]):\d{1,5}$/i.test(address)

const usesRelays = ({ relays = "none" }: LayerOptions): boolean => relays !== "none"

const isRelay = (address: string): boolean => address.includes("://")

const build = (iroh: Binding, options: LayerOptions, alpns: ReadonlyArray<Alpn>): Iroh.EndpointBuilder => {
  const { relays = "none" } = options
  const builder = iroh.Endpoint.builder()
  if (relays === "n0") builder.applyN0()
  else {
    builder.applyMinimal()
    builder.relayMode(relays === "none" ? iroh.RelayMode.disabled() : iroh.RelayMode.customFromUrls([...relays]))
  }
  for (const address of options.bindAddresses ?? []) builder.bindAddr(address)
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
  started: Promise<Iroh.Connection>,
  carried: (native: Iroh.Connection) => TransportConnection,
  failed: (cause: unknown) => ConnectError,
  done: Done
): (() => void) => {
  let isGivenUp = false
  started.then(
    (native) => (isGivenUp ? native.close(0n, []) : done(Exit.succeed(carried(native)))),
    (cause) => {
      if (!isGivenUp) done(Exit.fail(failed(cause)))
    }
  )
  return () => {
    isGivenUp = true
  }
}

/** The address of the last dial, as the binding takes it: reading an id costs more than the rest of a dial, and a peer is often dialled again. */
class Addresses {
  private readonly iroh: Binding
  private readonly usesRelays: boolean
  private last: { readonly id: string; readonly addrs: string; readonly native: Iroh.EndpointAddr } | undefined

  constructor(iroh: Binding, usesRelays: boolean) {
    this.iroh = iroh
    this.usesRelays = usesRelays
  }

  native({ addrs, id }: EndpointAddr): Iroh.EndpointAddr {
    const key = addrs.join()
    if (this.last?.id === id && this.last.addrs === key) return this.last.native
    const direct = addrs.filter((address) => !isRelay(address))
    // Where relays are not used one would be waited for in vain.
    const relay = this.usesRelays ? addrs.find(isRelay) : undefined
    const native = new this.iroh.EndpointAddr(this.iroh.EndpointId.fromString(id), relay, direct)
    this.last = { id, addrs: key, native }
    return native
  }
}

/** The protocols of a bound endpoint, made once: most connections have the same. */
class Names {
  private alpns: ReadonlyArray<Alpn> = []

  alpn(bytes: ReadonlyArray<number>): Alpn {
    const known = this.alpns.find(
      (alpn) => alpn.length === bytes.length && alpn.every((byte, at) => byte === bytes[at])
    )
    return known ?? (Uint8Array.from(bytes) as Alpn)
  }

  accept(alpns: ReadonlyArray<Alpn>): void {
    this.alpns = alpns
  }
}

const boundTo = (
  iroh: Binding,
  native: Iroh.Endpoint,
  options: LayerOptions,
  bindOptions: BindOptions
): BoundEndpoint => {
  const id = EndpointId.make(native.id().toString())
  const open = new Set<NativeConnection>()
  const names = new Names()
  const addresses = new Addresses(iroh, usesRelays(options))
  names.accept(bindOptions.alpns)
  // The binding's default need not be set, which would cost each connection two calls into it.
  const maxStreams = options.maxStreams === undefined ? undefined : BigInt(options.maxStreams)
  const limited = (connection: Iroh.Connection): Iroh.Connection => {
    if (maxStreams !== undefined) {
      connection.setMaxConcurrentBiStreams(maxStreams)
      connection.setMaxConcurrentUniStreams(maxStreams)
    }
    return connection
  }

  const gone = new ConnectError({ reason: new EndpointClosed({}) })
  let closed = false
  const dial: BoundEndpoint["dial"] = (addr, alpn, done) => {
    if (closed) {
      done(Exit.fail(gone))
      return () => {}
    }
    const connect = async () => native.connect(addresses.native(addr), Array.from(alpn))
    // The handshake has proven the id, and that the peer speaks the protocol.
    const info: NativeInfo = {
      remoteId: () => addr.id,
      alpn: () => alpn,
      side: "dialer",
      address: addr.addrs[0] ?? addr.id
    }
    return handshake(
      connect(),
      (connection) => new NativeConnection(limited(connection), info, open),
      (cause) => (closed ? gone : connectError(cause, addr.id, alpn)),
      done
    )
  }

  const accepted = (connection: Iroh.Connection, address: string | undefined): TransportConnection =>
    new NativeConnection(
      limited(connection),
      {
        remoteId: () => EndpointId.make(connection.remoteId().toString()),
        alpn: () => names.alpn(connection.alpn()),
        side: "acceptor",
        address
      },
      open
    )

  const { inspects = true, onIncoming } = bindOptions

  const accepting = async (): Promise<void> => {
    for (;;) {
      const incoming = await native.acceptNext()
      if (incoming === null || closed) return
      if (inspects) void inspected(incoming, accepted).then(onIncoming)
      else onIncoming(knocking(incoming, accepted))
    }
  }
  if (bindOptions.alpns.length > 0) void accepting()

  return {
    id,
    addr: () => addrOf(native, id),
    finds: options.relays === "n0",
    dial,
    setAlpns(alpns) {
      names.accept(alpns)
      native.setAlpns(alpns.map((alpn) => Array.from(alpn)))
    },
    close: Effect.promise(async () => {
      closed = true
      const heard = Array.from(open, (connection) => {
        connection.leave()
        return connection.heard
      })
      await native.close()
      // The binding may be closed before it reports the ends of the connections.
      await Promise.all(heard)
    })
  }
}

type Carry = (native: Iroh.Connection, address: string | undefined) => TransportConnection

const inspected = async (incoming: Iroh.Incoming, carried: Carry): Promise<Incoming> => {
  const [remote, validated] = await Promise.all([incoming.remoteAddr(), incoming.remoteAddrValidated()])
  return knocking(incoming, carried, remote.addr ?? remote.description ?? remote.kind, validated)
}

const knocking = (incoming: Iroh.Incoming, carried: Carry, address?: string, validated = false): Incoming => {
  // The first decision stays.
  const decide = (decision: () => Promise<void>) => () => void decision().catch(() => {})
  return {
    address: address ?? "",
    validated,
    accept: (done) =>
      handshake(
        incoming.accept().then((accepting) => accepting.connect()),
        (native) => carried(native, address),
        acceptError,
        done
      ),
    refuse: decide(() => incoming.refuse()),
    ignore: decide(() => incoming.ignore()),
    retry: validated ? undefined : decide(() => incoming.retry())
  }
}

const transport = (options: LayerOptions): Layer.Layer<EndpointTransport> =>
  Layer.succeed(EndpointTransport, {
    bind: (bindOptions) =>
      Effect.gen(function* () {
        const iroh = yield* load()
        const builder = yield* Effect.try({
          try: () => build(iroh, options, bindOptions.alpns),
          catch: fault(options)
        })
        const native = yield* Effect.acquireRelease(
          Effect.tryPromise({ try: () => builder.bind(), catch: fault(options) }),
          (native) => Effect.promise(() => native.close())
        )
        if (usesRelays(options)) {
          yield* Effect.timeoutOption(
            Effect.promise(() => native.online()),
            options.relayTimeout ?? "10 seconds"
          )
        }
        const bound = boundTo(iroh, native, options, bindOptions)
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
 * import { Alpn, Endpoint } from "fairlead/endpoint"
 * import { IrohTransport } from "fairlead/endpoint/iroh"
 *
 * const endpoint = Endpoint.layer({ alpns: [Alpn.fromString("chat/1")] }).pipe(
 *   Layer.provide(IrohTransport.layer({ bindAddresses: ["127.0.0.1:0", "[::1]:0"] }))
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: LayerOptions = {}): Layer.Layer<EndpointTransport | Datagrams> =>
  Layer.merge(
    Layer.succeed(
      Datagrams,
      datagramsOf((connection) => (connection instanceof NativeConnection ? connection.datagrams : undefined))
    ),
    transport(options)
  )
