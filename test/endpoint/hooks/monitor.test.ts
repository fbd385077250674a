/** The monitor and the metrics. */
import { assert, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Metric, Stream } from "effect"
import { TestClock } from "effect/testing"
import { metrics, monitor } from "fairlead/endpoint/hooks"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { bytes, chat, code, echo, peer, readText, rejecting } from "../Peers.ts"

it.effect(
  "endpoint: a monitor reports connections that come and go, with reason, numbers and time, and the open ones",
  () =>
    Effect.gen(function* () {
      const watch = yield* monitor()
      const events = yield* Effect.forkScoped(Stream.runCollect(Stream.take(watch.events, 3)))
      yield* Effect.yieldNow
      const [ada, bob] = [yield* peer(watch.hooks), yield* peer()]
      const first = yield* ada.connect(bob.addr, echo)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* ada.connect(bob.addr, chat)
          assert.deepStrictEqual(
            (yield* watch.open).map(({ alpn }) => String(alpn)),
            [String(echo), String(chat)]
          )
          yield* Effect.scoped(Effect.flatMap(first.openUni, ({ write }) => write(bytes("12345"))))
          yield* TestClock.adjust("3 seconds")
          yield* (yield* bob.accept).close(code(7), "enough")
        })
      )
      const [one, two, three] = yield* Fiber.join(events)
      assert.deepStrictEqual([one?._tag, two?._tag, three?._tag], ["Opened", "Opened", "Closed"])
      assert.deepInclude(three, { duration: Duration.seconds(3), stats: { bytesSent: 5, bytesReceived: 0 } })
      assert.deepInclude(three?._tag === "Closed" ? three.reason : undefined, {
        _tag: "ApplicationClosed",
        code: code(7),
        reason: "enough"
      })
      while ((yield* watch.open).length > 0) yield* Effect.yieldNow
    }).pipe(Effect.provide(TestEndpoint.layer()), Effect.scoped)
)

it.effect("endpoint: a monitor and the metrics say nothing of rejections by earlier hooks", () =>
  Effect.gen(function* () {
    const watch = yield* monitor()
    const seen: Array<string> = []
    yield* Effect.forkScoped(Stream.runForEach(watch.events, ({ _tag }) => Effect.sync(() => seen.push(_tag))))
    yield* Effect.yieldNow
    const [ada, bob] = [yield* peer(), yield* peer(rejecting("strict", "afterHandshake"), watch.hooks, metrics())]
    const connection = yield* ada.connect(bob.addr, echo)
    yield* connection.closed
    yield* bob.close
    assert.deepStrictEqual(seen, [])
    assert.deepStrictEqual(yield* Metric.snapshot, [])
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.provideService(Metric.MetricRegistry, new Map()), Effect.scoped)
)

it.effect("endpoint: metrics count connections, streams and bytes", () =>
  Effect.gen(function* () {
    const [ada, bob] = [yield* peer(metrics({ maxAlpns: 1 })), yield* peer()]
    const here = yield* ada.connect(bob.addr, echo)
    const there = yield* bob.accept
    const read = (id: string): Effect.Effect<Array<Record<string, unknown>>> =>
      Effect.map(Metric.snapshot, (all) =>
        all
          .filter((metric) => metric.id === id)
          .map(({ attributes: { unit: _unit, ...attributes } = {}, state }) => {
            if ("count" in state) return { ...attributes, value: Number(state.count) }
            return { ...attributes, value: "value" in state ? Number(state.value) : undefined }
          })
      )
    const mine = { "tls.next_protocol": "echo/1", "fairlead.endpoint.side": "dialer" }
    const theirs = { ...mine, "tls.next_protocol": "_OTHER" }
    assert.deepStrictEqual(yield* read("fairlead.endpoint.connections"), [{ ...mine, value: 1 }])
    yield* Effect.scoped(Effect.flatMap(here.openUni, ({ write }) => write(bytes("12345"))))
    assert.strictEqual(yield* Effect.scoped(Effect.flatMap(there.acceptUni, readText)), "12345")
    yield* there.close(code(9_999), "odd")
    yield* here.closed
    const other = yield* ada.connect(bob.addr, chat)
    yield* other.close(code(0), "")
    yield* ada.close
    assert.sameDeepMembers(
      [...(yield* read("fairlead.endpoint.connections"))],
      [
        { ...mine, value: 0 },
        { ...theirs, value: 0 }
      ]
    )
    assert.deepStrictEqual(yield* read("fairlead.endpoint.streams"), [
      { ...mine, "fairlead.endpoint.stream.kind": "uni", "fairlead.endpoint.stream.initiator": "local", value: 1 }
    ])
    assert.sameDeepMembers(
      [...(yield* read("fairlead.endpoint.connection.duration"))],
      [
        {
          ...mine,
          "fairlead.endpoint.close_reason": "ApplicationClosed",
          "fairlead.endpoint.close_code": "_OTHER",
          value: 1
        },
        { ...theirs, "fairlead.endpoint.close_reason": "LocallyClosed", value: 1 }
      ]
    )
    assert.deepInclude(yield* read("fairlead.endpoint.io"), {
      ...mine,
      "network.io.direction": "transmit",
      value: 5
    })
  }).pipe(Effect.provide(TestEndpoint.layer()), Effect.provideService(Metric.MetricRegistry, new Map()), Effect.scoped)
)
