/** A rejection is the code that the peer sees, handlers end before their endpoint, and the end of a connection is noticed in time. */
import { assert } from "@effect/vitest"
import { Context, Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { Shutdown } from "fairlead"
import { Endpoint, EndpointHooks, ProtocolRouter } from "fairlead/endpoint"

import { bytes, chat, code, echo, pair, peer, readAll, reasonOf } from "../Peers.ts"
import type { Rule } from "./Contract.ts"

const serve = <R>(router: ProtocolRouter.ProtocolRouter<R>) =>
  Effect.map(Layer.build(ProtocolRouter.layer(router)), Context.get(Endpoint.Endpoint))

const tooLarge = new EndpointHooks.Reject({ status: 413, reason: "too large" })

export const endings = (it: Rule): void => {
  it("endpoint2 1.3: a handler's Reject is the code that the peer sees, also while it writes", () =>
    Effect.gen(function* () {
      const router = ProtocolRouter.make("peers").route(echo, (connection) =>
        Effect.gen(function* () {
          const recv = yield* Effect.orDie(connection.acceptUni)
          yield* Effect.orDie(recv.read())
          return yield* tooLarge
        })
      )
      const [ada, bob] = [yield* peer(), yield* serve(router)]
      for (let time = 0; time < 40; time++) {
        const here = yield* ada.connect(bob.addr, echo)
        const send = yield* here.openUni
        const writing = Effect.forever(Effect.andThen(send.write(new Uint8Array(1024)), Effect.yieldNow))
        const reason = yield* reasonOf(writing)
        assert.deepInclude(reason._tag === "ConnectionEnded" ? reason.closeReason : reason, {
          _tag: "ApplicationClosed",
          code: code(413),
          reason: "too large"
        })
      }
    }))

  it("endpoint2 1.3: a stream whose scope fails with a Reject is reset, and stopped, with its code", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const failing = Effect.andThen(
        Effect.flatMap(here.openUni, ({ write }) => write(bytes("x"))),
        tooLarge
      )
      yield* Effect.flip(Effect.scoped(failing))
      const reset = yield* reasonOf(Effect.scoped(Effect.flatMap(there.acceptUni, readAll)))
      assert.deepInclude(reset, { _tag: "StreamReset", code: code(413) })

      const send = yield* here.openUni
      yield* send.write(bytes("x"))
      yield* Effect.flip(Effect.scoped(Effect.andThen(there.acceptUni, tooLarge)))
      const writing = Effect.forever(Effect.andThen(send.write(new Uint8Array(1024)), Effect.yieldNow))
      assert.deepInclude(yield* reasonOf(writing), { _tag: "StreamStopped", code: code(413) })
    }))

  it("endpoint2 1.4: a router whose scope ends without an App notifies its handlers, whose last message the peer sees", () =>
    Effect.gen(function* () {
      const [scope, started] = [yield* Scope.make(), yield* Deferred.make<void>()]
      const router = ProtocolRouter.make("peers").route(echo, () =>
        Effect.gen(function* () {
          yield* Deferred.succeed(started, undefined)
          yield* (yield* Shutdown.Shutdown).await
          return yield* new EndpointHooks.Reject({ closeCode: 42n, reason: "shutdown" })
        })
      )
      const [ada, bob] = [yield* peer(), yield* Scope.provide(serve(router), scope)]
      const here = yield* ada.connect(bob.addr, echo)
      yield* Deferred.await(started)
      yield* Scope.close(scope, Exit.void)
      assert.deepInclude(yield* here.closed, { _tag: "ApplicationClosed", code: code(42), reason: "shutdown" })
    }))

  it("endpoint2 1.4: the onClose hooks of a connection run side by side", () =>
    Effect.gen(function* () {
      const last = yield* Deferred.make<void>()
      const seen: Array<string> = []
      const waiting = (name: string) =>
        EndpointHooks.make(name, {
          onClose: () =>
            Effect.andThen(
              Deferred.await(last),
              Effect.sync(() => void seen.push(name))
            )
        })
      const opening = EndpointHooks.make("opening", { onClose: () => Effect.asVoid(Deferred.succeed(last, undefined)) })
      const [ada, bob] = [yield* peer(waiting("a"), waiting("b"), opening), yield* peer()]
      yield* ada.connect(bob.addr, echo)
      yield* ada.close
      assert.deepStrictEqual(seen, ["a", "b"])
    }))

  it("endpoint2 1.4: a connection that ended during a slow afterHandshake is not handed out", () =>
    Effect.gen(function* () {
      const [asked, release] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const slow = EndpointHooks.make("slow", {
        afterHandshake: ({ alpn }) =>
          String(alpn) === String(chat)
            ? Effect.void
            : Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(release))
      })
      const [ada, bob] = [yield* peer(slow), yield* peer()]
      const other = yield* ada.connect(bob.addr, chat)
      const back = yield* bob.accept
      const dialling = yield* Effect.forkScoped(Effect.scoped(ada.connect(bob.addr, echo)))
      yield* Deferred.await(asked)
      yield* (yield* bob.accept).close(code(9), "changed my mind")
      // What the peer sends later is here: so is the end.
      yield* Effect.scoped(Effect.flatMap(back.openUni, ({ write }) => write(bytes("later"))))
      yield* Effect.scoped(Effect.flatMap(other.acceptUni, readAll))
      yield* Deferred.succeed(release, undefined)
      const reason = yield* reasonOf(Fiber.join(dialling))
      assert.deepInclude(reason._tag === "ConnectionEnded" ? reason.closeReason : reason, {
        _tag: "ApplicationClosed",
        code: code(9),
        reason: "changed my mind"
      })
    }))
}
