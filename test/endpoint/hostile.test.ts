/** Peers and transports that misbehave. */
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Endpoint, EndpointHooks, Errors, HookChain, Identity, Transport } from "fairlead/endpoint"

import { code, echo, eventually, held, reasonOf } from "./Peers.ts"
import { knocking, scripted } from "./Scripted.ts"

const other = { id: Identity.EndpointId.make("11".repeat(32)), addrs: ["somewhere"] }

/** A connection that writes down how it is closed. */
const carried = (closes: Array<string>): Transport.Carried => {
  const end = Deferred.makeUnsafe<Errors.CloseReason>()
  return {
    remoteId: other.id,
    alpn: echo,
    side: "dialer",
    remoteAddress: "somewhere",
    openBi: Effect.never,
    openUni: Effect.never,
    acceptBi: Effect.never,
    acceptUni: Effect.never,
    close: (code, reason) =>
      Effect.suspend(() => {
        closes.push(`${code} ${reason}`)
        return Effect.asVoid(Deferred.succeed(end, Errors.CloseReason.make({ _tag: "Local" })))
      }),
    closed: Deferred.await(end),
    stats: Effect.succeed({ bytesSent: 0, bytesReceived: 0 })
  }
}

it.effect(
  "endpoint 8: a connection that comes when its dial is given up is closed with code 0, however the two meet",
  () =>
    Effect.gen(function* () {
      for (let yields = 0; yields < 20; yields++) {
        const closes: Array<string> = []
        const arrive = yield* Deferred.make<void>()
        let came = 0
        const dial = () =>
          Effect.map(Deferred.await(arrive), () => {
            came++
            return carried(closes)
          })
        const { connect } = yield* Endpoint.make({ alpns: [] }).pipe(scripted({ dial }))
        const dialling = yield* Effect.forkScoped(Effect.scoped(Effect.andThen(connect(other, echo), Effect.never)))
        yield* TestClock.adjust("1 second")
        yield* Deferred.succeed(arrive, undefined)
        for (let count = 0; count < yields; count++) yield* Effect.yieldNow
        yield* Fiber.interrupt(dialling)
        assert.deepStrictEqual(closes, Array(came).fill("0 "))
        if (yields > 15) assert.strictEqual(came, 1)
      }
    }).pipe(Effect.scoped)
)

it.effect(
  "endpoint 8: a connect that is interrupted in afterHandshake closes the connection with code 0, and its end is told",
  () =>
    Effect.gen(function* () {
      const [closes, lines]: [Array<string>, Array<string>] = [[], []]
      const slow = EndpointHooks.make("slow", {
        afterHandshake: () => Effect.never,
        onClose: (_, { _tag }) => void lines.push(_tag)
      })
      const { connect } = yield* Endpoint.make({ alpns: [], hooks: HookChain.make("x").use(slow) }).pipe(
        scripted({ dial: () => Effect.succeed(carried(closes)) })
      )
      const dialling = yield* Effect.forkScoped(Effect.scoped(connect(other, echo)))
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(dialling)
      assert.deepStrictEqual(closes, ["0 "])
      yield* eventually(() => lines.length === 1)
      assert.deepStrictEqual(lines, ["Local"])
    }).pipe(Effect.scoped)
)

it.effect("endpoint: connects that fail leave nothing in the scope that they were tried in", () =>
  Effect.gen(function* () {
    const closes: Array<string> = []
    let fails = true
    const refused = new Errors.ConnectError({ reason: new Errors.Refused({}) })
    const dial = () => (fails ? Effect.fail(refused) : Effect.succeed(carried(closes)))
    const { connect } = yield* Endpoint.make({ alpns: [] }).pipe(scripted({ dial }))
    yield* Effect.scoped(
      Effect.gen(function* () {
        const scope = yield* Effect.scope
        for (let time = 0; time < 50; time++)
          assert.strictEqual((yield* reasonOf(connect(other, echo)))._tag, "Refused")
        assert.strictEqual(held(scope), 0)
        fails = false
        yield* connect(other, echo)
      })
    )
    assert.deepStrictEqual(closes, ["0 "])
  }).pipe(Effect.scoped)
)

it.effect("endpoint: peers that never finish their handshake are given up, and hold up nobody meanwhile", () =>
  Effect.gen(function* () {
    const knocks = yield* Queue.unbounded<Transport.Knock>()
    let [refusals, given] = [0, 0]
    const silent = knocking({
      accept: Effect.onInterrupt(Effect.never, () => Effect.sync(() => given++)),
      refuse: Effect.sync(() => void refusals++)
    })
    const good = carried([])
    const endpoint = yield* Endpoint.make({ alpns: [echo], maxPending: 3 }).pipe(
      scripted({ knock: Queue.take(knocks), close: good.close(code(0), "") })
    )
    const came = yield* Effect.forkScoped(Stream.runHead(endpoint.incoming))
    yield* Queue.offerAll(knocks, [silent, silent])
    yield* Queue.offer(knocks, knocking({ accept: Effect.succeed(good) }))
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
    const broken = new Errors.BindError({ description: "The port is in use" })
    const exit = yield* Effect.flip(
      Endpoint.make({ alpns: [echo] }).pipe(
        Effect.provideService(Transport.Transport, { bind: () => Effect.fail(broken) }),
        Effect.scoped
      )
    )
    assert.strictEqual(exit.message, "The port is in use")
  })
)

it("endpoint: ids, ALPNs and close codes are checked where they are made", () => {
  assert.throws(() => Identity.alpn(""))
  assert.throws(() => Identity.alpn("x".repeat(256)))
  assert.strictEqual(Identity.alpn("x".repeat(255)).length, 255)
  assert.strictEqual(Identity.alpnText(Identity.alpn("héllo")), "héllo")
  assert.throws(() => code(-1))
  assert.throws(() => code(2n ** 62n))
  assert.strictEqual(code(2n ** 62n - 1n), 2n ** 62n - 1n)
  assert.throws(() => Identity.EndpointId.make("AA".repeat(32)))
  assert.throws(() => Identity.EndpointId.make("aa".repeat(31)))
})
