import { createServer } from "node:http"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"

import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Deferred, Duration, Effect, Exit, Fiber, Layer } from "effect"
import { HttpRouter, HttpServerError, HttpServerResponse } from "effect/http"
import { Shutdown } from "fairlead"
import { App, Fairing } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"

import { logsOf } from "../../server/Logs.ts"
import { connecting, handshake, head, raw, word } from "./Clients.ts"
import { brief, launch, portOf, soon, tooLong } from "./Served.ts"

const hello = HttpRouter.add("*", "/", HttpServerResponse.text("hello"))

class First extends Context.Service<First, string>()("test/First") {}
class Second extends Context.Service<Second, string>()("test/Second") {}

/** Two managed layers that journal when they are released. */
const managed = (name: string, journal: Array<string>) => {
  const service = <I>(key: Context.Key<I, string>, word: string) =>
    Layer.effect(
      key,
      Effect.acquireRelease(Effect.succeed(word), () => Effect.sync(() => journal.push(`released ${word}`)))
    )
  return App.make(name).manage(service(First, "first")).manage(service(Second, "second")).mount(hello)
}

/** A fairing whose liftoff tells the port, and then ends as it is told. */
const ending = (end: Effect.Effect<void>) => {
  const bound = Deferred.makeUnsafe<number>()
  const hook = Fairing.onLiftoff("ending", ({ address }) =>
    Effect.andThen(Deferred.succeed(bound, portOf(address)), end)
  )
  return { hook, port: Deferred.await(bound) }
}

/** Clients that wait: a request, one whose body is still to come, one whose body never comes, one that waits for 100 Continue, an upgrade. */
const waiting = Effect.fnUntraced(function* (port: number, server: () => Server | undefined) {
  let arrived = 0
  const all = word()
  const note = () => {
    if (++arrived === 5) all.sayNow()
  }
  server()?.on("request", note).on("checkContinue", note).on("upgrade", note)
  const clients = yield* Effect.all([
    raw(port, head("GET /")),
    raw(port, `${head("POST /", "Content-Length: 5000000")}${"x".repeat(100_000)}`),
    raw(port, `${head("POST /", "Content-Length: 100")}half`),
    raw(port, head("POST /", "Content-Length: 4", "Expect: 100-continue")),
    raw(port, handshake("/"))
  ])
  yield* all.heard
  return clients
})

describe.concurrent("a launch that fails", () => {
  it.live("app 10: a liftoff hook that dies fails it; the shutdown runs, and who waited is answered 503", () =>
    Effect.gen(function* () {
      const die = word()
      const { hook, port: bound } = ending(Effect.andThen(die.heard, Effect.die(new Error("no moon"))))
      const journal: Array<string> = []
      let server: Server | undefined
      const app = managed("dies", journal)
        .attach(hook)
        .attach(Fairing.onLiftoff("patient", () => Effect.never))
        .attach(Fairing.onShutdown("stops", () => Effect.sync(() => void journal.push("shutdown hook"))))
      // One body never comes: its sender is answered when grace ends.
      const launching = yield* Effect.forkScoped(
        logsOf(
          Effect.exit(Effect.scoped(launch(app, { ...brief, grace: 3000, server: () => (server = createServer()) })))
        )
      )
      const port = yield* bound
      const clients = yield* waiting(port, () => server)
      yield* die.say
      // The body that was under way comes whole, and then its sender is answered too.
      yield* clients[1].write("x".repeat(4_900_000))
      const [exit, lines] = yield* Fiber.join(launching)
      const answers = yield* Effect.forEach(clients, ({ closed }) => closed)
      for (const answer of answers)
        assert.match(answer, /^HTTP\/1.1 503 Service Unavailable\r\n(?:.*\r\n)*Connection: close/i)
      assert.isTrue(clients.every(({ ended }) => ended()))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual(journal, ["shutdown hook", "released second", "released first"])
      assert.strictEqual(yield* connecting(port), "ECONNREFUSED")
      const errors = lines.filter(({ level }) => level === "Error").map(({ message }) => message)
      assert.deepStrictEqual(errors, ['Fairing "ending" died at liftoff'], "and not the one that was interrupted")
    })
  )

  it.live("app 10: it has stopped when the failure is seen, before the surrounding scope closes", () =>
    Effect.gen(function* () {
      const { hook, port: bound } = ending(Effect.die(new Error("no moon")))
      const layer = NodeApp.launch(App.make("dies").attach(hook).mount(hello), { port: 0, host: "127.0.0.1", ...brief })
      const [exit] = yield* logsOf(Effect.exit(Layer.build(layer)))
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(yield* connecting(yield* bound), "ECONNREFUSED")
    })
  )

  it.live(
    "app 10: stopped while a hook hangs, even one that cannot be interrupted, it ends within grace and mercy",
    () =>
      Effect.gen(function* () {
        const { hook, port: bound } = ending(Effect.uninterruptible(Effect.sleep(tooLong)))
        let server: Server | undefined
        const told = yield* Deferred.make<Effect.Effect<void>>()
        const telling = Fairing.onIgnite("telling", () =>
          Effect.asVoid(Effect.flatMap(Shutdown.Shutdown, ({ notify }) => Deferred.succeed(told, notify)))
        )
        const app = App.make("hangs")
          .attach(telling)
          .attach(hook)
          .attach(Fairing.onShutdown("endless", () => Effect.never))
          .mount(hello)
        const launching = yield* Effect.forkScoped(
          logsOf(launch(app, { grace: 600, mercy: 100, server: () => (server = createServer()) }))
        )
        const port = yield* bound
        const [client] = yield* waiting(port, () => server)
        yield* yield* Deferred.await(told)
        const [took, [{ launched }, lines]] = yield* Effect.timed(Fiber.join(launching))
        yield* launched.stopped
        assert.isAtLeast(Duration.toMillis(took), 690)
        assert.isBelow(Duration.toSeconds(took), soon)
        assert.match(yield* client.closed, /^HTTP\/1.1 503 /)
        assert.strictEqual(yield* connecting(port), "ECONNREFUSED")
        assert.isTrue(
          lines.some(({ message }) => message.includes("the liftoff hooks, which did not end within grace"))
        )
      })
  )

  it.live("app 9: interrupted at liftoff, it interrupts the hooks and releases everything", () =>
    Effect.gen(function* () {
      const interrupted = word()
      const { hook, port: bound } = ending(Effect.onInterrupt(Effect.never, () => interrupted.say))
      const journal: Array<string> = []
      const launching = yield* Effect.forkScoped(Effect.scoped(launch(managed("interrupted", journal).attach(hook))))
      const port = yield* bound
      yield* Fiber.interrupt(launching)
      yield* interrupted.heard
      assert.deepStrictEqual(journal, ["released second", "released first"])
      assert.strictEqual(yield* connecting(port), "ECONNREFUSED")
    })
  )

  it.live("app 9: a port in use is a typed error, and everything acquired is released", () =>
    Effect.gen(function* () {
      const other = yield* Effect.acquireRelease(
        Effect.callback<Server>((resume) => {
          const server = createServer()
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const { port } = other.address() as AddressInfo
      const journal: Array<string> = []
      const app = managed("taken", journal).attach(
        Fairing.onLiftoff("lift", () => Effect.sync(() => void journal.push("liftoff")))
      )
      const error = yield* Effect.flip(Effect.scoped(launch(app, { port })))
      assert.instanceOf(error, HttpServerError.ServeError)
      assert.strictEqual((error.cause as NodeJS.ErrnoException).code, "EADDRINUSE")
      assert.deepStrictEqual(journal, ["released second", "released first"])
      assert.isTrue(other.listening)
    })
  )

  it.live("app 9: a port is free again when the application that had it has stopped", () =>
    Effect.gen(function* () {
      const first = yield* launch(App.make("first").mount(hello))
      yield* first.stop
      const second = yield* launch(App.make("second").mount(hello), { port: first.port })
      assert.strictEqual(second.port, first.port)
    })
  )
})
