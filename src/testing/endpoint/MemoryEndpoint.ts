/**
 * An endpoint of the memory network: it dials, and others knock at it. Internal to the memory network.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { equals } from "../../endpoint/Alpn.ts"
import type { Alpn } from "../../endpoint/Alpn.ts"
import { make as closeCode } from "../../endpoint/CloseCode.ts"
import type { EndpointAddr } from "../../endpoint/EndpointAddr.ts"
import { CloseReason } from "../../endpoint/EndpointConnection.ts"
import {
  AlpnMismatch,
  ConnectError,
  ConnectionRefused,
  EndpointClosed,
  IdentityMismatch,
  TransportError
} from "../../endpoint/EndpointError.ts"
import type { EndpointId } from "../../endpoint/EndpointId.ts"
import type { BindOptions, BoundEndpoint, Done } from "../../endpoint/EndpointTransport.ts"
import { Carrier } from "./Carrier.ts"
import type { Bounds } from "./Carrier.ts"
import { Link } from "./Link.ts"
import type { Air } from "./Link.ts"

/** The network, as a node sees it. */
export interface Network {
  readonly air: Air
  readonly bounds: Bounds
  /** Whether endpoints find each other by their ids. */
  readonly finds: boolean
  /** Who is at an address. */
  readonly at: (address: string) => MemoryEndpoint | undefined
  readonly byId: (id: EndpointId) => MemoryEndpoint | undefined
  /** Lets a knock arrive, now or in another order. */
  readonly arrive: (knock: () => void) => void
  readonly leave: (node: MemoryEndpoint) => void
}

const zero = closeCode(0)

const fail = (reason: ConnectError["reason"]): Exit.Exit<never, ConnectError> => Exit.fail(new ConnectError({ reason }))

const transportError = (text: string) => fail(new TransportError({ cause: new Error(text) }))

/** A dial, from the first packet to its answer. */
interface Dial {
  readonly out: Link
  readonly back: Link
  readonly expected: EndpointId
  readonly alpn: Alpn
  /** Called once with the result of the dial; undefined after it was interrupted. */
  done: Done | undefined
}

const settle = (dial: Dial, exit: Parameters<Done>[0]): void => {
  const { done } = dial
  dial.done = undefined
  done?.(exit)
}

/** A bound endpoint of the network. */
export class MemoryEndpoint {
  readonly id: EndpointId
  readonly address: string
  readonly connections = new Set<Carrier>()
  private readonly network: Network
  private readonly onIncoming: BindOptions["onIncoming"]
  private readonly dials = new Set<Dial>()
  private alpns: ReadonlyArray<Alpn>
  private open = true

  constructor(network: Network, id: EndpointId, address: string, { alpns, onIncoming }: BindOptions) {
    this.network = network
    this.id = id
    this.address = address
    this.alpns = alpns
    this.onIncoming = onIncoming
  }

  get bound(): BoundEndpoint {
    return {
      id: this.id,
      addr: () => ({ id: this.id, addrs: [this.address] }),
      finds: this.network.finds,
      dial: (addr, alpn, done) => this.dial(addr, alpn, done),
      setAlpns: (alpns) => {
        this.alpns = alpns
      },
      close: Effect.sync(() => this.close())
    }
  }

  private dial(addr: EndpointAddr, alpn: Alpn, done: Done): () => void {
    const { air, at, byId, finds } = this.network
    const found = addr.addrs.map(at).find((node) => node !== undefined)
    const target = found ?? (finds ? byId(addr.id) : undefined)
    const to = target?.id ?? addr.id
    const dial: Dial = {
      out: new Link(air, this.id, to),
      back: new Link(air, to, this.id),
      expected: addr.id,
      alpn,
      done: (exit) => {
        this.dials.delete(dial)
        done(exit)
      }
    }
    if (!this.open) {
      settle(dial, fail(new EndpointClosed({})))
      return () => {}
    }
    this.dials.add(dial)
    // Where nobody is, nobody answers.
    if (target !== undefined && !air.loses()) this.knock(target, dial, false)
    return () => {
      dial.done = undefined
      this.dials.delete(dial)
    }
  }

  private knock(target: MemoryEndpoint, dial: Dial, validated: boolean): void {
    dial.out.send(() =>
      this.network.arrive(() => {
        if (dial.done === undefined || !target.open) return
        const refuse = () => dial.back.send(() => settle(dial, fail(new ConnectionRefused({}))))
        if (target.alpns.length === 0) return
        target.onIncoming({
          address: this.address,
          validated,
          accept: (done) => this.handshake(target, dial, done),
          refuse,
          ignore: () => {},
          retry: validated ? undefined : () => dial.back.send(() => this.knock(target, dial, true))
        })
      })
    )
  }

  /** The acceptor's side of the handshake. */
  private handshake(target: MemoryEndpoint, dial: Dial, done: Done): () => void {
    const nothing = (): void => {}
    const answer = (exit: Exit.Exit<never, ConnectError>) => dial.back.send(() => settle(dial, exit))
    if (dial.done === undefined) {
      done(transportError("The dialer gave up"))
      return nothing
    }
    if (!target.alpns.some((alpn) => equals(alpn, dial.alpn))) {
      const mismatch = fail(new AlpnMismatch({ alpn: dial.alpn }))
      answer(mismatch)
      done(mismatch)
      return nothing
    }
    if (dial.expected !== target.id) {
      answer(fail(new IdentityMismatch({ expected: dial.expected })))
      done(transportError("The dialer looked for somebody else"))
      return nothing
    }
    const [dialer, acceptor] = this.carriers(target, dial)
    target.keep(acceptor)
    let isGivenUp = false
    dial.back.send(() => {
      if (dial.done === undefined || !this.open) {
        dial.out.send(() => {
          acceptor.end(CloseReason.make({ _tag: "ApplicationClosed", code: zero, reason: "" }))
          if (!isGivenUp) done(transportError("The dialer gave up"))
        })
        return
      }
      this.keep(dialer)
      // Before anything that the dialer sends.
      dial.out.send(() => {
        if (!isGivenUp) done(Exit.succeed(acceptor))
      })
      settle(dial, Exit.succeed(dialer))
    })
    return () => {
      isGivenUp = true
      acceptor.close(zero, "")
    }
  }

  private carriers(target: MemoryEndpoint, { alpn, back, out }: Dial): [dialer: Carrier, acceptor: Carrier] {
    const { bounds } = this.network
    const dialer = new Carrier(
      { remoteId: target.id, alpn, side: "dialer", remoteAddress: target.address },
      out,
      bounds
    )
    const acceptor = new Carrier(
      { remoteId: this.id, alpn, side: "acceptor", remoteAddress: this.address },
      back,
      bounds
    )
    Carrier.pair(dialer, acceptor)
    return [dialer, acceptor]
  }

  private keep(carrier: Carrier): void {
    this.connections.add(carrier)
    carrier.onEnd(() => this.connections.delete(carrier))
  }

  private close(): void {
    if (!this.open) return
    this.open = false
    this.network.leave(this)
    for (const dial of this.dials) settle(dial, fail(new EndpointClosed({})))
    for (const connection of this.connections) connection.close(zero, "")
  }
}
