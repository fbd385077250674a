/**
 * Peers: Harbours that share their rooms, linked over endpoints whose ids are their keys. Off unless a peer or an address to listen on is set.
 *
 * 1. Only the peers of the settings are admitted, by their proven ids; each of them is trusted with all rooms, and with the messages that it passes on from others.
 * 2. A peer with an address is dialled, and dialled again: soon after a link that has ended, ever later, up to half a minute, while it cannot be reached, about
 *    once a minute while it refuses. Who is linked is not dialled; should both dial at the same moment, the second link does no harm.
 * 3. A message that arrives twice, from two peers or after a restart, is stored once: see `PeerNews.ts`.
 * 4. A link that fails is explained on both sides, once for each cause: the dialer logs the answer, the other logs the rejected id.
 * 5. On a stop, links end at once, with a close code for their peers.
 */
import { Context, Deferred, Effect, Layer, Option, Random, Schedule, Schema } from "effect"
import type { Scope } from "effect"
import { Shutdown } from "fairlead"
import { Alpn, CloseCode, Endpoint, EndpointHooks, HookChain, ProtocolRouter } from "fairlead/endpoint"
import type { EndpointAddr, EndpointConnection, EndpointError, EndpointId, EndpointTransport } from "fairlead/endpoint"
import { connectionLimit, idList, streamLimit } from "fairlead/endpoint/hooks"
import { IrohTransport } from "fairlead/endpoint/iroh"

import type { Messages } from "./Messages.ts"
import { keyIn } from "./PeerKey.ts"
import type { KeyError } from "./PeerKey.ts"
import { speak } from "./PeerLink.ts"
import { Settings } from "./Settings.ts"
import type { Storage } from "./Storage.ts"

/** The protocol between Harbours. */
export const protocol = Alpn.fromString("harbour/1")

/** A link that a peer, or this Harbour, closed with its own code. */
class Refused extends Schema.TaggedError<Refused>()("Refused", { text: Schema.String }) {}

/** Soon, then ever later; not at the same time as everybody else. */
const untilReached = Schedule.jittered(
  Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("30 seconds")])
)
const afterLink = Schedule.jittered(Schedule.spaced("200 millis"))
const afterRefusal = Effect.flatMap(Random.nextBetween(45_000, 75_000), Effect.sleep)

/** The most unknown endpoints named in the log: a flood of them is not. */
const mostStrangers = 100

/** Speaks until the link ends or is over for this Harbour. */
const converse = <E>(
  stream: Effect.Effect<EndpointConnection.BiStream, E, Scope.Scope>,
  peer: EndpointId.EndpointId,
  over: Effect.Effect<void>
) =>
  stream.pipe(
    Effect.flatMap((stream) => speak(stream, Effect.log(`Linked with the peer ${peer}`))),
    Effect.raceFirst(over),
    Effect.scoped
  )

/** Logs each unknown endpoint once, so that both sides of a link that fails say why. */
const strangers = (allow: ReadonlySet<EndpointId.EndpointId>) =>
  EndpointHooks.make("strangers", () => {
    const named = new Set<EndpointId.EndpointId>()
    return {
      afterHandshake: ({ remoteId, side }) => {
        if (side === "dialer" || allow.has(remoteId) || named.has(remoteId) || named.size === mostStrangers)
          return undefined
        named.add(remoteId)
        return Effect.logWarning(`${remoteId} is no peer of this Harbour: add it to HARBOUR_PEERS to link with it`)
      }
    }
  })

/** Links with peers for as long as the scope lasts, and returns the address of this Harbour. */
export const link = (
  peers: ReadonlyArray<EndpointAddr.EndpointAddr>
): Effect.Effect<
  EndpointAddr.EndpointAddr,
  EndpointError.BindError,
  EndpointTransport.EndpointTransport | Storage | Messages | Scope.Scope
> =>
  Effect.gen(function* () {
    const [shutdown, closing] = [yield* Shutdown.Shutdown, yield* Deferred.make<void>()]
    const over = Effect.raceFirst(shutdown.await, Deferred.await(closing))
    const accepted = new Map<EndpointId.EndpointId, EndpointConnection.EndpointConnection>()

    const router = ProtocolRouter.make("peers").route(protocol, (connection) => {
      const { remoteId } = connection
      const stream = Effect.timeoutOrElse(connection.acceptBi, {
        duration: "10 seconds",
        orElse: () => Effect.fail(new EndpointHooks.Reject({ status: 408, reason: "no stream" }))
      })
      accepted.set(remoteId, connection)
      return converse(stream, remoteId, over).pipe(
        Effect.catchTag("StreamError", () => Effect.void),
        Effect.tapError((rejected) => Effect.logWarning(`The peer ${remoteId} is sent away: ${rejected.message}`)),
        Effect.andThen(connection.close(CloseCode.make(0), "")),
        Effect.ensuring(
          Effect.suspend(() => {
            if (accepted.get(remoteId) === connection) accepted.delete(remoteId)
            return Effect.log(`The link with the peer ${remoteId} has ended`)
          })
        )
      )
    })
    const allow = new Set(peers.map(({ id }) => id))
    const hooks = HookChain.make("peers")
      .use(strangers(allow))
      .use(idList({ allow }))
      // One more than a link from each side: one that has died may still be counted.
      .use(connectionLimit({ maxPerPeer: 4, maxPending: 32 }))
      .use(streamLimit({ maxStreams: 1 }))
    const built = yield* Layer.build(ProtocolRouter.layer(router, { hooks, grace: "1 second" }))
    const endpoint = Context.get(built, Endpoint.Endpoint)
    // Before the router's end, which would wait for the links.
    yield* Effect.addFinalizer(() => Deferred.succeed(closing, undefined))

    /** One link, from the dial to its end. */
    const once = Effect.fnUntraced(function* (peer: EndpointAddr.EndpointAddr) {
      const other = accepted.get(peer.id)
      if (other !== undefined) return yield* Effect.asVoid(other.closed)
      const connection = yield* endpoint.connect(peer, protocol)
      const rejected = yield* converse(connection.openBi, peer.id, over).pipe(
        Effect.as(undefined),
        Effect.catchTag("Reject", (rejected) => Effect.succeed(rejected)),
        // Why a stream failed is less than why its connection ended.
        Effect.catchTag("StreamError", () => Effect.succeed(undefined))
      )
      if (rejected !== undefined) {
        yield* connection.close(CloseCode.make(rejected.closeCode ?? rejected.status), rejected.reason)
        return yield* new Refused({ text: `is sent away: ${rejected.message}` })
      }
      const ended = yield* Effect.timeoutOption(connection.closed, "1 second")
      if (Option.isSome(ended) && ended.value._tag === "ApplicationClosed" && ended.value.code !== 0n) {
        const { code, reason } = ended.value
        return yield* new Refused({
          text: `refuses the link with code ${code}: ${reason}. This Harbour is ${endpoint.id}`
        })
      }
      return yield* Effect.log(`The link with the peer ${peer.id} has ended`)
    }, Effect.scoped)

    /** Links again and again. What is the matter is said once, until it is something else. */
    const keep = (peer: EndpointAddr.EndpointAddr) => {
      let said = ""
      const say = (text: string) =>
        Effect.suspend(() => {
          if (said === text) return Effect.void
          said = text
          return Effect.logWarning(`The peer ${peer.id} ${text}`)
        })
      return once(peer).pipe(
        Effect.tap(() => Effect.sync(() => (said = ""))),
        Effect.tapError((error) => {
          if (error._tag === "Refused") return say(error.text)
          // Harbour is stopping: the peer has nothing to do with it.
          return error.reason._tag === "EndpointClosed" ? Effect.void : say(`cannot be reached: ${error.message}`)
        }),
        Effect.catchTag("Refused", () => afterRefusal),
        Effect.retry(untilReached),
        Effect.repeat(afterLink)
      )
    }
    yield* Effect.forEach(
      peers.filter(({ addrs }) => addrs.length > 0),
      keep,
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.raceFirst(over), Effect.forkScoped)
    return endpoint.addr
  })

/** Every address to bind to: iroh binds a missing family to all its addresses, and a Harbour of one machine must not listen there. */
const bindTo = (listen: string): ReadonlyArray<string> => {
  if (listen.startsWith("127.")) return [listen, "[::1]:0"]
  return listen.startsWith("[::1]") ? [listen, "127.0.0.1:0"] : [listen]
}

/** How this Harbour is linked. */
export class Peers extends Context.Service<
  Peers,
  {
    /** The id and address that its peers need, when links are on. */
    readonly addr: Option.Option<EndpointAddr.EndpointAddr>
  }
>()("harbour/Peers") {
  /** Links over iroh, as `Settings` say. */
  static readonly layer: Layer.Layer<Peers, KeyError | EndpointError.BindError, Settings | Storage | Messages> =
    Layer.effect(
      Peers,
      Effect.gen(function* () {
        const { data, peerListen, peers } = yield* Settings
        if (peers.length === 0 && Option.isNone(peerListen)) return Peers.of({ addr: Option.none() })
        if (Option.isNone(peerListen) && peers.every(({ addrs }) => addrs.length === 0)) {
          yield* Effect.logWarning(
            "No peer will be linked: none has an address to dial, and without HARBOUR_PEER_LISTEN none knows where to dial this Harbour"
          )
        }
        const bindAddresses = bindTo(Option.getOrElse(peerListen, () => "0.0.0.0:0"))
        const transport = IrohTransport.layer({ bindAddresses, secretKey: yield* keyIn(`${data}.key`) })
        return Peers.of({ addr: Option.some(yield* Effect.provide(link(peers), transport)) })
      })
    )
}
