/** Hooks: their order, their time-outs, their defects. */
import { assert } from "@effect/vitest"
import { Deferred, Effect, Fiber, Logger, Scope } from "effect"
import { EndpointHooks } from "fairlead/endpoint"

import { chat, code, echo, eventually, journal, pair, peer, readAll, readText, reasonOf, rejecting } from "../Peers.ts"
import type { Pass, Rule } from "./Contract.ts"

export const hooks = (it: Rule, pass: Pass): void => {
  it("endpoint 4: hooks run in declared order, and the first rejection is the last that runs", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const ada = yield* peer(
        journal("a", lines),
        journal("b", lines),
        rejecting("c", "afterHandshake"),
        journal("d", lines)
      )
      const bob = yield* peer()
      yield* Effect.flip(ada.connect(bob.addr, echo))
      assert.deepStrictEqual(lines.slice(0, 5), [
        "a beforeConnect",
        "b beforeConnect",
        "d beforeConnect",
        "a afterHandshake dialer",
        "b afterHandshake dialer"
      ])
      // It has an end too, of which each hears.
      yield* eventually(() => lines.length === 8)
      assert.deepStrictEqual(lines.slice(5), [
        "a onClose LocallyClosed",
        "b onClose LocallyClosed",
        "d onClose LocallyClosed"
      ])
    }))

  it("endpoint 4: hooks that define one point accept the others", () =>
    Effect.gen(function* () {
      const [ada, bob] = [yield* peer(EndpointHooks.make("none", {})), yield* peer(EndpointHooks.make("none", {}))]
      yield* ada.connect(bob.addr, echo)
      assert.strictEqual((yield* bob.accept).remoteId, ada.id)
    }))

  it("endpoint 4: a hook that hangs stalls its own connection only, until its time-out", () =>
    Effect.gen(function* () {
      let stuck = 0
      const slow = EndpointHooks.make("slow", {
        timeout: "200 millis",
        afterHandshake: ({ alpn }) =>
          String(alpn) === String(chat)
            ? Effect.andThen(
                Effect.sync(() => stuck++),
                Effect.never
              )
            : Effect.void
      })
      const [ada, bob] = [yield* peer(), yield* peer(slow)]
      const hanging = yield* ada.connect(bob.addr, chat)
      yield* eventually(() => stuck === 1)
      yield* ada.connect(bob.addr, echo)
      assert.strictEqual(String((yield* bob.accept).alpn), String(echo))
      yield* pass("200 millis")
      assert.deepInclude(yield* hanging.closed, {
        _tag: "ApplicationClosed",
        code: code(403),
        reason: "the hook took too long"
      })
    }))

  it("endpoint 4: a hook that dies, or interrupts itself, rejects its own connection only", () =>
    Effect.gen(function* () {
      const fragile = EndpointHooks.make("fragile", {
        beforeConnect: ({ addr }) => {
          if (addr.addrs.length === 0) throw new Error("no address")
        },
        afterHandshake: ({ alpn }) => (String(alpn) === String(chat) ? Effect.interrupt : Effect.void)
      })
      const [ada, bob] = [yield* peer(fragile), yield* peer()]
      const internal = { _tag: "Rejected", hook: "fragile", code: code(500), text: "internal error" } as const
      assert.deepInclude(yield* reasonOf(ada.connect({ ...bob.addr, addrs: [] }, echo)), internal)
      assert.deepInclude(yield* reasonOf(ada.connect(bob.addr, chat)), internal)
      yield* ada.connect(bob.addr, echo)
      let there = yield* bob.accept
      if (String(there.alpn) === String(chat)) there = yield* bob.accept
      assert.strictEqual(String(there.alpn), String(echo))
    }).pipe(Effect.provide(Logger.layer([]))))

  it("endpoint 4: beforeAccept refuses, and a refused peer can come again", () =>
    Effect.gen(function* () {
      let open = false
      const door = EndpointHooks.make("door", { beforeAccept: () => (open ? "accept" : "refuse") })
      const [ada, bob] = [yield* peer(), yield* peer(door)]
      assert.strictEqual((yield* reasonOf(ada.connect(bob.addr, echo)))._tag, "ConnectionRefused")
      open = true
      yield* ada.connect(bob.addr, echo)
      assert.strictEqual((yield* bob.accept).remoteId, ada.id)
    }))

  it("endpoint 4: resources of hooks end with the attempt, the connection or the stream", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const held = (name: string) =>
        Effect.acquireRelease(
          Effect.sync(() => void lines.push(`+${name}`)),
          () => Effect.sync(() => lines.push(`-${name}`))
        )
      const holding = EndpointHooks.make("holding", {
        beforeConnect: () => held("attempt"),
        afterHandshake: () => held("connection"),
        onStreamOpen: () => held("stream"),
        onClose: () => Effect.sync(() => void lines.push("closed"))
      })
      const [ada, bob] = [yield* peer(holding), yield* peer()]
      const scope = yield* Scope.make()
      const here = yield* Scope.provide(ada.connect(bob.addr, echo), scope)
      assert.deepStrictEqual(lines, ["+attempt", "+connection", "-attempt"])
      yield* Effect.scoped(here.openUni)
      assert.deepStrictEqual(lines.slice(3), ["+stream", "-stream"])
      yield* here.close(code(1), "")
      yield* eventually(() => lines.length === 7)
      assert.deepStrictEqual(lines.slice(5), ["closed", "-connection"])
    }))

  it("endpoint 4: onStreamOpen decides on streams of both directions, and the connection lives on", () =>
    Effect.gen(function* () {
      const noUni = EndpointHooks.make("no-uni", {
        onStreamOpen: ({ kind }) =>
          kind === "uni" ? Effect.fail(new EndpointHooks.Reject({ closeCode: 9n, reason: "no" })) : Effect.void
      })
      const [ada, bob] = [yield* peer(noUni), yield* peer()]
      const here = yield* ada.connect(bob.addr, echo)
      const there = yield* bob.accept
      assert.deepInclude(yield* reasonOf(Effect.scoped(here.openUni)), {
        _tag: "Rejected",
        stage: "onStreamOpen"
      })

      // One that the peer opens is stopped with the code, and the acceptor never has it.
      yield* Effect.forkScoped(Effect.scoped(here.acceptUni))
      const unwanted = yield* there.openUni
      const stopped = yield* reasonOf(
        Effect.forever(Effect.andThen(unwanted.write(new Uint8Array(1)), pass("1 millis")))
      )
      assert.deepInclude(stopped, { _tag: "StreamStopped", code: code(9) })

      yield* Effect.scoped(
        Effect.flatMap(here.openBi, ({ send }) => send.write(new TextEncoder().encode("still here")))
      )
      const { recv } = yield* there.acceptBi
      assert.strictEqual(yield* readText(recv), "still here")
    }))

  it("endpoint2 1.2: a stream belongs to its connection: an accept interrupted while a hook decides loses neither", () =>
    Effect.gen(function* () {
      const [asked, admit] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      let times = 0
      const slow = EndpointHooks.make("slow", {
        onStreamOpen: () =>
          Effect.suspend(() => {
            times++
            return Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(admit))
          })
      })
      const [ada, bob] = [yield* peer(), yield* peer(slow)]
      const here = yield* ada.connect(bob.addr, echo)
      const there = yield* bob.accept
      const accepting = yield* Effect.forkScoped(Effect.scoped(there.acceptUni))
      const send = yield* here.openUni
      yield* send.write(new Uint8Array([7]))
      yield* Deferred.await(asked)
      yield* Fiber.interrupt(accepting)
      const again = yield* Effect.forkScoped(there.acceptUni)
      yield* Deferred.succeed(admit, undefined)
      const recv = yield* Fiber.join(again)
      yield* send.finish
      assert.deepStrictEqual([...(yield* readAll(recv))], [7])
      assert.strictEqual(times, 1)
    }))

  it("endpoint 2: the hooks of both sides are notified of a stream", () =>
    Effect.gen(function* () {
      const [mine, theirs]: [Array<string>, Array<string>] = [[], []]
      const [ada, bob] = [yield* peer(journal("a", mine)), yield* peer(journal("b", theirs))]
      const here = yield* ada.connect(bob.addr, echo)
      const there = yield* bob.accept
      const { send } = yield* here.openBi
      yield* send.write(new Uint8Array([1]))
      yield* there.acceptBi
      assert.include(mine, "a onStreamOpen local bi")
      assert.include(theirs, "b onStreamOpen remote bi")
    }))

  it("endpoint 5: closing an endpoint waits until its hooks have heard of each end", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const late = EndpointHooks.make("late", {
        onClose: ({ reason }) =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => void lines.push(reason._tag))
          )
      })
      const [ada, bob] = [yield* peer(late), yield* peer()]
      yield* ada.connect(bob.addr, echo)
      yield* ada.connect(bob.addr, chat)
      yield* ada.close
      assert.deepStrictEqual(lines, ["LocallyClosed", "LocallyClosed"])
    }))

  it("endpoint 6: watching a connection does not keep it open", () =>
    Effect.gen(function* () {
      const { here, there } = yield* pair
      const watcher = yield* Effect.forkScoped(here.closed)
      yield* there.close(code(3), "bye")
      const reason = yield* here.closed
      assert.deepInclude(reason, { _tag: "ApplicationClosed", code: code(3), reason: "bye" })
      assert.isDefined(watcher)
    }))
}
