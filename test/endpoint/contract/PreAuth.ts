/** Authentication over a protocol of its own. */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, Redacted, Stream } from "effect"
import { Endpoint } from "fairlead/endpoint"
import type { EndpointConnection } from "fairlead/endpoint"
import { preAuthAcceptor, preAuthAlpn, preAuthDialer } from "fairlead/endpoint/hooks"

import { bytes, chainOf, chat, code, echo, peer, readText, reasonOf } from "../Peers.ts"
import type { Rule } from "./Contract.ts"

const token = Redacted.make("open sesame")

/** An endpoint that asks for the token, and counts how often it is shown. */
const guarded = (verify = (shown: string): boolean => shown === "open sesame", options = {}) =>
  Effect.gen(function* () {
    const shown: Array<string> = []
    const auth = preAuthAcceptor({
      ...options,
      verify: (token) => {
        shown.push(Redacted.value(token))
        return verify(Redacted.value(token))
      }
    })
    const endpoint = yield* Endpoint.make({ alpns: [auth.alpn, echo, chat], hooks: chainOf([auth.hooks]) })
    const incoming = yield* Queue.unbounded<EndpointConnection.EndpointConnection>()
    yield* Stream.runForEach(endpoint.incoming, (connection) =>
      String(connection.alpn) === String(auth.alpn)
        ? Effect.asVoid(Effect.forkChild(auth.handler(connection)))
        : Effect.asVoid(Queue.offer(incoming, connection))
    ).pipe(Effect.forkScoped)
    return { ...endpoint, accept: Queue.take(incoming), waiting: Queue.size(incoming), shown }
  })

export const preAuth = (it: Rule): void => {
  it("endpoint 7: without authentication other protocols are closed with 403", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(), yield* guarded()]
      const connection = yield* ada.connect(bob.addr, echo)
      assert.deepInclude(yield* connection.closed, {
        _tag: "ApplicationClosed",
        code: code(403),
        reason: "not authenticated"
      })
      assert.strictEqual(yield* bob.waiting, 0)

      // Whom it dials itself need not authenticate.
      yield* bob.connect(ada.addr, echo)
      assert.strictEqual((yield* ada.accept).remoteId, bob.id)
    }))

  it("endpoint 7: the dialer authenticates first, once for dials at the same time, and the protocol after it knows nothing of it", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(preAuthDialer({ token })), yield* guarded()]
      const connections = yield* Effect.all(
        [ada.connect(bob.addr, echo), ada.connect(bob.addr, chat), ada.connect(bob.addr, echo)],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(bob.shown, ["open sesame"])
      for (const _ of connections) assert.strictEqual((yield* bob.accept).remoteId, ada.id)

      const here = yield* ada.connect(bob.addr, echo)
      assert.deepStrictEqual(bob.shown, ["open sesame"])
      yield* Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(bytes("hello"))))
      const there = yield* bob.accept
      assert.strictEqual(yield* readText(yield* there.acceptUni), "hello")
    }))

  it("endpoint 7: an unaccepted token rejects the dial, and is shown again at the next", () =>
    Effect.gen(function* () {
      let good = false
      const [ada, bob] = [yield* peer(preAuthDialer({ token })), yield* guarded(() => good)]
      for (let time = 0; time < 2; time++) {
        assert.deepInclude(yield* reasonOf(ada.connect(bob.addr, echo)), {
          _tag: "Rejected",
          stage: "beforeConnect",
          hook: "preAuthDialer",
          text: "the peer did not accept the token"
        } as const)
      }
      good = true
      yield* ada.connect(bob.addr, echo)
      assert.strictEqual(bob.shown.length, 3)
    }))

  it("endpoint 7: a dial that leaves a shared attempt does not end it for the others", () =>
    Effect.gen(function* () {
      const [asked, answer] = [yield* Deferred.make<void>(), yield* Deferred.make<boolean>()]
      let times = 0
      const auth = preAuthAcceptor({
        verify: () =>
          Effect.suspend(() => {
            times++
            return Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(answer))
          })
      })
      const bob = yield* Endpoint.make({ alpns: [auth.alpn, echo], hooks: chainOf([auth.hooks]) })
      yield* Effect.forkScoped(
        Stream.runForEach(bob.incoming, (connection) =>
          String(connection.alpn) === String(auth.alpn)
            ? Effect.asVoid(Effect.forkChild(auth.handler(connection)))
            : Effect.void
        )
      )
      const ada = yield* peer(preAuthDialer({ token }))
      const first = yield* Effect.forkScoped(Effect.scoped(ada.connect(bob.addr, echo)))
      yield* Deferred.await(asked)
      const second = yield* Effect.forkScoped(ada.connect(bob.addr, echo))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(first)
      const third = yield* Effect.forkScoped(ada.connect(bob.addr, echo))
      yield* Effect.yieldNow
      yield* Deferred.succeed(answer, true)
      assert.strictEqual((yield* Fiber.join(second)).remoteId, bob.id)
      assert.strictEqual((yield* Fiber.join(third)).remoteId, bob.id)
      assert.strictEqual(times, 1)
    }))

  it("endpoint 7: after a failure it is tried where the peer is dialled next", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(preAuthDialer({ token })), yield* guarded()]
      const lost = yield* reasonOf(ada.connect({ ...bob.addr, addrs: [] }, echo))
      assert.deepInclude(lost, { hook: "preAuthDialer", text: "the authentication found nobody" } as const)
      yield* ada.connect(bob.addr, echo)
      assert.strictEqual((yield* bob.accept).remoteId, ada.id)
    }))

  it("endpoint 7: an invalid or too long token authenticates nobody", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(), yield* guarded(() => true)]
      const show = (body: Uint8Array) =>
        Effect.gen(function* () {
          const connection = yield* ada.connect(bob.addr, preAuthAlpn)
          const { recv, send } = yield* connection.openBi
          yield* Effect.ignore(Effect.andThen(send.write(body), send.finish))
          return yield* Effect.exit(recv.read())
        }).pipe(Effect.scoped)
      assert.strictEqual((yield* show(new Uint8Array(4097)))._tag, "Failure")
      assert.deepStrictEqual(bob.shown, [])
      const refused = yield* ada.connect(bob.addr, echo)
      assert.deepInclude(yield* refused.closed, { _tag: "ApplicationClosed", code: code(403) } as const)

      assert.strictEqual((yield* show(new Uint8Array(4096).fill(97)))._tag, "Success")
      const connection = yield* ada.connect(bob.addr, echo)
      assert.strictEqual((yield* bob.accept).remoteId, ada.id)
      yield* connection.close(code(0), "")
    }))

  it("endpoint 7: a dialer that the peer has forgotten authenticates again", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(preAuthDialer({ token })), yield* guarded(undefined, { maxKeys: 1 })]
      const eve = yield* peer(preAuthDialer({ token }))
      yield* ada.connect(bob.addr, echo)
      yield* bob.accept
      yield* eve.connect(bob.addr, echo) // takes the only place
      yield* bob.accept
      const forgotten = yield* ada.connect(bob.addr, echo)
      assert.deepInclude(yield* forgotten.closed, { _tag: "ApplicationClosed", code: code(403) } as const)
      assert.strictEqual(bob.shown.length, 2)
      // The hook hears of the end beside the application.
      yield* Effect.yieldNow
      yield* ada.connect(bob.addr, echo)
      assert.strictEqual((yield* bob.accept).remoteId, ada.id)
      assert.strictEqual(bob.shown.length, 3)
    }))
}
