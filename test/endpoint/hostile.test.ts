/** Peers and transports that misbehave. */
import { assert, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import {
  Alpn,
  Endpoint,
  EndpointError,
  EndpointHooks,
  EndpointId,
  EndpointTransport,
  HookChain
} from "fairlead/endpoint"

import { code, echo, eventually, held, reasonOf } from "./Peers.ts"
import { carried, connectsTo, knocking, other, scripted } from "./Scripted.ts"

it.effect("endpoint 8: the late connection of an abandoned dial is closed with code 0, however the two meet", () =>
  Effect.gen(function* () {
    for (let yields = 0; yields < 20; yields++) {
      const closes: Array<string> = []
      const arrive: Array<() => void> = []
      let came = 0
      const dial: EndpointTransport.BoundEndpoint["dial"] = (_addr, _alpn, done) => {
        arrive.push(() => {
          came++
          done(Exit.succeed(carried(closes)))
        })
        return () => {}
      }
      const { connect } = yield* Endpoint.make({ alpns: [] }).pipe(scripted({ dial }))
      const dialling = yield* Effect.forkScoped(Effect.scoped(Effect.andThen(connect(other, echo), Effect.never)))
      yield* TestClock.adjust("1 second")
      yield* Effect.forkScoped(Effect.sync(() => arrive[0]?.()))
      for (let count = 0; count < yields; count++) yield* Effect.yieldNow
      yield* Fiber.interrupt(dialling)
      assert.deepStrictEqual(closes, Array(came).fill("0 "))
      if (yields > 15) assert.strictEqual(came, 1)
    }
  }).pipe(Effect.scoped)
)

it.effect(
  "endpoint 8: a connect interrupted in afterHandshake closes the connection with code 0, and its end is reported",
  () =>
    Effect.gen(function* () {
      const [closes, lines]: [Array<string>, Array<string>] = [[], []]
      const slow = EndpointHooks.make("slow", {
        afterHandshake: () => Effect.never,
        onClose: ({ reason }) => void lines.push(reason._tag)
      })
      const { connect } = yield* Endpoint.make({ alpns: [], hooks: HookChain.make("x").use(slow) }).pipe(
        scripted({ dial: connectsTo(() => carried(closes)) })
      )
      const dialling = yield* Effect.forkScoped(Effect.scoped(connect(other, echo)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(dialling)
      assert.deepStrictEqual(closes, ["0 "])
      yield* eventually(() => lines.length === 1)
      assert.deepStrictEqual(lines, ["LocallyClosed"])
    }).pipe(Effect.scoped)
)

it.effect("endpoint: connects that fail leave nothing in the scope that they were tried in", () =>
  Effect.gen(function* () {
    const closes: Array<string> = []
    let fails = true
    const refused = new EndpointError.ConnectError({ reason: new EndpointError.ConnectionRefused({}) })
    const dial: EndpointTransport.BoundEndpoint["dial"] = (_addr, _alpn, done) => {
      done(fails ? Exit.fail(refused) : Exit.succeed(carried(closes)))
      return () => {}
    }
    const { connect } = yield* Endpoint.make({ alpns: [] }).pipe(scripted({ dial }))
    yield* Effect.scoped(
      Effect.gen(function* () {
        const scope = yield* Effect.scope
        for (let time = 0; time < 50; time++)
          assert.strictEqual((yield* reasonOf(connect(other, echo)))._tag, "ConnectionRefused")
        assert.strictEqual(held(scope), 0)
        fails = false
        yield* connect(other, echo)
      })
    )
    assert.deepStrictEqual(closes, ["0 "])
  }).pipe(Effect.scoped)
)

it.effect("endpoint: peers that never finish their handshake are abandoned, and hold up nobody meanwhile", () =>
  Effect.gen(function* () {
    const knocks = yield* Queue.unbounded<EndpointTransport.Incoming>()
    let [refusals, given] = [0, 0]
    const silent = knocking({
      accept: () => () => void given++,
      refuse: () => void refusals++
    })
    const good = carried([])
    const endpoint = yield* Endpoint.make({ alpns: [echo], maxPending: 3 }).pipe(
      scripted({ incoming: Queue.take(knocks), close: Effect.sync(() => good.close(code(0), "")) })
    )
    const came = yield* Effect.forkScoped(Stream.runHead(endpoint.incoming))
    yield* Queue.offerAll(knocks, [silent, silent])
    yield* Queue.offer(
      knocks,
      knocking({
        accept(done) {
          done(Exit.succeed(good))
          return () => {}
        }
      })
    )
    assert.strictEqual((yield* Fiber.join(came))._tag, "Some")

    // A flood is refused beyond what may be pending.
    yield* Queue.offerAll(knocks, Array(1000).fill(silent))
    yield* eventually(() => refusals === 999)
    yield* TestClock.adjust("10 seconds")
    assert.strictEqual(given, 3)
    yield* Queue.offer(knocks, silent)
    yield* TestClock.adjust("10 seconds")
    assert.deepStrictEqual([given, refusals], [4, 999])
  }).pipe(Effect.scoped)
)

it.effect("endpoint: a transport that cannot bind is an error of the layer", () =>
  Effect.gen(function* () {
    const broken = new EndpointError.BindError({
      reason: new EndpointError.AddressInUse({ addresses: ["127.0.0.1:1"] })
    })
    const exit = yield* Effect.flip(
      Endpoint.make({ alpns: [echo] }).pipe(
        Effect.provideService(EndpointTransport.EndpointTransport, { bind: () => Effect.fail(broken) }),
        Effect.scoped
      )
    )
    assert.strictEqual(exit.message, "127.0.0.1:1 is in use: end the other program, or bind to port 0")
  })
)

it("endpoint: ids, ALPNs and close codes are checked where they are made", () => {
  assert.throws(() => Alpn.fromString(""))
  assert.throws(() => Alpn.fromString("x".repeat(256)))
  assert.strictEqual(Alpn.fromString("x".repeat(255)).length, 255)
  assert.strictEqual(Alpn.format(Alpn.fromString("héllo")), "héllo")
  assert.throws(() => code(-1))
  assert.throws(() => code(2n ** 62n))
  assert.strictEqual(code(2n ** 62n - 1n), 2n ** 62n - 1n)
  assert.throws(() => EndpointId.EndpointId.make("AA".repeat(32)))
  assert.throws(() => EndpointId.EndpointId.make("aa".repeat(31)))
})
