/**
 * `HttpClient.make` stands once, at the bottom: what Effect's client does for each request, a span to begin with, is done where the network is, and nowhere else.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Tracer } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"

const get = HttpClientRequest.get("https://api.test/")
const ok = (request: ClientHandler.Request) => HttpClientResponse.fromWeb(request, new Response("ok"))

/** How often a program called the network, and the spans that it made. */
const counting = (program: (network: HttpClient.HttpClient) => Effect.Effect<unknown, unknown>) =>
  Effect.gen(function* () {
    const spans: Array<string> = []
    let calls = 0
    const network = HttpClient.make((request) => Effect.sync(() => (calls++, ok(request))))
    const tracer = Tracer.make({
      span: (options) => {
        spans.push(`${options.kind} ${options.name}`)
        return new Tracer.NativeSpan(options)
      }
    })
    yield* Effect.withTracer(program(network), tracer)
    return { calls, spans }
  })

const client = "client GET"

const noop = ClientHandler.make("noop", { run: () => {}, afterResponse: () => {} })
const waiting = ClientHandler.make("waiting", { run: () => Effect.yieldNow, afterResponse: () => Effect.yieldNow })
const halting = ClientHandler.make("halting", { run: ({ request }) => ClientHandler.halt(ok(request)) })
const failing = ClientHandler.make("failing", { run: () => Effect.fail("refused" as const) })

const chainOf = (handlers: number) =>
  Array.from({ length: handlers }).reduce<ReturnType<typeof ClientChain.make>>(
    (chain, _, index) => chain.use(index % 2 === 0 ? noop : waiting),
    ClientChain.make("api")
  )

describe("the client at the bottom", () => {
  it.effect("client 9: a halt, and a failure on the way out, make no span of the client and call no network", () =>
    Effect.gen(function* () {
      const halted = yield* counting((network) =>
        chainOf(10).use(halting).use(noop).pipe(ClientChain.over(network)).execute(get)
      )
      assert.deepStrictEqual(halted, { calls: 0, spans: [] })
      const failed = yield* counting((network) =>
        Effect.flip(chainOf(10).use(failing).pipe(ClientChain.over(network)).execute(get))
      )
      assert.deepStrictEqual(failed, { calls: 0, spans: [] })
    })
  )

  it.effect(
    "client 9: none or a hundred handlers, and chains over chains, make one span for each request that is sent",
    () =>
      Effect.gen(function* () {
        for (const handlers of [0, 1, 10, 100]) {
          const once = yield* counting((network) => chainOf(handlers).pipe(ClientChain.over(network)).execute(get))
          assert.deepStrictEqual(once, { calls: 1, spans: [client] }, `${handlers} handlers`)
        }
        const stacked = yield* counting((network) =>
          chainOf(3)
            .pipe(ClientChain.over(chainOf(3).pipe(ClientChain.over(chainOf(3).pipe(ClientChain.over(network))))))
            .execute(get)
        )
        assert.deepStrictEqual(stacked, { calls: 1, spans: [client] })
      })
  )

  it.effect("client 9: the layer over the service adds no span", () =>
    Effect.gen(function* () {
      const over = (network: HttpClient.HttpClient) =>
        HttpClient.execute(get).pipe(
          Effect.provide(ClientChain.layer(chainOf(10))),
          Effect.provideService(HttpClient.HttpClient, network)
        )
      assert.deepStrictEqual(yield* counting(over), { calls: 1, spans: [client] })
    })
  )

  it.effect("client 9: a follow-up and a handler's own request are one each", () =>
    Effect.gen(function* () {
      const again = ClientHandler.make("again", {
        afterResponse: (_, { attempt, original }) =>
          attempt < 3 ? ClientHandler.followUp(original, "again") : undefined
      })
      const followed = yield* counting((network) => chainOf(5).use(again).pipe(ClientChain.over(network)).execute(get))
      assert.deepStrictEqual(followed, { calls: 3, spans: [client, client, client] })
      const asking = ClientHandler.make("asking", {
        run: ({ inner, request }) => Effect.asVoid(Effect.orDie(inner.execute(request)))
      })
      const asked = yield* counting((network) =>
        chainOf(5).use(asking).use(noop).pipe(ClientChain.over(network)).execute(get)
      )
      assert.deepStrictEqual(asked, { calls: 2, spans: [client, client] })
    })
  )
})
