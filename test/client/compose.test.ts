/**
 * How chains compose: append, over one another, the client below a handler, class-tagged handlers, and layers.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Schema } from "effect"
import { HttpClientError, HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { Interceptor } from "fairlead"
import { ClientChain, ClientHandler } from "fairlead/client"

class Expired extends Schema.TaggedError<Expired>()("Expired", {}) {}

class Token extends Context.Service<Token, string>()("app/Token") {}

class Journal extends Context.Service<Journal, Array<string>>()("app/Journal") {}

const origin = "http://localhost"
const url = `${origin}/`
const ok = (request: ClientHandler.Request) => HttpClientResponse.fromWeb(request, new Response("text"))

const pathOf = ({ url }: ClientHandler.Request) => url.slice(origin.length)

const noting = (name: string) =>
  ClientHandler.make(name, {
    run: ({ request }) => Effect.map(Journal, (journal) => void journal.push(`${name} out ${pathOf(request)}`)),
    afterResponse: (_, { request }) =>
      Effect.map(Journal, (journal) => void journal.push(`${name} back ${pathOf(request)}`))
  })

const network = HttpClient.make((request) => Effect.sync(() => ok(request)))
const networkLayer = Layer.succeed(HttpClient.HttpClient, network)

const journaled = <E>(use: Effect.Effect<unknown, E, Journal>) => {
  const journal: Array<string> = []
  return Effect.as(Effect.provideService(use, Journal, journal), journal)
}

describe("chains", () => {
  it.effect("client 3: a defect carries the name of the chain and of the handler that it came from", () =>
    Effect.gen(function* () {
      const boom = () => Effect.die("boom")
      const thrown = (): void => {
        throw new Error("boom")
      }
      const dying = [
        ClientHandler.make("run", { run: boom }),
        ClientHandler.make("thrown", { run: thrown }),
        ClientHandler.make("late", { run: () => Effect.andThen(Effect.yieldNow, boom()) }),
        ClientHandler.make("after", { afterResponse: boom })
      ]
      for (const handler of dying) {
        const client = ClientChain.make("all")
          .use(noting("a"))
          .use(handler)
          .use(noting("b"))
          .pipe(ClientChain.over(network))
        const cause = yield* Effect.sandbox(journaled(client.get(url))).pipe(Effect.flip)
        const { name } = handler as unknown as { readonly name: string }
        assert.deepInclude(Interceptor.causeOrigin(cause), { part: "client", composite: "all", interceptor: name })
      }
    })
  )

  it.effect("client 8: an appended chain acts as if its handlers were used at its place", () =>
    Effect.gen(function* () {
      const part = ClientChain.make("part").use(noting("b")).use(noting("c"))
      const client = ClientChain.make("all")
        .use(noting("a"))
        .append(part)
        .use(noting("d"))
        .pipe(ClientChain.over(network))
      const journal = yield* journaled(client.get(url))
      assert.deepStrictEqual(
        journal,
        ["a", "b", "c", "d"].map((name) => `${name} out /`).concat(["d", "c", "b", "a"].map((name) => `${name} back /`))
      )
    })
  )

  it.effect(
    "client 8: steps piped onto a chain's client run outside of its handlers, and one that fails keeps them from running",
    () =>
      Effect.gen(function* () {
        const client = ClientChain.make("all").use(noting("a")).pipe(ClientChain.over(network))
        const elsewhere = HttpClient.mapRequest(client, HttpClientRequest.setUrl(`${origin}/step`))
        assert.deepStrictEqual(yield* journaled(elsewhere.get(url)), ["a out /step", "a back /step"])
        const failing = HttpClient.mapRequestEffect(client, () => Effect.fail(new Expired()))
        assert.deepStrictEqual(yield* journaled(Effect.flip(failing.get(url))), [])
      })
  )

  it.effect("client 5: one call run twice is two logical requests, each with separate state", () =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const count = ClientHandler.cell("count", () => 0)
      const counting = ClientHandler.make("counting", {
        run: ({ get, set }) => set(count, get(count) + 1),
        afterResponse: (_, { attempt, get, original }) => {
          seen.push(get(count))
          return attempt === 1 ? ClientHandler.followUp(original, "again") : undefined
        }
      })
      const call = ClientChain.make("all").use(counting).pipe(ClientChain.over(network)).get(url)
      yield* Effect.all([call, call], { concurrency: "unbounded" })
      yield* call
      assert.deepStrictEqual(
        seen.toSorted((a, b) => a - b),
        [1, 1, 1, 2, 2, 2]
      )
    })
  )

  it.effect("client 8: a chain over another's client follows up through both", () =>
    Effect.gen(function* () {
      const again = ClientHandler.make("again", {
        afterResponse: (_, { attempt, original }) =>
          attempt === 1 ? ClientHandler.followUp(HttpClientRequest.setUrl(original, `${origin}/2`), "again") : undefined
      })
      const below = ClientChain.make("below").use(noting("below")).pipe(ClientChain.over(network))
      const journal = yield* journaled(
        ClientChain.make("above").use(again).pipe(ClientChain.over(below)).get(`${origin}/1`)
      )
      assert.deepStrictEqual(journal, ["below out /1", "below back /1", "below out /2", "below back /2"])
    })
  )

  it.effect("client 8: a handler's own requests pass the later handlers, and never itself", () =>
    Effect.gen(function* () {
      const refreshing = (name: string) =>
        ClientHandler.make(name, {
          run: ({ inner }) => Effect.asVoid(Effect.orDie(inner.get(`${url}${name}`))),
          afterResponse: (_, { inner }) => Effect.asVoid(Effect.orDie(inner.get(`${url}${name}/back`)))
        })
      const chain = ClientChain.make("c")
        .use(refreshing("outer"))
        .use(noting("x"))
        .use(refreshing("inner"))
        .use(noting("y"))
      const journal = yield* journaled(chain.pipe(ClientChain.over(network)).get(url))
      const outs = journal.filter((line) => line.includes(" out ")).map((line) => line.replace(" out ", " "))
      const sent = (path: string) => [`x ${path}`, "y /inner", `y ${path}`, "y /inner/back"]
      assert.deepStrictEqual(outs, [sent("/outer"), sent("/"), sent("/outer/back")].flat())
    })
  )

  it.effect("client 8: the client below a handler stays that when it is asked for after the exchange", () =>
    Effect.gen(function* () {
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      const revalidating = ClientHandler.make("revalidating", {
        afterResponse: (_, exchange) =>
          Effect.gen(function* () {
            const later = Effect.suspend(() => exchange.inner.get(`${exchange.request.url}?later`))
            fibers.push(yield* Effect.forkDetach(Effect.andThen(Effect.yieldNow, later)))
          })
      })
      const chain = ClientChain.make("c").use(noting("outer")).use(revalidating).use(noting("below"))
      const journal = yield* journaled(
        Effect.andThen(
          chain.pipe(ClientChain.over(network)).get(url),
          Effect.suspend(() => Fiber.joinAll(fibers))
        )
      )
      const outs = journal.filter((line) => line.includes(" out "))
      assert.deepStrictEqual(outs, ["outer out /", "below out /", "below out /?later"])
    })
  )

  it.effect("client 8: errors that the chain leaves unhandled are caught outside as ever", () =>
    Effect.gen(function* () {
      const expiring = ClientHandler.make("expiring", { run: () => Effect.fail(new Expired()) })
      const client = ClientChain.make("c").use(expiring).pipe(ClientChain.over(network))
      const caught = HttpClient.catchTag(client, "Expired", () => Effect.succeed(ok(HttpClientRequest.get(url))))
      assert.strictEqual((yield* caught.get(url)).status, 200)
    })
  )

  it("client 8: a chain is data, in the order of the way out", () => {
    class Sign extends ClientHandler.Service<Sign>()("app/Sign") {}
    const chain = ClientChain.make("api")
      .recover(Expired, () => ok(HttpClientRequest.get(url)))
      .use(Sign)
      .use(noting("a"))
    const { interceptors, name, part } = ClientChain.describe(chain)
    assert.deepStrictEqual([part, name], ["client", "api"])
    assert.deepStrictEqual(
      interceptors.map(({ kind, name }) => `${kind} ${name}`),
      ["recover recover(Expired)", "handler app/Sign", "handler a"]
    )
    for (const drawing of [Interceptor.toText(chain), Interceptor.toMermaid(chain)]) {
      for (const { name } of interceptors) assert.include(drawing, name)
    }
  })
})

describe("a class-tagged handler", () => {
  class Sign extends ClientHandler.Service<Sign>()("app/Sign", { error: Expired }) {}

  const signing = ClientHandler.make("sign", {
    run: ({ request }) =>
      Effect.map(Token, (token) => ClientHandler.proceedWith(token, HttpClientRequest.bearerToken(request, token))),
    afterResponse: (__, _, token) =>
      Effect.andThen(Token, (now) =>
        token._tag === "Some" && token.value === now ? Effect.void : Effect.fail(new Expired())
      )
  })
  const live = Layer.provide(Sign.layer(signing), Layer.succeed(Token, "secret"))

  it.effect("client 8: is implemented by a layer, which keeps what it needs", () =>
    Effect.gen(function* () {
      const got: Array<string | undefined> = []
      const noted = HttpClient.make((request) =>
        Effect.sync(() => (got.push(request.headers["authorization"]), ok(request)))
      )
      const client = ClientChain.make("c").use(Sign).pipe(ClientChain.over(noted))
      yield* Effect.provide(client.get(url), live)
      yield* Effect.provide(client.get(url), Sign.layer(ClientHandler.make("unsigned", {})))
      assert.deepStrictEqual(got, ["Bearer secret", undefined])
    })
  )

  it.effect("client 8: halts under its own name, and its defect is a failure like any other", () =>
    Effect.gen(function* () {
      const saw: Array<unknown> = []
      const watching = ClientHandler.make("watching", {
        afterResponse: (outcome, { haltedBy }) => void saw.push(haltedBy, outcome._tag)
      })
      const client = ClientChain.make("c").use(watching).use(Sign).pipe(ClientChain.over(network))
      const halting = ClientHandler.make("h", { run: ({ request }) => ClientHandler.halt(ok(request)) })
      const throwing = ClientHandler.make("t", {
        run: () => {
          throw new Error("defect")
        }
      })
      yield* Effect.provide(client.get(url), Sign.layer(halting))
      yield* Effect.exit(Effect.provide(client.get(url), Sign.layer(throwing)))
      assert.deepStrictEqual(saw, ["app/Sign", "Response", undefined, "Failure"])
    })
  )
})

describe("layers", () => {
  it.effect("client 8: put a chain before everybody who uses the HttpClient service", () =>
    Effect.gen(function* () {
      const prefixing = ClientHandler.make("prefix", {
        run: ({ request }) =>
          Effect.map(Token, (token) => ClientHandler.proceed(HttpClientRequest.setUrl(request, `${url}${token}`)))
      })
      const layer = ClientChain.layer(ClientChain.make("c").use(prefixing)).pipe(
        Layer.provide([networkLayer, Layer.succeed(Token, "secret")])
      )
      const response = yield* Effect.provide(HttpClient.get(url), layer)
      assert.strictEqual(response.request.url, `${url}secret`)
    })
  )

  it.effect(
    "client 8: a chain that follows up goes before the service too: FollowUpError is then the cause of an HttpClientError",
    () =>
      Effect.gen(function* () {
        const endless = ClientHandler.make("endless", {
          afterResponse: (_, { original }) => ClientHandler.followUp(original, "again")
        })
        const layer = Layer.provide(
          ClientChain.layer(ClientChain.make("c", { maxFollowUps: 2 }).use(endless)),
          networkLayer
        )
        const error = yield* Effect.flip(Effect.provide(HttpClient.get(url), layer))
        assert.instanceOf(error, HttpClientError.HttpClientError)
        assert.instanceOf(error.cause, ClientHandler.FollowUpError)
      })
  )

  it.effect("client 8: provide a chain as a separate client", () =>
    Effect.gen(function* () {
      class Api extends Context.Service<Api, HttpClient.HttpClient.With<Expired | HttpClientError.HttpClientError>>()(
        "app/Api"
      ) {}
      const expiring = ClientHandler.make("expiring", { run: () => Effect.fail(new Expired()) })
      const layer = ClientChain.make("c").use(expiring).pipe(ClientChain.layerAs(Api)).pipe(Layer.provide(networkLayer))
      const error = yield* Effect.flip(
        Effect.provide(
          Effect.flatMap(Api, (api) => api.get(url)),
          layer
        )
      )
      assert.deepStrictEqual(error, new Expired())
    })
  )
})
