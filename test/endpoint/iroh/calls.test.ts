/** How often the binding is asked: each call of it costs as much as a chain of hooks. A binding by hand counts. */
import { assert, it, vi } from "@effect/vitest"
import type * as Iroh from "@number0/iroh"
import { Effect, Option } from "effect"
import type { EndpointConnection } from "fairlead/endpoint"

import { NativeConnection } from "../../../src/endpoint/iroh/NativeConnection.ts"
import { turn } from "../../kit/Settling.ts"
import { bytes, code, echo } from "../Peers.ts"
import { other } from "../Scripted.ts"

/** A binding whose streams echo, and whose peer ends the connection when the test says so. */
const counting = () => {
  const calls: Record<string, number> = {}
  const counted = <A>(name: string, result: A): A => {
    calls[name] = (calls[name] ?? 0) + 1
    return result
  }
  let how: string | null = null
  const listeners: Array<(text: string) => void> = []
  const ended = () => new Promise<string>((resolve) => void listeners.push(resolve))
  const end = (text: string) => {
    how ??= text
    for (const listener of listeners.splice(0)) listener(how)
  }
  const stream = () => {
    const written: Array<Array<number>> = []
    return {
      write: (chunk: Array<number>) => counted("write", Promise.resolve(written.push(chunk) && chunk.length)),
      finish: () => counted("finish", Promise.resolve()),
      stopped: () => counted("stopped", Promise.resolve(null)),
      read: () => counted("read", Promise.resolve(written.shift() ?? []))
    }
  }
  const failing = () => ended().then(() => Promise.reject(new Error("ConnectionLost(ApplicationClosed)")))
  const native = {
    openBi: () => {
      const both = stream()
      return counted("openBi", Promise.resolve({ send: both, recv: both }))
    },
    acceptBi: () => counted("acceptBi", failing()),
    closed: () => counted("closed", ended()),
    close: () => counted("close", end("closed")),
    closeReason: () => how,
    remoteId: () => counted("remoteId", { toString: () => other.id }),
    alpn: () => counted("alpn", [...echo]),
    paths: () => counted("paths", [])
  }
  const open = new Set<NativeConnection>()
  const connection = new NativeConnection(
    native as unknown as Iroh.Connection,
    {
      remoteId: () => counted("remoteId", other.id),
      alpn: () => counted("alpn", echo),
      side: "acceptor",
      address: undefined
    },
    open
  )
  return { calls, connection, end, open }
}

const listen = (connection: NativeConnection): Array<EndpointConnection.CloseReason> => {
  const reasons: Array<EndpointConnection.CloseReason> = []
  connection.onEnd((reason) => void reasons.push(reason))
  return reasons
}

it.effect(
  "endpoint iroh: a connection that is closed at once costs the close alone, and its listeners know the end",
  () =>
    Effect.gen(function* () {
      const { calls, connection, open } = counting()
      const reasons = listen(connection)
      connection.close(code(0), "")
      assert.deepStrictEqual(reasons, [{ _tag: "LocallyClosed" }])
      yield* turn
      assert.deepStrictEqual(calls, { close: 1 })
      assert.strictEqual(open.size, 0)
    })
)

it.effect("endpoint iroh: a waiting accept tells the end of its connection, and the binding is not asked for it", () =>
  Effect.gen(function* () {
    const { calls, connection, end } = counting()
    const reasons = listen(connection)
    const accepting = yield* Effect.forkScoped(Effect.exit(connection.acceptBi.next), { startImmediately: true })
    yield* turn
    end("closed by peer: enough (code 7)")
    yield* turn
    assert.deepStrictEqual(reasons, [{ _tag: "ApplicationClosed", code: code(7), reason: "enough" }])
    assert.isDefined(accepting.pollUnsafe())
    assert.deepStrictEqual(calls, { acceptBi: 1 })
  })
)

it.effect("endpoint iroh: where nothing waits the binding is asked for the end, once", () =>
  Effect.gen(function* () {
    const { calls, connection, end } = counting()
    const [first, second] = [listen(connection), listen(connection)]
    yield* turn
    end("timed out")
    yield* turn
    assert.deepStrictEqual([first, second], [[{ _tag: "TimedOut" }], [{ _tag: "TimedOut" }]])
    assert.deepStrictEqual(calls, { closed: 1 })
  })
)

it.effect("endpoint iroh: id, protocol and address are asked for when somebody looks, once", () =>
  Effect.gen(function* () {
    const { calls, connection } = counting()
    yield* turn
    assert.deepStrictEqual(calls, {})
    for (const _ of [1, 2]) {
      assert.deepStrictEqual(
        [connection.remoteId, connection.alpn, connection.remoteAddress],
        [other.id, echo, other.id]
      )
    }
    assert.deepStrictEqual(calls, { remoteId: 1, alpn: 1, paths: 1 })
  })
)

it.effect(
  "endpoint iroh: the ends of finished streams are asked for together, in time, or as soon as somebody waits for one",
  () =>
    Effect.gen(function* () {
      yield* Effect.acquireRelease(
        Effect.sync(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })),
        () => Effect.sync(() => vi.useRealTimers())
      )
      const { calls, connection } = counting()
      const finished = Effect.gen(function* () {
        const { send } = yield* connection.openBi.next
        yield* send.write(bytes("hello"))
        yield* send.finish
        yield* turn
        return send
      })
      for (let index = 0; index < 31; index++) yield* finished
      assert.isUndefined(calls["stopped"])
      yield* finished
      assert.strictEqual(calls["stopped"], 32)

      const { stopped } = yield* finished
      assert.strictEqual(calls["stopped"], 32)
      assert.deepStrictEqual(yield* stopped, Option.none())
      assert.strictEqual(calls["stopped"], 33)

      yield* finished
      vi.advanceTimersByTime(20)
      assert.strictEqual(calls["stopped"], 34)
    })
)
