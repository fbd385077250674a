/** Links between Harbours, in a network of memory. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Layer, Option, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Shutdown } from "fairlead"
import { CloseCode, Endpoint, EndpointId, EndpointTransport } from "fairlead/endpoint"
import type { EndpointAddr } from "fairlead/endpoint"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { StorageError } from "../../examples/harbour/Domain.ts"
import { encode } from "../../examples/harbour/PeerFrames.ts"
import { Known, News, Origin } from "../../examples/harbour/PeerNews.ts"
import { link, protocol } from "../../examples/harbour/Peers.ts"
import { eventually, peer } from "../endpoint/Peers.ts"
import { logsOf } from "../server/Logs.ts"
import { memberName, messageText, moored, mooredOver, quay, roomName } from "./PeerHarbour.ts"
import type { Moored } from "./PeerHarbour.ts"

const idOf = (number: number) => EndpointId.EndpointId.make(number.toString(16).padStart(64, "0"))

/** The endpoint that is bound as this one, counted from 1: a peer that may dial. */
const allowed = (number: number): EndpointAddr.EndpointAddr => ({ id: idOf(number), addrs: [] })

/** The same, to be dialled. */
const at = (number: number): EndpointAddr.EndpointAddr => ({ id: idOf(number), addrs: [`memory:${number}`] })

const linked = (harbour: Moored, ...peers: ReadonlyArray<EndpointAddr.EndpointAddr>) =>
  Effect.provide(link(peers), harbour.context)

const furnished = Effect.tap(moored, (harbour) => harbour.createRoom(quay))

/** Lets time pass, second by second, so that what is due runs before what is due later. */
const pass = (seconds: number) => Effect.replicateEffect(TestClock.adjust("1 second"), seconds, { discard: true })

const allLinked = (harbours: ReadonlyArray<Moored>, count: number) =>
  eventually(() => harbours.every(({ told }) => told.length >= count))

/** Every Harbour has each of these texts once, and told each once. */
const haveOnce = (harbours: ReadonlyArray<Moored>, texts: ReadonlyArray<string>) =>
  Effect.forEach(harbours, (harbour) =>
    Effect.map(harbour.said, (said) => {
      assert.sameMembers(
        [...said],
        texts.map((text) => `Ada: ${text}`)
      )
      assert.sameMembers(harbour.told, [...texts])
    })
  )

const memory = <A, E>(
  test: Effect.Effect<A, E, TestEndpoint.MemoryNetwork | EndpointTransport.EndpointTransport | Scope.Scope>
) => test.pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)

/** Writes as a peer to a Harbour that allows it; how the Harbour ended it. */
const rude = (...frames: ReadonlyArray<Uint8Array>) =>
  Effect.gen(function* () {
    const stranger = yield* peer()
    const harbour = yield* linked(yield* furnished, allowed(1))
    const connection = yield* stranger.connect(harbour, protocol)
    const { send } = yield* connection.openBi
    for (const frame of frames) yield* send.write(frame)
    return connection
  })

/** The next connection that an endpoint takes. */
const next = ({ incoming }: Endpoint.Endpoint["Service"]) => Effect.map(Stream.runHead(incoming), Option.getOrThrow)

const nothing = Known.make({ rooms: {}, messages: {} })
const noNews = News.make({ rooms: [], messages: [] })

describe("links of peers", () => {
  it.effect(
    "harbour: a message posted anywhere arrives everywhere once, over Harbours between, and after a pause",
    () =>
      memory(
        Effect.gen(function* () {
          const harbours = [yield* furnished, yield* furnished, yield* furnished] as const
          const [north, south, east] = harbours
          yield* north.post("before")
          yield* linked(north, allowed(2))
          yield* linked(south, at(1), allowed(3))
          yield* linked(east, at(2))
          yield* allLinked(harbours, 1)
          yield* east.post("from the east")
          yield* south.post("from the south")
          yield* allLinked(harbours, 3)
          yield* pass(60)
          yield* north.post("a minute later")
          yield* allLinked(harbours, 4)
          yield* pass(1)
          yield* haveOnce(harbours, ["before", "from the east", "from the south", "a minute later"])
        })
      )
  )

  it.effect("harbour: a link lasts while one side sends much and the other nothing", () =>
    memory(
      Effect.gen(function* () {
        const [north, south] = [yield* furnished, yield* furnished]
        const [, lines] = yield* logsOf(
          Effect.gen(function* () {
            yield* linked(north, allowed(2))
            yield* linked(south, at(1))
            for (let second = 1; second <= 60; second++) {
              yield* north.post(`${second}`)
              yield* pass(1)
              yield* allLinked([south], second)
            }
          })
        )
        assert.isFalse(lines.some(({ message }) => /ended|again/.test(message)))
        assert.strictEqual(lines.filter(({ message }) => /Linked/.test(message)).length, 2)
      })
    )
  )

  it.effect("harbour: where all dial all, nothing is lost and nothing is there twice", () =>
    memory(
      Effect.gen(function* () {
        const harbours = [yield* furnished, yield* furnished, yield* furnished] as const
        const texts = Array.from({ length: 40 }, (_, n) => `${n}`)
        for (const [n, harbour] of harbours.entries()) {
          yield* linked(harbour, ...[1, 2, 3].filter((other) => other !== n + 1).map(at))
        }
        for (const [n, text] of texts.entries()) yield* harbours[n % 3]!.post(text)
        // Who dialled before the other was there dials again.
        yield* pass(60)
        yield* allLinked(harbours, texts.length)
        yield* haveOnce(harbours, texts)
      })
    )
  )

  it.effect("harbour: an unlisted Harbour is refused with a reason, says so once, and asks about once a minute", () =>
    memory(
      Effect.gen(function* () {
        const [north, stranger] = [yield* furnished, yield* furnished]
        yield* north.post("secret")
        const { transport } = yield* TestEndpoint.MemoryNetwork
        let dials = 0
        const counted = Layer.succeed(EndpointTransport.EndpointTransport, {
          bind: (options) =>
            Effect.map(transport.bind(options), (bound) => ({
              ...bound,
              dial: (addr, alpn, done) => (dials++, bound.dial(addr, alpn, done))
            }))
        })
        const [, lines] = yield* logsOf(
          Effect.gen(function* () {
            yield* linked(north, allowed(9))
            yield* Effect.provide(linked(stranger, at(1)), counted)
            yield* pass(600)
          })
        )
        assert.deepStrictEqual(
          lines.map(({ level, message }) => [level, message]),
          [
            ["Warn", `${idOf(2)} is no peer of this Harbour: add it to HARBOUR_PEERS to link with it`],
            ["Warn", `The peer ${idOf(1)} refuses the link with code 403: not allowed. This Harbour is ${idOf(2)}`]
          ]
        )
        assert.isAtLeast(dials, 8)
        assert.isAtMost(dials, 14)
        assert.deepStrictEqual(stranger.told, [])
      })
    )
  )

  it.effect(
    "harbour: a link over which nothing passes any more ends, and heals with the messages posted meanwhile",
    () =>
      memory(
        Effect.gen(function* () {
          const network = yield* TestEndpoint.MemoryNetwork
          const [north, south] = [yield* furnished, yield* furnished]
          const [, lines] = yield* logsOf(
            Effect.gen(function* () {
              yield* linked(north, allowed(2))
              yield* linked(south, at(1))
              yield* north.post("one")
              yield* allLinked([north, south], 1)
              yield* network.partition(idOf(1), idOf(2))
              yield* north.post("two")
              yield* south.post("three")
              yield* pass(90)
              assert.deepStrictEqual([north.told.length, south.told.length], [2, 2])
              yield* network.heal(idOf(1), idOf(2))
              yield* pass(60)
              yield* allLinked([north, south], 3)
            })
          )
          yield* haveOnce([north, south], ["one", "two", "three"])
          const warned = lines.filter(({ level }) => level === "Warn")
          assert.deepStrictEqual(
            warned.map(({ message }) => message),
            [
              `The peer ${idOf(1)} cannot be reached: The peer did not answer in time: it may be offline, or its address out of date`
            ]
          )
          assert.strictEqual(lines.filter(({ message }) => message === `Linked with the peer ${idOf(1)}`).length, 2)
        })
      )
  )

  it.effect(
    "harbour: a Harbour that ends, and comes again as somebody else with the same data, goes on where it was",
    () =>
      memory(
        Effect.gen(function* () {
          const [north, south] = [yield* furnished, yield* furnished]
          yield* linked(north, allowed(2), allowed(3))
          const first = yield* Scope.make()
          yield* Scope.provide(linked(south, at(1)), first)
          yield* south.post("one")
          yield* allLinked([north, south], 1)
          yield* Scope.close(first, Exit.void)
          yield* north.post("two")
          yield* south.post("three")
          yield* linked(south, at(1))
          yield* allLinked([north, south], 3)
          yield* haveOnce([north, south], ["one", "two", "three"])
        })
      )
  )

  it.effect("harbour: links end at once when Harbour is to stop, and the other side knows", () =>
    memory(
      Effect.gen(function* () {
        const shutdown = yield* Shutdown.make
        const [north, south] = [yield* furnished, yield* furnished]
        const [, lines] = yield* logsOf(
          Effect.gen(function* () {
            yield* linked(north, allowed(2))
            yield* Effect.provideService(linked(south, at(1)), Shutdown.Shutdown, shutdown)
            yield* north.post("one")
            yield* allLinked([north, south], 1)
            yield* shutdown.notify
            yield* north.post("too late")
            yield* pass(5)
          })
        )
        assert.deepStrictEqual(
          lines.map(({ message }) => message).filter((message) => /has ended/.test(message)),
          [1, 2].map((n) => `The link with the peer ${idOf(n)} has ended`)
        )
        assert.deepStrictEqual(south.told, ["one"])
      })
    )
  )

  it.effect.each([
    [
      "no frame",
      [Uint8Array.of(255, 255, 255, 255)],
      400,
      "not the protocol harbour/1: a frame has 1 to 1048576 bytes"
    ],
    ["news first", [encode(noNews)], 400, "not the protocol harbour/1: it begins with known positions"],
    [
      "what it knows twice",
      [encode(nothing), encode(nothing)],
      400,
      "not the protocol harbour/1: it goes on with news"
    ],
    [
      "a message without its room",
      [
        encode(nothing),
        encode(
          News.make({
            rooms: [],
            messages: [
              {
                origin: Origin.make("0".repeat(32)),
                number: 1,
                room: roomName("nowhere"),
                author: memberName("Ada"),
                text: messageText("astray"),
                postedAt: DateTime.makeUnsafe(0)
              }
            ]
          })
        )
      ],
      400,
      'a message came before its room "nowhere"'
    ]
  ] as const)("harbour: a peer that says %s is sent away with a reason", ([, frames, code, reason]) =>
    memory(
      Effect.gen(function* () {
        const { closed } = yield* rude(...frames)
        assert.deepInclude(yield* closed, { _tag: "ApplicationClosed", code: CloseCode.make(code), reason } as const)
      })
    )
  )

  it.effect("harbour: a peer that opens no stream is sent away, and one that falls silent is left", () =>
    memory(
      Effect.gen(function* () {
        const stranger = yield* peer()
        const harbour = yield* linked(yield* furnished, allowed(1))
        const idle = yield* stranger.connect(harbour, protocol)
        yield* pass(10)
        assert.deepInclude(yield* idle.closed, { code: CloseCode.make(408), reason: "no stream" })
        const silent = yield* stranger.connect(harbour, protocol)
        const { send } = yield* silent.openBi
        yield* send.write(encode(nothing))
        yield* pass(14)
        yield* send.write(encode(noNews))
        yield* pass(14)
        yield* send.write(encode(noNews))
        yield* pass(15)
        assert.deepInclude(yield* silent.closed, { code: CloseCode.make(0), reason: "" })
      })
    )
  )

  it.effect("harbour: a peer has four connections at most", () =>
    memory(
      Effect.gen(function* () {
        const stranger = yield* peer()
        const harbour = yield* linked(yield* furnished, allowed(1))
        for (let n = 0; n < 4; n++) yield* stranger.connect(harbour, protocol)
        const fifth = yield* stranger.connect(harbour, protocol)
        assert.deepInclude(yield* fifth.closed, { code: CloseCode.make(429) })
      })
    )
  )

  it.effect("harbour: a dialled peer that speaks something else is sent away, and not asked again at once", () =>
    memory(
      Effect.gen(function* () {
        const other = yield* Endpoint.make({ alpns: [protocol] })
        const [, lines] = yield* logsOf(
          Effect.gen(function* () {
            yield* linked(yield* furnished, at(1))
            const connection = yield* next(other)
            const { send } = yield* connection.acceptBi
            yield* send.write(Uint8Array.of(0, 0, 0, 1, 0x78))
            assert.deepInclude(yield* connection.closed, {
              code: CloseCode.make(400),
              reason: "not the protocol harbour/1: a frame is not what it should be"
            })
            yield* pass(30)
          })
        )
        assert.deepStrictEqual(
          lines.map(({ message }) => message),
          [
            `The peer ${idOf(1)} is sent away: Rejected with status 400: not the protocol harbour/1: a frame is not what it should be`
          ]
        )
      })
    )
  )

  it.effect("harbour: a storage that fails ends the link with 503, and its cause goes to the log alone", () =>
    memory(
      Effect.gen(function* () {
        const full = yield* mooredOver(() => ({
          take: () => Effect.fail(new StorageError({ operation: "take", cause: new Error("the disk is full") }))
        }))
        const south = yield* furnished
        const [, lines] = yield* logsOf(
          Effect.gen(function* () {
            yield* linked(full, allowed(2))
            yield* linked(south, at(1))
            yield* pass(2)
          })
        )
        const messages = lines.map(({ message }) => message)
        assert.isTrue(messages.some((message) => /Harbour's storage failed in "take"/.test(message)))
        assert.include(
          messages,
          `The peer ${idOf(1)} refuses the link with code 503: the storage failed. This Harbour is ${idOf(2)}`
        )
      })
    )
  )
})
