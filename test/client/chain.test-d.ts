// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * The types of handlers and chains: what each raises and needs, and what is left when it is caught.
 */
import { Clock, Context, Effect, Schema } from "effect"
import type { Layer, Option } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"
import { expectTypeOf, test } from "vitest"

class TokenExpired extends Schema.TaggedError<TokenExpired>()("TokenExpired", { at: Schema.Int }) {}
class Open extends Schema.TaggedError<Open>()("Open", {}) {}
class StoreDown extends Schema.TaggedError<StoreDown>()("StoreDown", {}) {}
class Tokens extends Context.Service<Tokens, { readonly get: Effect.Effect<string, StoreDown> }>()("app/Tokens") {}

type Transport = HttpClientError.HttpClientError
type FollowUpError = ClientHandler.FollowUpError
type Handler<E = never, R = never> = ClientHandler.ClientHandler<E, R>

declare const base: HttpClient.HttpClient
declare const response: ClientHandler.Response
const toResponse = () => Effect.succeed(response)
const api = ClientChain.make("api")

const timing = ClientHandler.make("timing", {
  run: () => Effect.map(Clock.currentTimeMillis, (start) => ClientHandler.proceedWith(start)),
  afterResponse: (outcome, exchange, start) => {
    expectTypeOf(start).toEqualTypeOf<Option.Option<number>>()
    return Effect.log(exchange.request.url, outcome._tag, start)
  }
})
const auth = ClientHandler.make("auth", {
  run: ({ request }) =>
    Effect.gen(function* () {
      const token = yield* (yield* Tokens).get
      if (token === "") return yield* new TokenExpired({ at: 1 })
      return ClientHandler.proceed(HttpClientRequest.bearerToken(request, token))
    }),
  afterResponse: (outcome, { original }) =>
    outcome._tag === "Response" && outcome.response.status === 401
      ? ClientHandler.followUp(original, "token refused")
      : undefined
})
const breaker = ClientHandler.make("breaker", {
  run: () => (Math.random() > 1 ? Effect.fail(new Open()) : ClientHandler.proceed())
})

test("a handler's errors and needs are those of its two methods", () => {
  expectTypeOf(timing).toEqualTypeOf<Handler>()
  expectTypeOf(breaker).toEqualTypeOf<Handler<Open>>()
  expectTypeOf(ClientHandler.make("none", {})).toEqualTypeOf<Handler>()
  const both = ClientHandler.make("both", {
    run: () => Effect.fail(new Open()),
    afterResponse: () => Effect.andThen(Tokens, Effect.fail(new StoreDown()))
  })
  expectTypeOf(both).toEqualTypeOf<Handler<Open | StoreDown, Tokens>>()
})

test("client 4: only a handler that may follow up may fail with FollowUpError", () => {
  expectTypeOf(auth).toEqualTypeOf<Handler<TokenExpired | StoreDown | FollowUpError, Tokens>>()
  const instead = ClientHandler.make("instead", {
    afterResponse: (_, { original }) => Effect.succeed(ClientHandler.followUpInstead(original, "again"))
  })
  expectTypeOf(instead).toEqualTypeOf<Handler<FollowUpError>>()
})

test("client 2: the state of a run is an Option, of the type that the run returns", () => {
  ClientHandler.make("plain", {
    run: ({ request }) =>
      request.url === ""
        ? undefined
        : request.url === "/"
          ? ClientHandler.halt(response)
          : ClientHandler.proceedWith("a"),
    afterResponse: (__, _, state) => {
      expectTypeOf(state).toEqualTypeOf<Option.Option<string>>()
    }
  })
  ClientHandler.make("stateless", {
    run: () => ClientHandler.proceed(),
    afterResponse: (__, _, state) => {
      expectTypeOf(state).toEqualTypeOf<Option.Option<never>>()
    }
  })
  ClientHandler.make("unaware", {
    run: () => ClientHandler.proceedWith(1),
    // @ts-expect-error the state may be absent, since the run may not have been reached
    afterResponse: (__, _, state) => void state.toFixed()
  })
})

test("each method decides only what it can", () => {
  // @ts-expect-error run cannot ask for a follow-up
  ClientHandler.make("bad", { run: ({ request }) => ClientHandler.followUp(request, "no") })
  // @ts-expect-error run cannot replace a response that is not there
  ClientHandler.make("bad", { run: () => Effect.succeed(ClientHandler.respond(response)) })
  // @ts-expect-error afterResponse cannot halt
  ClientHandler.make("bad", { afterResponse: () => ClientHandler.halt(response) })
  // @ts-expect-error a response is no decision
  ClientHandler.make("bad", { afterResponse: () => response })
  // @ts-expect-error nor is a number
  ClientHandler.make("bad", { run: () => 1 })
})

test("client 8: a chain makes a client with the exact errors and needs", () => {
  const client = api.use(timing).use(auth).use(breaker).pipe(ClientChain.over(base))
  expectTypeOf(client).toEqualTypeOf<
    HttpClient.HttpClient.With<TokenExpired | StoreDown | FollowUpError | Open | Transport, Tokens>
  >()
  const caught = HttpClient.catchTag(client, "Open", toResponse)
  expectTypeOf(caught).toEqualTypeOf<
    HttpClient.HttpClient.With<TokenExpired | StoreDown | FollowUpError | Transport, Tokens>
  >()
})

test("client 8: a recover removes what is inside it, and nothing outside", () => {
  const inside = api.recover(Open, toResponse).use(breaker)
  expectTypeOf(inside).toEqualTypeOf<ClientChain.ClientChain<never, never, Open>>()
  const outside = api.use(breaker).recover(Open, toResponse).pipe(ClientChain.over(base))
  expectTypeOf(outside).toEqualTypeOf<{ readonly "nothing raises what is recovered": Open }>()
  const transport = api.recover(HttpClientError.HttpClientError, () => new StoreDown()).pipe(ClientChain.over(base))
  expectTypeOf(transport).toEqualTypeOf<HttpClient.HttpClient.With<StoreDown>>()
})

test("client 8: an error of a recover is caught further out, and not by itself", () => {
  const outer = api
    .recover(StoreDown, () => response)
    .recover(Open, () => new StoreDown())
    .use(breaker)
  expectTypeOf(outer).toEqualTypeOf<ClientChain.ClientChain<never, never, StoreDown | Open>>()
  const itself = api.recover(Open, () => new Open()).use(breaker)
  expectTypeOf(itself).toEqualTypeOf<ClientChain.ClientChain<Open, never, Open>>()
})

test("client 4: no recover of a chain removes FollowUpError, which is raised outside of all", () => {
  const chain = api.recover(ClientHandler.FollowUpError, toResponse).use(auth)
  expectTypeOf(chain).toEqualTypeOf<
    ClientChain.ClientChain<TokenExpired | StoreDown | FollowUpError, Tokens, FollowUpError>
  >()
})

test("client 8: an appended chain adds what the recovers before it leave", () => {
  const part = api.use(auth).recover(Open, toResponse).use(breaker)
  const all = ClientChain.make("all")
    .recover(TokenExpired, () => response)
    .append(part)
  expectTypeOf(all).toEqualTypeOf<ClientChain.ClientChain<StoreDown | FollowUpError, Tokens, TokenExpired | Open>>()
})

test("client 8: a layer over the HttpClient service leaves nothing but the transport's error", () => {
  const layer = ClientChain.layer(api.use(timing))
  expectTypeOf(layer).toEqualTypeOf<Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient>>()
  // @ts-expect-error Open is no HttpClientError
  ClientChain.layer(api.use(breaker))
  expectTypeOf(ClientChain.layer(api.recover(Open, toResponse).use(breaker))).toEqualTypeOf<
    Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient>
  >()
})

test("client 8: a separate client declares its errors", () => {
  class Github extends Context.Service<Github, HttpClient.HttpClient.With<Open | Transport>>()("app/Github") {}
  class Bare extends Context.Service<Bare, HttpClient.HttpClient.With<Open>>()("app/Bare") {}
  const layer = ClientChain.layerAs(api.use(breaker), Github)
  expectTypeOf(layer).toEqualTypeOf<Layer.Layer<Github, never, HttpClient.HttpClient>>()
  ClientChain.layerAs(api.use(timing), Github)
  // @ts-expect-error TokenExpired is not declared
  ClientChain.layerAs(api.use(auth), Github)
  // @ts-expect-error the transport's error is not declared
  ClientChain.layerAs(api.use(breaker), Bare)
  ClientChain.layerAs(api.recover(HttpClientError.HttpClientError, () => new Open()).use(breaker), Bare)
})

test("client 8: a class-tagged handler declares its errors, and its layer has the needs", () => {
  class Sign extends ClientHandler.Service<Sign>()("app/Sign", { error: [TokenExpired, Open] }) {}
  class Plain extends ClientHandler.Service<Plain>()("app/Plain") {}
  expectTypeOf(api.use(Sign)).toEqualTypeOf<ClientChain.ClientChain<TokenExpired | Open, Sign, never>>()
  expectTypeOf(api.use(Plain)).toEqualTypeOf<ClientChain.ClientChain<never, Plain, never>>()
  const needing = ClientHandler.make("sign", { run: () => Effect.asVoid(Tokens) })
  expectTypeOf(Sign.layer(needing)).toEqualTypeOf<Layer.Layer<Sign, never, Tokens>>()
  expectTypeOf(Sign.layer(breaker)).toEqualTypeOf<Layer.Layer<Sign>>()
  // @ts-expect-error StoreDown is not declared
  Sign.layer(auth)
  // @ts-expect-error nothing is declared
  Plain.layer(breaker)
})

test("a generic handler keeps the errors and needs of its argument", () => {
  const guard = <E, R>(ok: Effect.Effect<boolean, E, R>) =>
    ClientHandler.make("guard", {
      run: () =>
        Effect.flatMap(ok, (isOk) => (isOk ? Effect.succeed(ClientHandler.proceed()) : Effect.fail(new Open())))
    })
  expectTypeOf(
    api.use(
      guard(
        Effect.as(
          Effect.flatMap(Tokens, ({ get }) => get),
          true
        )
      )
    )
  ).toEqualTypeOf<ClientChain.ClientChain<StoreDown | Open, Tokens, never>>()
})

test("a cell's value has the type of its first", () => {
  const cell = ClientHandler.cell("count", () => 0)
  ClientHandler.make("counting", {
    run: (exchange) => {
      expectTypeOf(exchange.get(cell)).toEqualTypeOf<number>()
      // @ts-expect-error a string is no count
      exchange.set(cell, "1")
    }
  })
})
