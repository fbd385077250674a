/**
 * An endpoint of the memory network: it dials, and others knock at it. Internal to the memory network.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

import { Signal } from "../../endpoint/engine/Signal.ts"
import {
  AlpnMismatch,
  CloseReason,
  ConnectError,
  EndpointClosed,
  IdentityMismatch,
  Refused,
  TransportFailed
} from "../../endpoint/Errors.ts"
import { closeCode, sameAlpn } from "../../endpoint/Identity.ts"
import type { Alpn, EndpointAddr, EndpointId } from "../../endpoint/Identity.ts"
import type { Bound, Carried, Knock } from "../../endpoint/Transport.ts"
import { Carrier } from "./Carrier.ts"
import type { Bounds } from "./Carrier.ts"
import { Link } from "./Link.ts"
import type { Air } from "./Link.ts"

/** The network, as a node sees it. */
export interface Network {
  readonly air: Air
  readonly bounds: Bounds
  /** Who is at an address. */
  readonly at: (address: string) => Node | undefined
  /** Lets a knock arrive, now or in another order. */
  readonly arrive: (knock: () => void) => void
  readonly leave: (node: Node) => void
}

/** The most knocks that wait at a node; more are refused. */
const maxKnocks = 1024

const zero = closeCode(0)

const gone = new ConnectError({ reason: new TransportFailed({ cause: new Error("The dialer gave up") }) })

const refused = Exit.fail(new ConnectError({ reason: new Refused({}) }))

/** A dial, from the first packet to its answer. */
interface Attempt {
  readonly answer: Deferred.Deferred<Carried, ConnectError>
  readonly out: Link
  readonly back: Link
  readonly expected: EndpointId
  readonly alpn: Alpn
  abandoned: boolean
}

/** A bound endpoint of the network. */
export class Node {
  readonly id: EndpointId
  readonly address: string
  readonly connections = new Set<Carrier>()
  private readonly network: Network
  private readonly alpns: ReadonlyArray<Alpn>
  private readonly attempts = new Set<Attempt>()
  private readonly knocks: Array<Knock> = []
  private readonly changed = new Signal()
  private open = true

  constructor(network: Network, id: EndpointId, address: string, alpns: ReadonlyArray<Alpn>) {
    this.network = network
    this.id = id
    this.address = address
    this.alpns = alpns
  }

  get bound(): Bound {
    return {
      id: this.id,
      addr: { id: this.id, addrs: [this.address] },
      dial: (addr, alpn) => this.dial(addr, alpn),
      knock: this.changed.until(() => {
        const knock = this.knocks.shift()
        return knock === undefined ? undefined : Exit.succeed(knock)
      }),
      close: Effect.suspend(() => this.close())
    }
  }

  private dial(addr: EndpointAddr, alpn: Alpn): Effect.Effect<Carried, ConnectError> {
    return Effect.suspend(() => {
      if (!this.open) return Effect.fail(new ConnectError({ reason: new EndpointClosed({}) }))
      const { air, at } = this.network
      const target = addr.addrs.map(at).find((node) => node !== undefined)
      const to = target?.id ?? addr.id
      const attempt: Attempt = {
        answer: Deferred.makeUnsafe(),
        out: new Link(air, this.id, to),
        back: new Link(air, to, this.id),
        expected: addr.id,
        alpn,
        abandoned: false
      }
      this.attempts.add(attempt)
      // Where nobody is, nobody answers.
      if (target !== undefined && !air.loses()) this.knock(target, attempt, false)
      return Effect.onExit(Deferred.await(attempt.answer), (exit) =>
        Effect.sync(() => {
          this.attempts.delete(attempt)
          attempt.abandoned = Exit.isFailure(exit)
        })
      )
    })
  }

  private knock(target: Node, attempt: Attempt, validated: boolean): void {
    attempt.out.send(() =>
      this.network.arrive(() => {
        if (attempt.abandoned || !target.open) return
        const refuse = Effect.sync(() => answer(attempt, refused))
        if (target.knocks.length >= maxKnocks) return Effect.runSync(refuse)
        target.knocks.push({
          address: this.address,
          validated,
          accept: Effect.suspend(() => this.handshake(target, attempt)),
          refuse,
          ignore: Effect.void,
          retry: validated ? undefined : Effect.sync(() => attempt.back.send(() => this.knock(target, attempt, true)))
        })
        target.changed.notify()
      })
    )
  }

  /** The acceptor's side of the handshake. */
  private handshake(target: Node, attempt: Attempt): Effect.Effect<Carried, ConnectError> {
    if (attempt.abandoned) return Effect.fail(gone)
    if (!target.alpns.some((alpn) => sameAlpn(alpn, attempt.alpn))) {
      const mismatch = new ConnectError({ reason: new AlpnMismatch({ alpn: attempt.alpn }) })
      answer(attempt, Exit.fail(mismatch))
      return Effect.fail(mismatch)
    }
    if (attempt.expected !== target.id) {
      answer(attempt, Exit.fail(new ConnectError({ reason: new IdentityMismatch({ expected: attempt.expected }) })))
      return Effect.fail(
        new ConnectError({ reason: new TransportFailed({ cause: new Error("The dialer looked for somebody else") }) })
      )
    }
    const { alpn, back, out } = attempt
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
    const finished = Deferred.makeUnsafe<Carried, ConnectError>()
    target.keep(acceptor)
    back.send(() => {
      if (attempt.abandoned || !this.open) {
        out.send(() => {
          acceptor.end(CloseReason.make({ _tag: "Application", code: zero, reason: "" }))
          Deferred.doneUnsafe(finished, Exit.fail(gone))
        })
        return
      }
      this.keep(dialer)
      Deferred.doneUnsafe(attempt.answer, Exit.succeed(dialer))
      out.send(() => Deferred.doneUnsafe(finished, Exit.succeed(acceptor)))
    })
    return Effect.onExit(Deferred.await(finished), (exit) =>
      Exit.isFailure(exit) ? acceptor.close(zero, "") : Effect.void
    )
  }

  private keep(carrier: Carrier): void {
    this.connections.add(carrier)
    carrier.onEnd = () => this.connections.delete(carrier)
  }

  private close(): Effect.Effect<void> {
    if (!this.open) return Effect.void
    this.open = false
    this.network.leave(this)
    for (const { answer } of this.attempts) {
      Deferred.doneUnsafe(answer, Exit.fail(new ConnectError({ reason: new EndpointClosed({}) })))
    }
    const refusals = this.knocks.splice(0).map(({ refuse }) => refuse)
    const closes = [...this.connections].map((connection) => connection.close(zero, ""))
    return Effect.all([...refusals, ...closes], { discard: true })
  }
}

const answer = (attempt: Attempt, exit: Exit.Exit<Carried, ConnectError>): void =>
  attempt.back.send(() => Deferred.doneUnsafe(attempt.answer, exit))
