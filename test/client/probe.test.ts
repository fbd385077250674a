import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schema } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import type { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { Probe } from "fairlead"
import { ClientChain, ClientHandler } from "fairlead/client"
import { TestClient } from "fairlead/testing/client"

import { shown } from "../kit/ProbeLines.ts"

class Red extends Schema.TaggedError<Red>()("Red", {}) {}

const url = "https://api.test/"
const ok = (request: ClientHandler.Request) => HttpClientResponse.fromWeb(request, new Response("ok"))
const answering = () => TestClient.make(TestClient.always({}, { body: "network" }))

/** All events of a request to the client, each as a line. */
const events = <E, R>(client: HttpClient.HttpClient.With<E, R>) =>
  Effect.gen(function* () {
    const seen: Array<Probe.Event> = []
    const probe = { report: (event: Probe.Event) => void seen.push(event) }
    const exit = yield* Effect.exit(
      Effect.provideService(client.execute(HttpClientRequest.get(url)), Probe.Probe, probe)
    )
    return { exit, seen, lines: seen.map(shown) }
  })

const noop = (name: string) => ClientHandler.make(name, { run: () => {}, afterResponse: () => {} })

const ends = (lines: ReadonlyArray<string>): ReadonlyArray<string> => lines.filter((line) => !line.endsWith(" start"))

describe("the probe of the client part", () => {
  it.effect("reports each method's start and end inside of the flow's, there and back, and the network between", () =>
    Effect.gen(function* () {
      const suspended = ClientHandler.make("suspended", {
        run: () => Effect.yieldNow,
        afterResponse: () => Effect.yieldNow
      })
      const chain = ClientChain.make("api").use(noop("plain")).use(suspended).use(ClientHandler.make("nothing", {}))
      const { lines, seen } = yield* events(chain.pipe(ClientChain.over(answering().client)))
      assert.deepStrictEqual(lines, [
        "api: flow api start",
        "api: run plain start",
        "api: run plain success",
        "api: run suspended start",
        "api: run suspended success",
        "api: network network start",
        "api: network network success",
        "api: afterResponse suspended start",
        "api: afterResponse suspended success",
        "api: afterResponse plain start",
        "api: afterResponse plain success",
        "api: flow api success"
      ])
      assert.isTrue(seen.every(({ flow, part }) => part === "client" && flow === seen[0]!.flow))
    })
  )

  it.effect("a halt is reported, and skipped handlers report only their way back", () =>
    Effect.gen(function* () {
      const cache = ClientHandler.make("cache", { run: ({ request }) => ClientHandler.halt(ok(request)) })
      const { lines } = yield* events(
        ClientChain.make("api").use(cache).use(noop("inside")).pipe(ClientChain.over(TestClient.make().client))
      )
      assert.deepStrictEqual(ends(lines), [
        "api: run cache halt",
        "api: afterResponse inside success",
        "api: flow api success"
      ])
    })
  )

  it.effect.each([
    ["an Exit", (): Effect.Effect<never, Red> => Exit.fail(new Red())],
    ["suspended", () => Effect.andThen(Effect.yieldNow, Effect.fail(new Red()))]
  ] as const)(
    "a failure is reported with its tag, and its recovery by a recover or a handler as such: %s",
    ([, fail]) =>
      Effect.gen(function* () {
        const failing = ClientHandler.make("failing", { run: fail })
        const { lines } = yield* events(
          ClientChain.make("api")
            .recover(Red, (_, { request }) => ok(request))
            .use(failing)
            .pipe(ClientChain.over(answering().client))
        )
        assert.deepStrictEqual(ends(lines), [
          "api: run failing failure Red",
          "api: recover recover(Red) recovered",
          "api: flow api success"
        ])
        const fallback = ClientHandler.make("fallback", {
          afterResponse: (_, { request }) => ClientHandler.respond(ok(request))
        })
        const again = yield* events(
          ClientChain.make("api").use(fallback).use(failing).pipe(ClientChain.over(answering().client))
        )
        assert.deepStrictEqual(ends(again.lines), [
          "api: run failing failure Red",
          "api: afterResponse fallback recovered",
          "api: flow api success"
        ])
        const left = yield* events(ClientChain.make("api").use(failing).pipe(ClientChain.over(answering().client)))
        assert.deepStrictEqual(ends(left.lines), ["api: run failing failure Red", "api: flow api failure Red"])
      })
  )

  it.effect("a failure of the network is reported, and a defect of a method that throws", () =>
    Effect.gen(function* () {
      const down = TestClient.make(TestClient.always({}, TestClient.fails("down")))
      const throwing = ClientHandler.make("throwing", {
        afterResponse: () => {
          throw new Error("bug")
        }
      })
      const { lines } = yield* events(ClientChain.make("api").use(throwing).pipe(ClientChain.over(down.client)))
      assert.deepStrictEqual(ends(lines), [
        "api: network network failure HttpClientError",
        "api: afterResponse throwing defect",
        "api: flow api defect"
      ])
    })
  )

  it.effect("follow-ups belong to the flow of their logical request, a handler's own requests to separate flows", () =>
    Effect.gen(function* () {
      const again = ClientHandler.make("again", {
        afterResponse: (_, { attempt, original }) =>
          attempt < 3 ? ClientHandler.followUp(original, "once more") : undefined
      })
      const { lines, seen } = yield* events(
        ClientChain.make("api").use(again).pipe(ClientChain.over(answering().client))
      )
      assert.deepStrictEqual(ends(lines).filter((line) => line.includes("network")).length, 3)
      assert.strictEqual(new Set(seen.map(({ flow }) => flow)).size, 1)

      const asking = ClientHandler.make("asking", {
        run: ({ inner }) => Effect.asVoid(inner.execute(HttpClientRequest.get(`${url}token`)))
      })
      const nested = yield* events(
        ClientChain.make("api").use(asking).use(noop("inside")).pipe(ClientChain.over(answering().client))
      )
      const flows = [...new Set(nested.seen.map(({ flow }) => flow))]
      assert.strictEqual(flows.length, 2)
      assert.deepStrictEqual(ends(nested.seen.filter(({ flow }) => flow === flows[1]).map(shown)), [
        "api: run inside success",
        "api: network network success",
        "api: afterResponse inside success",
        "api: flow api success"
      ])
    })
  )

  it.effect("an interruption is reported, and durations are of the clock", () =>
    Effect.gen(function* () {
      const seen: Array<Probe.Event> = []
      const waiting = ClientHandler.make("waiting", { run: () => Effect.sleep("5 seconds") })
      const client = ClientChain.make("api")
        .use(waiting)
        .pipe(ClientChain.over(TestClient.make(TestClient.always({}, TestClient.silence)).client))
      const fiber = yield* client
        .execute(HttpClientRequest.get(url))
        .pipe(
          Effect.provideService(Probe.Probe, { report: (event) => void seen.push(event) }),
          Effect.forkChild({ startImmediately: true })
        )
      yield* TestClock.adjust("7 seconds")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(
        seen.filter(({ type }) => type === "end").map((event) => [shown(event), event.durationNanos]),
        [
          ["api: run waiting success", 5_000_000_000n],
          ["api: network network interrupt", 2_000_000_000n],
          ["api: flow api interrupt", 7_000_000_000n]
        ]
      )
    })
  )

  it.effect("watched or not, an exchange has the same result", () =>
    Effect.gen(function* () {
      const client = ClientChain.make("api")
        .recover(Red, () => Effect.fail("blue" as const))
        .use(ClientHandler.make("red", { afterResponse: () => Effect.fail(new Red()) }))
        .pipe(ClientChain.over(answering().client))
      const unwatched = yield* Effect.exit(client.execute(HttpClientRequest.get(url)))
      assert.deepStrictEqual((yield* events(client)).exit, unwatched)
    })
  )

  it.effect("class-tagged handlers report by their id", () =>
    Effect.gen(function* () {
      class Sign extends ClientHandler.Service<Sign>()("app/Sign") {}
      const signed = events(ClientChain.make("api").use(Sign).pipe(ClientChain.over(answering().client)))
      const { lines } = yield* Effect.provide(signed, Sign.layer(ClientHandler.make("live", { run: () => {} })))
      assert.include(lines, "api: run app/Sign success")
    })
  )
})

it.effect("the testing kit's journal holds the ends, and passes all on to the probe that was there", () =>
  Effect.gen(function* () {
    const outer: Array<string> = []
    const client = ClientChain.make("api").use(noop("a")).pipe(ClientChain.over(answering().client))
    const { exit, journal } = yield* Effect.provideService(
      TestClient.observe(Effect.andThen(client.execute(HttpClientRequest.get(url)), Effect.fail(new Red()))),
      Probe.Probe,
      { report: ({ outcome, type }) => void outer.push(outcome ?? type) }
    )
    assert.deepStrictEqual(exit, Exit.fail(new Red()))
    assert.deepStrictEqual(TestClient.journalLines(journal), [
      "run a: success",
      "network: success",
      "afterResponse a: success"
    ])
    assert.strictEqual(outer.length, 8)
  })
)
