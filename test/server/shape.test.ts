import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { InvalidOption } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"

import { endOf, Name, Place, response, run } from "./Journal.ts"
import { serving } from "./Socket.ts"

/** A counter of each kind of middleware, whose number of calls is in the response. */
const counters = {
  before: (open: Pipeline.Open<never, never, never>) =>
    open
      .before(
        Middleware.stateful(() => {
          let count = 0
          return Middleware.before("counter", Name, () => String(++count))
        })
      )
      .handle(Effect.map(Name, (name) => response(name))),
  after: (open: Pipeline.Open<never, never, never>) =>
    open.handle(response("0")).after(
      Middleware.stateful(() => {
        let count = 0
        return Middleware.after("counter", () => response(String(++count)))
      })
    ),
  pair: (open: Pipeline.Open<never, never, never>) =>
    open
      .link(
        Middleware.stateful(() => {
          let count = 0
          return Middleware.pair(
            "counter",
            Name,
            () => String(++count),
            (response) => response
          )
        })
      )
      .handle(Effect.map(Name, (name) => response(name))),
  outer: (open: Pipeline.Open<never, never, never>) =>
    open
      .outer(
        Middleware.stateful(() => {
          let count = 0
          return Middleware.outer("counter", () => Effect.sync(() => response(String(++count))))
        })
      )
      .handle(response("0")),
  "a pipeline inside": (open: Pipeline.Open<never, never, never>) =>
    open.handle(
      Pipeline.make("inner")
        .handle(response("0"))
        .after(
          Middleware.stateful(() => {
            let count = 0
            return Middleware.after("counter", () => response(String(++count)))
          })
        )
    )
}

const trailIn = (answer: Response) => answer.headers.get("trail")

describe("state belongs to the build", () => {
  for (const [kind, add] of Object.entries(counters)) {
    const app = add(Pipeline.make("p"))

    it.effect(`server2 0.1: two web handlers of one pipeline count for themselves: ${kind}`, () =>
      Effect.promise(async () => {
        const [one, two] = [Pipeline.toWebHandler(app), Pipeline.toWebHandler(app)]
        const call = async (handler: typeof one) => trailIn(await handler(new Request("http://localhost/")))
        assert.deepStrictEqual([await call(one), await call(one), await call(two)], ["1", "2", "1"])
        const { dispose, handler } = Pipeline.toWebHandlerLayer(app, Layer.empty)
        assert.deepStrictEqual([await call(handler), await call(handler)], ["1", "2"])
        await dispose()
      })
    )

    it.live(`server2 0.1: two servers of one pipeline count for themselves: ${kind}`, () =>
      Effect.gen(function* () {
        const [one, two] = [yield* serving(Pipeline.serve(app)), yield* serving(Pipeline.serve(app))]
        const call = ({ call }: typeof one) => Effect.map(call("/"), ({ headers }) => headers.get("trail"))
        assert.deepStrictEqual([yield* call(one), yield* call(one), yield* call(two)], ["1", "2", "1"])
      })
    )

    it.effect(`server2 0.1: a pipeline has one state when it is evaluated directly: ${kind}`, () =>
      Effect.gen(function* () {
        const own = add(Pipeline.make("own"))
        assert.deepStrictEqual([endOf(yield* run(own)), endOf(yield* run(own))], ["1", "2"])
      })
    )
  }

  it.effect("server2 0.1: wrap, middleware, globalMiddleware and layerHttpServer build too", () =>
    Effect.gen(function* () {
      const counting = Pipeline.make("counting")
        .next()
        .after(
          Middleware.stateful(() => {
            let count = 0
            return Middleware.after("counter", HttpServerResponse.setHeader("trail", String(++count)))
          })
        )
      const routes = HttpRouter.add("GET", "/", response("0"))
      const call = (app: unknown) =>
        Effect.map(
          Effect.flatMap(serving(app as Layer.Layer<never>), ({ call }) => call("/")),
          ({ headers }) => headers.get("trail")
        )
      const quiet = { disableLogger: true, disableListenLog: true }
      for (const provide of [
        () => HttpRouter.serve(routes.pipe(Layer.provide(Pipeline.middleware(counting).layer)), quiet),
        () => HttpRouter.serve(routes.pipe(Layer.provide(Pipeline.globalMiddleware(counting))), quiet),
        () => HttpRouter.serve(routes, quiet).pipe(Layer.provide(Pipeline.layerHttpServer(counting)))
      ]) {
        assert.deepStrictEqual([yield* call(provide()), yield* call(provide())], ["1", "1"])
      }
    }).pipe(Effect.scoped)
  )
})

describe("methods accept middleware of their kind only", () => {
  it("server2 0.2: anything else is refused with a message that names it and the constructor", () => {
    const open: any = Pipeline.make("p")
    const closed: any = Pipeline.make("p").handle(response("H"))
    const after = Middleware.after("a", (response) => response)
    for (const [method, attempt] of [
      ["before", () => open.before({})],
      ["before", () => open.before(after)],
      ["before", () => open.before(() => "Ada")],
      ["pair", () => open.link(after)],
      ["outer", () => open.outer((app: unknown) => app)],
      ["sending", () => closed.sending(after)],
      ["ended", () => closed.ended({ name: "x", run: () => {} })],
      ["after", () => closed.after(HttpServerResponse.empty())]
    ] as const) {
      try {
        attempt()
        assert.fail(`${method} accepted it`)
      } catch (error) {
        assert.instanceOf(error, InvalidOption)
        assert.include(error.message, `Middleware.${method}`)
      }
    }
  })

  it("server2 0.2: each kind is known", () => {
    assert.isTrue(Middleware.isBefore(Middleware.before("b", () => undefined)))
    assert.isTrue(Middleware.isAfter(Middleware.after("a", (response) => response)))
    assert.isTrue(
      Middleware.isPair(
        Middleware.pair(
          "p",
          () => 1,
          (response) => response
        )
      )
    )
    assert.isTrue(Middleware.isOuter(Middleware.outer("o", (app) => app)))
    assert.isTrue(Middleware.isSending(Middleware.sending("s", (response) => response)))
    assert.isTrue(Middleware.isEnded(Middleware.ended("e", () => undefined)))
    assert.isTrue(Pipeline.isPipeline(Pipeline.make("p")))
    assert.isFalse(Middleware.isBefore(Middleware.after("a", (response) => response)))
    assert.isFalse(Pipeline.isPipeline({}))
  })
})

class Auth extends Middleware.Service<Auth>()("test/shape/Auth", { provides: Name }) {}
class Store extends Context.Service<Store, string>()("test/shape/Store") {}

const who = Middleware.before(
  "who",
  Name,
  Effect.map(Store, (store) => store)
)

describe("classes of every kind, and whose services win", () => {
  it.effect("server2 0.3: the services of the Layer win over those of a call", () =>
    Effect.gen(function* () {
      const live = Auth.layer(who).pipe(Layer.provide(Layer.succeed(Store, "the Layer's")))
      const app = Pipeline.make("p")
        .before(Auth)
        .handle(Effect.map(Name, (name) => response(name)))
      const shadowed = Effect.provideService(run(app), Store, "the call's")
      assert.strictEqual(endOf(yield* Effect.provide(shadowed, live)), "the Layer's")
    })
  )

  it.effect(
    "server2 0.3: a call cannot put another implementation in the place of the one that a terminal was built with",
    () =>
      Effect.gen(function* () {
        const app = Pipeline.make("p")
          .before(Auth)
          .handle(Effect.map(Name, (name) => response(name)))
        const named = (name: string) => Auth.layer(Middleware.before(name, Name, () => name))
        const { dispose, handler } = Pipeline.toWebHandlerLayer(app, named("built"))
        const other = yield* Layer.build(named("other"))
        const call = handler as (request: Request, context: unknown) => Promise<Response>
        const answer = yield* Effect.promise(() => call(new Request("http://localhost/"), other))
        assert.strictEqual(trailIn(answer), "built")
        yield* Effect.promise(dispose)
      }).pipe(Effect.scoped)
  )

  it.effect(
    "server2 0.3: an after, a pair, an outer, a sending stage and an observer are implemented by a Layer too",
    () =>
      Effect.gen(function* () {
        const seen: Array<string> = []
        class After extends Middleware.Service<After>()("test/shape/After", { kind: "after" }) {}
        class Pair extends Middleware.Service<Pair>()("test/shape/Pair", { kind: "pair", provides: Place }) {}
        class Outer extends Middleware.Service<Outer>()("test/shape/Outer", { kind: "outer" }) {}
        class Sending extends Middleware.Service<Sending>()("test/shape/Sending", { kind: "sending" }) {}
        class Ended extends Middleware.Service<Ended>()("test/shape/Ended", { kind: "ended" }) {}
        const mark = (name: string) => (answer: HttpServerResponse.HttpServerResponse) =>
          HttpServerResponse.setHeader(answer, "trail", `${answer.headers["trail"]} ${name}`)
        const live = Layer.mergeAll(
          After.layer(
            Middleware.after("after", (answer) => Effect.map(Store, (store) => mark(`after ${store}`)(answer)))
          ),
          Pair.layer(Middleware.pair("pair", Place, Store, mark("pair"))),
          Outer.layer(
            Middleware.outer("outer", (app) =>
              Effect.gen(function* () {
                return mark(`outer ${yield* Store}`)(yield* app)
              })
            )
          ),
          Sending.layer(
            Middleware.sending("sending", (answer) => Effect.map(Store, (store) => mark(`sending ${store}`)(answer)))
          ),
          Ended.layer(Middleware.ended("ended", () => Effect.map(Store, (store) => void seen.push(`ended ${store}`))))
        ).pipe(Layer.provide(Layer.succeed(Store, "S")))
        const app = Pipeline.make("p")
          .sending(Sending)
          .ended(Ended)
          .outer(Outer)
          .link(Pair)
          .handle(
            Effect.map(Effect.all([Place, Effect.serviceOption(Store)]), ([place, store]) =>
              response(`${place} ${store._tag}`)
            )
          )
          .after(After)
        const server = yield* TestServer.make(app, live)
        const reply = yield* server.get("/")
        assert.strictEqual(reply.headers.get("trail"), "S None after S pair outer S sending S")
        assert.deepStrictEqual(seen, ["ended S"])
      })
  )
})
