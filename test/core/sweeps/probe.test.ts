/** Whatever is interrupted, and wherever: a probe hears of one end for each start, in every part. */
import { assert } from "@effect/vitest"
import { Effect, Exit, Layer, Logger, Stream } from "effect"
import type { Scope } from "effect"
import { HttpEffect, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Probe } from "fairlead"
import { App, Fairing } from "fairlead/app"
import { ChannelApi, ChannelHandler, ChannelServer } from "fairlead/channel"
import { ClientChain, ClientHandler } from "fairlead/client"
import { redirect, timeouts } from "fairlead/client/handlers"
import { Alpn, Endpoint, EndpointHooks, HookChain } from "fairlead/endpoint"
import { Middleware, Pipeline } from "fairlead/server"
import { TestApp } from "fairlead/testing/app"
import { TestChannel } from "fairlead/testing/channel"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { Watch } from "../../../src/core/Watch.ts"
import type { App as ServerApp } from "../../../src/server/HttpTypes.ts"
import { terminal } from "../../../src/server/Terminal.ts"
import { wireOf } from "../../client/handlers/Wire.ts"
import { sweeps } from "../../kit/Sweeping.ts"

const pause = Effect.andThen(Effect.yieldNow, Effect.yieldNow)
const quiet = Effect.provide(Logger.layer([]))

const keyOf = ({ attempt, composite, flow, index, interceptor, part, phase }: Probe.Event): string =>
  [part, composite, flow, interceptor, index, phase, attempt].join(" ")

/** What began and has not ended, and what ended without a beginning. */
const unmatched = (events: ReadonlyArray<Probe.Event>): ReadonlyArray<string> => {
  const open = new Map<string, number>()
  const strays: Array<string> = []
  for (const event of events) {
    const key = keyOf(event)
    const count = (open.get(key) ?? 0) + (event.type === "start" ? 1 : -1)
    if (count < 0) strays.push(`end without a start: ${key}`)
    else open.set(key, count)
  }
  return [...strays, ...Array.from(open).flatMap(([key, count]) => (count > 0 ? [`start without an end: ${key}`] : []))]
}

interface Watched<S, E, E1, E2> {
  readonly make: Effect.Effect<S, E1, Scope.Scope>
  readonly call: (subject: S) => Effect.Effect<unknown, E, Scope.Scope>
  /** Ends what the subject keeps open. */
  readonly end?: (subject: S) => Effect.Effect<unknown, E2, Scope.Scope>
}

const watched = <S, E, E1, E2 = never>(name: string, { call, end, make }: Watched<S, E, E1, E2>): void => {
  const probed = (events: Array<Probe.Event>) =>
    Effect.provideService(Probe.Probe, { report: (event: Probe.Event) => void events.push(event) })
  sweeps(`probe of ${name}`, {
    make: Effect.suspend(() => {
      const events: Array<Probe.Event> = []
      return Effect.map(quiet(probed(events)(make)), (subject) => ({ events, subject }))
    }),
    call: ({ events, subject }) => quiet(probed(events)(call(subject))),
    after: ({ events, subject }, exit) =>
      Effect.gen(function* () {
        if (Exit.isSuccess(exit)) assert.isAbove(events.length, 3)
        if (end !== undefined) yield* quiet(probed(events)(end(subject)))
        for (let turn = 0; turn < 500 && unmatched(events).length > 0; turn++) yield* Effect.yieldNow
        assert.deepStrictEqual(unmatched(events), [])
      })
  })
}

watched("a flow", {
  make: Effect.succeed(undefined),
  call: () =>
    Effect.withFiber((fiber) => {
      const watch = Watch.of(fiber, "server", "p")!
      const step = (name: string) => Effect.suspend(() => watch.around(name, "before", () => pause) as typeof pause)
      return watch.run(Effect.andThen(step("one"), step("two")))
    })
})

watched("a pipeline", {
  make: Effect.sync(() =>
    Pipeline.make("p")
      .outer(Middleware.outer("outer", (app) => app))
      .before(Middleware.before("before", pause))
      .handle(
        Effect.as(
          pause,
          HttpServerResponse.stream(Stream.mapEffect(Stream.make(new Uint8Array(2)), (part) => Effect.as(pause, part)))
        ),
        Middleware.around("around", (app) => Effect.andThen(pause, app))
      )
      .onExit("exit", () => pause)
      .after(Middleware.after("after", (response) => Effect.as(pause, response)))
      .sending(Middleware.sending("sending", (response) => Effect.as(pause, response)))
      .ended(Middleware.ended("ended", () => pause))
  ),
  call: (pipeline) =>
    HttpEffect.toHandled(Effect.interruptible(terminal(pipeline as unknown as ServerApp)), (_, response) =>
      response.body._tag === "Stream" ? Stream.runDrain(Stream.orDie(response.body.stream)) : Effect.void
    ).pipe(
      Effect.provideService(
        HttpServerRequest.HttpServerRequest,
        HttpServerRequest.fromWeb(new Request("http://test/"))
      ),
      Effect.exit
    )
})

watched("a client chain", {
  make: Effect.sync(() => {
    const { client } = wireOf(({ url }) =>
      Effect.as(
        pause,
        url.endsWith("end") ? new Response("body") : new Response("x", { status: 302, headers: { location: "/end" } })
      )
    )
    const waiting = ClientHandler.make("waiting", {
      once: () => pause,
      run: () => pause,
      afterResponse: () => pause
    })
    return ClientChain.over(
      ClientChain.make("c")
        .use(redirect())
        .use(timeouts())

        .use(waiting),
      client
    )
  }),
  call: (client) => Effect.flatMap(client.get("https://api.com/"), ({ text }) => text)
})

const any = ChannelApi.AnyPayload

class Room extends ChannelApi.make("room:{id}", {
  join: { payload: any },
  incoming: { ask: { payload: any, reply: any } },
  outgoing: { said: any }
}) {}

watched("a channel server", {
  make: Effect.suspend(() => {
    const handler = ChannelHandler.make("waits", {
      connect: () => Effect.as(pause, ChannelHandler.accept({})),
      join: () => pause,
      incoming: () => pause,
      leave: () => pause,
      disconnect: () => pause
    })
    const live = Room.layer({
      join: () => pause,
      on: { ask: (payload) => Effect.as(pause, payload) },
      leave: () => pause
    })
    return TestChannel.make(ChannelServer.make("chat").use(handler).mount(Room), live)
  }),
  call: (server) =>
    Effect.gen(function* () {
      const client = yield* server.connect()
      yield* client.join("room:1")
      yield* client.push("room:1", "ask", 1)
      yield* client.leave("room:1")
    })
})

const echo = Alpn.fromString("echo/1")

watched("an endpoint", {
  make: Effect.gen(function* () {
    const hooks = HookChain.make("door").use(
      EndpointHooks.make("slow", {
        beforeConnect: () => pause,
        beforeAccept: () => Effect.as(pause, "accept" as const),
        afterHandshake: () => pause,
        onStreamOpen: () => pause,
        onClose: () => pause
      })
    )
    const network = yield* Layer.build(TestEndpoint.layer())
    const endpoint = Effect.provide(Endpoint.make({ alpns: [echo], hooks }), network)
    return { ada: yield* endpoint, bob: yield* endpoint }
  }),
  call: ({ ada, bob }) => Effect.flatMap(ada.connect(bob.addr, echo), ({ openUni }) => openUni),
  end: ({ ada, bob }) => Effect.andThen(ada.close, bob.close)
})

watched("an application", {
  make: Effect.sync(() =>
    App.make("shop")
      .attach(
        Fairing.make("waits", {
          onIgnite: () => pause,
          onLiftoff: () => pause,
          onRequest: () => pause,
          onResponse: () => pause,
          onShutdown: () => pause
        })
      )
      .mount(HttpRouter.add("GET", "/", Effect.as(pause, HttpServerResponse.text("hello"))))
  ),
  call: (app) =>
    Effect.gen(function* () {
      const launched = yield* TestApp.make(app)
      yield* launched.get("/")
      yield* launched.terminate
    })
})
