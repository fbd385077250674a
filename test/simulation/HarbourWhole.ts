/**
 * Two Harbours, whole, without a socket: the applications as they are, over storage in memory, linked over a network in memory. Members post over HTTP and over channels,
 * guests listen; the link is cut and healed, brokers are cut off, clients vanish, and sometimes one Harbour is told to stop in the middle.
 */
import { createHash } from "node:crypto"

import {
  ConfigProvider,
  Console,
  Context,
  Effect,
  Exit,
  Fiber,
  Latch,
  Layer,
  Option,
  Random,
  Redacted,
  Ref,
  Schedule,
  Schema
} from "effect"
import { HttpClient } from "effect/http"
import { Fairing } from "fairlead/app"
import type { Broadcaster } from "fairlead/channel"
import { EndpointId } from "fairlead/endpoint"
import type { EndpointAddr } from "fairlead/endpoint"
import type { SessionStore } from "fairlead/server/middleware"
import { TestApp } from "fairlead/testing/app"
import { TestChannel } from "fairlead/testing/channel"
import { TestEndpoint } from "fairlead/testing/endpoint"
import type { Simulation } from "fairlead/testing/simulation"

import { RoomName } from "../../examples/harbour/Domain.ts"
import type { Message } from "../../examples/harbour/Domain.ts"
import { harbour } from "../../examples/harbour/Harbour.ts"
import { broadcaster, live, roomChannel } from "../../examples/harbour/Live.ts"
import type { Messages } from "../../examples/harbour/Messages.ts"
import * as PageNetwork from "../../examples/harbour/PageNetwork.ts"
import { Pages } from "../../examples/harbour/Pages.ts"
import { link, Peers } from "../../examples/harbour/Peers.ts"
import { RoomChannel } from "../../examples/harbour/RoomChannel.ts"
import { sessions } from "../../examples/harbour/Sessions.ts"
import type { Settings } from "../../examples/harbour/Settings.ts"
import { Storage } from "../../examples/harbour/Storage.ts"
import { Tokens } from "../../examples/harbour/Tokens.ts"
import { memorySessions } from "../harbour/Given.ts"
import { makeBroker } from "./CutBroadcaster.ts"

// Otherwise it is loaded when it is first used, which no seed orders: the first run would wait for it.
await import("../../src/channel/node/NodeWebSockets.ts")

const quay = Schema.decodeSync(RoomName)("quay")

/** The endpoint that is bound as this one, counted from 1. */
export const peerAt = (number: number): EndpointAddr.EndpointAddr => ({
  id: EndpointId.EndpointId.make(number.toString(16).padStart(64, "0")),
  addrs: [`memory:${number}`]
})

/** Tokens that are counted, with a digest that is made at once: worker threads have no place in a seed's order. */
const countedTokens = Layer.effect(
  Tokens,
  Effect.gen(function* () {
    const storage = yield* Storage
    const issued = yield* Ref.make(0)
    const digest = (token: string): Uint8Array => new Uint8Array(createHash("sha256").update(token).digest())
    return Tokens.of({
      issue: Effect.fnUntraced(function* (name) {
        const token = `hbr_${String(yield* Ref.updateAndGet(issued, (count) => count + 1)).padStart(43, "0")}`
        return { member: yield* storage.register(name, digest(token)), token: Redacted.make(token) }
      }),
      verify: (token) => storage.member(digest(Redacted.value(token)))
    })
  })
)

/** Pages whose answers take their time, and may say nothing. */
const slowPages = Layer.succeed(Pages, {
  look: () =>
    Effect.gen(function* () {
      yield* Effect.sleep(yield* Random.nextIntBetween(1, 2000))
      return Option.none()
    })
})

const noNetwork = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.make(() => Effect.die(new Error("the simulation has no network")))
)

const memoryPeers = (peer: EndpointAddr.EndpointAddr) =>
  Layer.effect(
    Peers,
    Effect.map(link([peer]), (addr) => Peers.of({ addr: Option.some(addr) }))
  )

type Services = Storage | Messages | Tokens | Broadcaster.Broadcaster | SessionStore | Settings

/** Ignites and launches one Harbour. */
const launch = (peer: EndpointAddr.EndpointAddr) =>
  Effect.gen(function* () {
    const built = yield* Ref.make<Context.Context<Services> | undefined>(undefined)
    const shown = Fairing.onIgnite("services", () =>
      Effect.flatMap(Effect.context<Services>(), (context) => Ref.set(built, context))
    )
    const broker = yield* makeBroker
    const app = harbour
      .override(broadcaster, broker.layer)
      .override(Tokens.layer, countedTokens)
      .override(PageNetwork.transport, noNetwork)
      .override(Pages.layer, slowPages)
      .override(sessions, memorySessions)
      .override(Peers.layer, memoryPeers(peer))
      .attach(shown)
    const http = yield* TestApp.make(app, undefined, { grace: "3 seconds", mercy: "1 second" })
    const context = (yield* Ref.get(built))!
    const channels = yield* TestChannel.make(live, roomChannel).pipe(Effect.provideContext(context))
    const stored: Effect.Effect<ReadonlyArray<Message>> = Effect.map(
      Effect.orDie(Context.get(context, Storage).messages(quay, { limit: 1000 })),
      ({ items }) => items
    )
    const waits = Effect.map(Effect.orDie(Context.get(context, Storage).beginPreview(0)), Option.isSome)
    return {
      http,
      channels,
      broker,
      waits,
      stored: Effect.map(stored, (messages) => messages.map(({ text }) => String(text)))
    }
  })

type Launched = Effect.Success<ReturnType<typeof launch>>

interface Member {
  readonly name: string
  readonly token: string
}

const tokenOf = (at: Launched, name: string): Effect.Effect<Member> =>
  Effect.map(at.http.post("/api/tokens", { json: { name } }), (reply) => {
    if (reply.status !== 201) throw new Error(`no token: ${reply.status} ${reply.text}`)
    return { name, token: (reply.json() as Member).token }
  })

/** What the clients of one run saw. */
interface Seen {
  /** The texts that a Harbour has acknowledged. */
  readonly acknowledged: Array<string>
  /** The texts that each listener heard, and those that the broker of its Harbour lost. */
  readonly heard: Array<{
    readonly complete: boolean
    readonly texts: ReadonlyArray<string>
    readonly lost: ReadonlyArray<string>
  }>
}

const pause = (most: number) => Effect.flatMap(Random.nextIntBetween(0, most), Effect.sleep)

/** Posts over HTTP, a few times; now and then it does not wait for the answer. */
const writer = (at: Launched, { name, token }: Member, seen: Seen) =>
  Effect.gen(function* () {
    for (let round = 1; round <= 4; round++) {
      yield* pause(3000)
      const text = `${name} ${round} http://${name}.test/${round}`
      const posting = Effect.map(
        at.http.post("/api/rooms/quay/messages", { json: { text }, headers: { authorization: `Bearer ${token}` } }),
        ({ status }) => {
          if (status === 201) seen.acknowledged.push(text)
        }
      )
      yield* (yield* Random.next) < 0.2 ? Effect.raceFirst(posting, pause(20)) : posting
    }
  }).pipe(
    // A Harbour that stops closes its connections.
    Effect.catchCause(() => Effect.void)
  )

/** Joins the room, posts over its channel, and leaves or vanishes. */
const talker = (at: Launched, { name, token }: Member, seen: Seen) =>
  Effect.scoped(
    Effect.gen(function* () {
      const client = yield* at.channels.connect()
      const room = client.channel(RoomChannel, { room: quay })
      yield* rejoin(room.join({ token: Redacted.make(token) }))
      for (let round = 1; round <= 3; round++) {
        yield* pause(3000)
        const text = `${name} ${round}`
        const posting = Effect.map(room.push("post", { text: text as never }), () => void seen.acknowledged.push(text))
        yield* (yield* Random.next) < 0.2 ? Effect.raceFirst(posting, pause(20)) : posting
        if ((yield* Random.next) < 0.1) return
      }
      yield* room.leave
    })
  ).pipe(Effect.catchCause(() => Effect.void))

/** Listens from before the first message on: `joined` is opened when it is in the room. */
const listener = (at: Launched, seen: Seen, joined: Latch.Latch, until: Effect.Effect<void>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const client = yield* at.channels.connect()
      const room = client.channel(RoomChannel, { room: quay })
      yield* room.join({})
      yield* joined.open
      const texts: Array<string> = []
      const listening = Effect.forever(Effect.map(room.next("posted"), ({ text }) => void texts.push(String(text))))
      const exit = yield* Effect.exit(Effect.raceFirst(listening, until))
      const lost = at.broker.lost.map((payload) => (payload as { readonly text?: string }).text ?? "")
      seen.heard.push({ complete: Exit.isSuccess(exit), texts, lost })
    })
  )

/** Comes, listens for a moment, and vanishes without a word, again and again. */
const guest = (at: Launched, seen: Seen) =>
  Effect.gen(function* () {
    for (let round = 0; round < 4; round++) {
      yield* pause(2000)
      const texts: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* at.channels.connect()
          const room = client.channel(RoomChannel, { room: quay })
          yield* rejoin(room.join({}))
          const listening = Effect.forever(Effect.map(room.next("posted"), ({ text }) => void texts.push(String(text))))
          yield* Effect.raceFirst(listening, pause(2000))
          yield* client.close(1006)
        })
      )
      seen.heard.push({ complete: false, texts, lost: [] })
    }
  }).pipe(Effect.catchCause(() => Effect.void))

/** Joins, and tries again while the broker is cut off. */
const rejoin = <A, E>(join: Effect.Effect<A, E>) =>
  Effect.retry(join, { schedule: Schedule.spaced("500 millis"), times: 20 })

/** Parts the two, and heals them. */
const weather = Effect.gen(function* () {
  const network = yield* TestEndpoint.MemoryNetwork
  const [{ id: north }, { id: south }] = [peerAt(1), peerAt(2)]
  for (let round = 0; round < 2; round++) {
    yield* pause(5000)
    yield* network.partition(north, south)
    yield* pause(40_000)
    yield* network.heal(north, south)
  }
})

/** Cuts a broker off, and mends it. */
const outages = ({ broker }: Launched) =>
  Effect.gen(function* () {
    for (let round = 0; round < 2; round++) {
      yield* pause(4000)
      yield* broker.cut
      yield* pause(3000)
      yield* broker.mend
    }
  })

/** What became of one run. */
export interface Voyage extends Seen {
  readonly north: ReadonlyArray<string>
  readonly south: ReadonlyArray<string>
  /** Whether the Harbour in the south was told to stop in the middle. */
  readonly stopped: boolean
  /** Whether a link still waits for its preview. */
  readonly previewsWait: boolean
  /** Sockets that are connected, and members of the room, when all clients have gone. */
  readonly left: number
}

/** One run of both Harbours. */
const voyage = Effect.gen(function* () {
  const north = yield* launch(peerAt(2))
  const south = yield* launch(peerAt(1))
  const seen: Seen = { acknowledged: [], heard: [] }
  const ada = yield* tokenOf(north, "Ada")
  const bob = yield* tokenOf(south, "Bob")
  const cyd = yield* tokenOf(north, "Cyd")
  const authorization = `Bearer ${ada.token}`
  yield* north.http.post("/api/rooms", { json: { name: "quay" }, headers: { authorization } })
  // The room is told over the link.
  yield* until(Effect.map(south.http.get("/api/rooms/quay"), ({ status }) => status === 200))

  const stops = (yield* Random.next) < 0.3
  const end = yield* Latch.make(false)
  const [inNorth, inSouth] = [yield* Latch.make(false), yield* Latch.make(false)]
  const listeners = yield* Effect.forkChild(
    Effect.all([listener(north, seen, inNorth, end.await), listener(south, seen, inSouth, end.await)], {
      concurrency: 2
    })
  )
  // Before the brokers are cut off: a join would be refused.
  yield* Effect.all([inNorth.await, inSouth.await])
  yield* Effect.all(
    [
      writer(north, ada, seen),
      writer(south, bob, seen),
      talker(north, cyd, seen),
      guest(north, seen),
      weather,
      outages(north),
      outages(south),
      stops ? Effect.andThen(pause(8000), south.http.terminate) : Effect.void
    ],
    { concurrency: "unbounded" }
  )
  const agreed = Effect.gen(function* () {
    const [here, there] = [yield* north.stored, yield* south.stored]
    return stops || here.length === there.length
  })
  yield* until(agreed)
  yield* Effect.sleep("5 seconds")
  const previewsWait = (yield* north.waits) || (!stops && (yield* south.waits))
  yield* end.open
  yield* Fiber.join(listeners)
  yield* Effect.all([north.http.terminate, south.http.terminate], { concurrency: 2 })
  return {
    ...seen,
    north: yield* north.stored,
    south: yield* south.stored,
    stopped: stops,
    previewsWait,
    left: [north, south].reduce((sum, { channels }) => sum + channels.sockets() + channels.members("room:quay"), 0)
  }
})

/** Waits until something holds, five minutes at most. */
const until = (holds: Effect.Effect<boolean>) =>
  Effect.gen(function* () {
    for (let second = 0; second < 300; second++) {
      if (yield* holds) return
      yield* Effect.sleep("1 second")
    }
  })

const twice = (texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts.filter((text, index) => texts.indexOf(text) !== index)

const silent: Console.Console = Object.assign(Object.create(console), {
  log: () => {},
  error: () => {},
  warn: () => {}
})

/** Both Harbours, and what must hold of them. */
export const voyageOptions = {
  scenario: voyage.pipe(
    Effect.provide(TestEndpoint.layer({ latency: "5 millis", jitter: "50 millis" })),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ HARBOUR_DATA: ":memory:" })),
    Effect.provideService(Console.Console, silent)
  ),
  invariants: {
    "no acknowledged message is lost": ({ value }: Simulation.Outcome<Voyage, unknown>) =>
      value.acknowledged.every((text) => value.north.includes(text) || value.south.includes(text)),
    "no message is stored twice": ({ value }: Simulation.Outcome<Voyage, unknown>) =>
      twice(value.north).length + twice(value.south).length === 0,
    "both Harbours know the same, unless one was stopped": ({ value }: Simulation.Outcome<Voyage, unknown>) =>
      value.stopped || value.north.toSorted().join() === value.south.toSorted().join(),
    "a listener hears each message once": ({ value }: Simulation.Outcome<Voyage, unknown>) =>
      value.heard.every(({ texts }) => twice(texts).length === 0),
    "a listener that stayed has heard all that the broker did not lose": ({
      value
    }: Simulation.Outcome<Voyage, unknown>) =>
      value.heard.every(
        ({ complete, lost, texts }) =>
          !complete || value.stopped || value.north.every((text) => texts.includes(text) || lost.includes(text))
      ),
    "no link waits for its preview": ({ value }: Simulation.Outcome<Voyage, unknown>) => !value.previewsWait,
    "no socket and no member is left": ({ value }: Simulation.Outcome<Voyage, unknown>) => value.left === 0
  }
}
