/** The router of protocols. */
import { assert, it } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import { Interceptor, Shutdown } from "fairlead"
import { Endpoint, EndpointHooks, HookChain, ProtocolRouter } from "fairlead/endpoint"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { logsOf } from "../server/Logs.ts"
import { bytes, chat, code, echo, eventually, peer, readText, reasonOf } from "./Peers.ts"

/** Answers each stream with what it said. */
const echoing = ProtocolRouter.make("peers").route(echo, (connection) =>
  Effect.gen(function* () {
    const { recv, send } = yield* connection.acceptBi
    let next = yield* recv.read()
    while (Option.isSome(next)) {
      yield* send.write(next.value)
      next = yield* recv.read()
    }
  }).pipe(Effect.orDie)
)

/** The router's endpoint, which lives until the scope ends. */
const serve = <R>(router: ProtocolRouter.ProtocolRouter<R>, options: ProtocolRouter.LayerOptions<never> = {}) =>
  Effect.map(Layer.build(ProtocolRouter.layer(router, options)), Context.get(Endpoint.Endpoint))

const memory = Effect.provide(TestEndpoint.layer())

it.effect("endpoint: a connection goes to the handler of its protocol, and ends when the peer has read", () =>
  Effect.gen(function* () {
    const seen: Array<string> = []
    const bob = yield* serve(
      echoing.route(chat, ({ remoteId }) =>
        Effect.sync(() => {
          seen.push(remoteId)
        })
      )
    )
    const ada = yield* peer()
    const here = yield* ada.connect(bob.addr, echo)
    const { recv, send } = yield* here.openBi
    yield* send.write(bytes("hello"))
    yield* send.finish
    assert.strictEqual(yield* readText(recv), "hello")
    yield* ada.connect(bob.addr, chat)
    yield* eventually(() => seen.length === 1)
    assert.deepStrictEqual(seen, [ada.id])

    // Nobody closes it, so the router does when the peer has had its time.
    yield* TestClock.adjust("5 seconds")
    assert.deepInclude(yield* here.closed, { _tag: "ApplicationClosed", code: code(0), reason: "" } as const)
  }).pipe(memory, Effect.scoped)
)

it.effect(
  "endpoint: a handler that rejects closes its connection with its code, one that dies with 500, and neither ends the router",
  () =>
    Effect.gen(function* () {
      const router = ProtocolRouter.make("peers")
        .route(echo, () => Effect.fail(new EndpointHooks.Reject({ status: 442, reason: "not today" })))
        .route(chat, () => Effect.die(new Error("broken")))
      const [, lines] = yield* logsOf(
        Effect.gen(function* () {
          const [ada, bob] = [yield* peer(), yield* serve(router)]
          for (let time = 0; time < 2; time++) {
            const rejected = yield* ada.connect(bob.addr, echo)
            assert.deepInclude(yield* rejected.closed, { code: code(442), reason: "not today" })
            const died = yield* ada.connect(bob.addr, chat)
            assert.deepInclude(yield* died.closed, { code: code(500), reason: "internal error" })
          }
        }).pipe(memory, Effect.scoped)
      )
      assert.deepStrictEqual(
        lines.filter(({ level }) => level === "Error").map(({ message }) => message),
        Array(2).fill(`The handler of "chat/1" in protocol router "peers" died`)
      )
    })
)

it.effect("endpoint: a handler that throws before it returns an Effect dies too", () =>
  Effect.gen(function* () {
    const router = ProtocolRouter.make("peers").route(echo, (): Effect.Effect<void> => {
      throw new Error("at once")
    })
    const [ada, bob] = [yield* peer(), yield* serve(router)]
    const connection = yield* ada.connect(bob.addr, echo)
    assert.deepInclude(yield* connection.closed, { code: code(500), reason: "internal error" })
  }).pipe(memory, Effect.scoped)
)

it.effect("endpoint: a handler that interrupts itself ends its connection with code 0, and nothing else", () =>
  Effect.gen(function* () {
    const router = echoing.route(chat, () => Effect.interrupt)
    const [ada, bob] = [yield* peer(), yield* serve(router)]
    const ended = yield* ada.connect(bob.addr, chat)
    assert.deepInclude(yield* ended.closed, { code: code(0), reason: "" })
    yield* ada.connect(bob.addr, echo)
  }).pipe(memory, Effect.scoped)
)

it.effect(
  "endpoint: when the application stops, nobody comes in, handlers end in their time, and those that do not are interrupted",
  () =>
    Effect.gen(function* () {
      const shutdown = yield* Shutdown.make
      const lines: Array<string> = []
      const router = ProtocolRouter.make("peers")
        .route(echo, () =>
          Effect.gen(function* () {
            yield* (yield* Shutdown.Shutdown).await
            lines.push("heard")
          })
        )
        .route(chat, () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => lines.push("interrupted"))))
      const bob = yield* Effect.provideService(
        serve(router, { grace: "3 seconds", linger: "1 second" }),
        Shutdown.Shutdown,
        shutdown
      )
      const ada = yield* peer()
      const [polite, stubborn] = [yield* ada.connect(bob.addr, echo), yield* ada.connect(bob.addr, chat)]
      yield* Effect.yieldNow
      yield* shutdown.notify
      yield* eventually(() => lines.length === 1)
      assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "ConnectionRefused")
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* polite.closed, { code: code(0) })
      const closed = yield* Effect.forkScoped(bob.closed)
      yield* Effect.yieldNow
      assert.isUndefined(closed.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude(yield* stubborn.closed, { code: code(0) })
      yield* Fiber.join(closed)
      assert.deepStrictEqual(lines, ["heard", "interrupted"])
    }).pipe(memory, Effect.scoped)
)

it.effect("endpoint: a router whose scope ends stops in the same way", () =>
  Effect.gen(function* () {
    const [scope, started] = [yield* Scope.make(), yield* Deferred.make<void>()]
    const router = ProtocolRouter.make("peers").route(echo, () =>
      Effect.andThen(Deferred.succeed(started, undefined), Effect.never)
    )
    const bob = yield* Scope.provide(serve(router), scope)
    const ada = yield* peer()
    const here = yield* ada.connect(bob.addr, echo)
    yield* Deferred.await(started)
    const closing = yield* Effect.forkScoped(Scope.close(scope, Exit.void))
    yield* TestClock.adjust("2 seconds")
    yield* Fiber.join(closing)
    assert.deepInclude(yield* here.closed, { code: code(0), reason: "" })
    assert.strictEqual((yield* reasonOf(bob.connect(ada.addr, echo)))._tag, "EndpointClosed")
  }).pipe(memory, Effect.scoped)
)

it.effect("endpoint: a handler may use the endpoint, and a stream that it leaves in failure is reset", () =>
  Effect.gen(function* () {
    const router = ProtocolRouter.make("peers").route(echo, (connection) =>
      Effect.gen(function* () {
        const send = yield* Effect.orDie(connection.openUni)
        yield* Effect.orDie(send.write(bytes((yield* Endpoint.Endpoint).id)))
        return yield* new EndpointHooks.Reject({ closeCode: 9n, reason: "enough" })
      })
    )
    const [ada, bob] = [yield* peer(), yield* serve(router)]
    const here = yield* ada.connect(bob.addr, echo)
    const failed = yield* reasonOf(Effect.scoped(Effect.flatMap(here.acceptUni, readText)))
    assert.strictEqual(failed._tag, "ConnectionEnded")
    assert.deepInclude(yield* here.closed, { code: code(9), reason: "enough" })
  }).pipe(memory, Effect.scoped)
)

it("endpoint: a protocol has one handler", () => {
  assert.throws(() => echoing.route(echo, () => Effect.void), `"echo/1" has a handler already`)
})

it("endpoint: a router, and a chain, are described as data, as text and as Mermaid", () => {
  assert.deepInclude(Interceptor.describe(echoing), { part: "endpoint", name: "peers" })
  assert.include(Interceptor.toText(echoing), "echo/1")
  assert.include(Interceptor.toMermaid(echoing), "echo/1")
  class Guard extends EndpointHooks.Service<Guard>()("app/Guard") {}
  const chain = HookChain.make("outer").use(EndpointHooks.make("first", {})).append(HookChain.make("inner").use(Guard))
  assert.deepStrictEqual(
    Interceptor.describe(chain).interceptors.map(({ kind, name }) => [kind, name]),
    [
      ["hooks", "first"],
      ["hooks", "app/Guard"]
    ]
  )
  assert.include(Interceptor.toText(chain), "app/Guard")
  assert.include(Interceptor.toMermaid(chain), "flowchart TD")
})
