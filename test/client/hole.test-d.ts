// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * No error is lost: at each parameter that is or returns an Effect, data-first and piped catches leave the same. TypeScript drops errors silently where a fixed
 * type is expected of a data-first catch.
 */
import { Context, Effect, Schema } from "effect"
import type { HttpClient } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"
import { expectTypeOf, test } from "vitest"

class TooSlow extends Schema.TaggedError<TooSlow>()("TooSlow", {}) {}
class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Expired extends Schema.TaggedError<Expired>()("Expired", {}) {}
class Store extends Context.Service<Store, string>()("app/Store") {}

type Fails<A> = Effect.Effect<A, TooSlow | Down, Store>
type Six<A> = readonly [A, A, A, A, A, A]
const isSlow = (error: TooSlow | Down): error is TooSlow => error._tag === "TooSlow"

declare const nothing: Fails<void>
declare const state: Fails<ClientHandler.Proceed<number>>
declare const respond: Fails<ClientHandler.Respond>
declare const followUp: Fails<ClientHandler.FollowUp | undefined>
declare const response: Fails<ClientHandler.Response>
declare const answer: ClientHandler.Response
declare const client: HttpClient.HttpClient.With<Expired, Store>
const toVoid = () => Effect.void
const toAnswer = () => Effect.succeed(answer)
const toState = () => Effect.succeed(ClientHandler.proceedWith(1))
const toRespond = () => Effect.succeed(ClientHandler.respond(answer))

test("the table has every method that takes a function", () => {
  type Methods = keyof ClientHandler.Methods<void, void>
  expectTypeOf<Methods>().toEqualTypeOf<"run" | "afterResponse">()
  type TakesValues = "use" | "append" | "over"
  type Chain = ClientChain.ClientChain<never, never, never>
  type Named = { [K in keyof Chain]: Chain[K] extends (...args: never) => unknown ? K : never }[keyof Chain]
  expectTypeOf<Exclude<Named, TakesValues>>().toEqualTypeOf<"recover">()
})

test("run", () => {
  const six = [
    ClientHandler.make("x", { run: () => Effect.catchTag(nothing, "TooSlow", toVoid) }),
    ClientHandler.make("x", { run: () => Effect.catchTags(nothing, { TooSlow: toVoid }) }),
    ClientHandler.make("x", { run: () => Effect.catchIf(nothing, isSlow, toVoid) }),
    ClientHandler.make("x", { run: () => nothing.pipe(Effect.catchTag("TooSlow", toVoid)) }),
    ClientHandler.make("x", { run: () => nothing.pipe(Effect.catchTags({ TooSlow: toVoid })) }),
    ClientHandler.make("x", { run: () => nothing.pipe(Effect.catchIf(isSlow, toVoid)) })
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<ClientHandler.ClientHandler<Down, Store>>>()
})

test("run with state", () => {
  const afterResponse = () => undefined
  const six = [
    ClientHandler.make("x", { run: () => Effect.catchTag(state, "TooSlow", toState), afterResponse }),
    ClientHandler.make("x", { run: () => Effect.catchTags(state, { TooSlow: toState }), afterResponse }),
    ClientHandler.make("x", { run: () => Effect.catchIf(state, isSlow, toState), afterResponse }),
    ClientHandler.make("x", { run: () => state.pipe(Effect.catchTag("TooSlow", toState)), afterResponse }),
    ClientHandler.make("x", { run: () => state.pipe(Effect.catchTags({ TooSlow: toState })), afterResponse }),
    ClientHandler.make("x", { run: () => state.pipe(Effect.catchIf(isSlow, toState)), afterResponse })
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<ClientHandler.ClientHandler<Down, Store>>>()
})

test("afterResponse", () => {
  const six = [
    ClientHandler.make("x", { afterResponse: () => Effect.catchTag(respond, "TooSlow", toRespond) }),
    ClientHandler.make("x", { afterResponse: () => Effect.catchTags(respond, { TooSlow: toRespond }) }),
    ClientHandler.make("x", { afterResponse: () => Effect.catchIf(respond, isSlow, toRespond) }),
    ClientHandler.make("x", { afterResponse: () => respond.pipe(Effect.catchTag("TooSlow", toRespond)) }),
    ClientHandler.make("x", { afterResponse: () => respond.pipe(Effect.catchTags({ TooSlow: toRespond })) }),
    ClientHandler.make("x", { afterResponse: () => respond.pipe(Effect.catchIf(isSlow, toRespond)) })
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<ClientHandler.ClientHandler<Down, Store>>>()
})

test("afterResponse that may follow up", () => {
  const six = [
    ClientHandler.make("x", { afterResponse: () => Effect.catchTag(followUp, "TooSlow", toVoid) }),
    ClientHandler.make("x", { afterResponse: () => Effect.catchTags(followUp, { TooSlow: toVoid }) }),
    ClientHandler.make("x", { afterResponse: () => Effect.catchIf(followUp, isSlow, toVoid) }),
    ClientHandler.make("x", { afterResponse: () => followUp.pipe(Effect.catchTag("TooSlow", toVoid)) }),
    ClientHandler.make("x", { afterResponse: () => followUp.pipe(Effect.catchTags({ TooSlow: toVoid })) }),
    ClientHandler.make("x", { afterResponse: () => followUp.pipe(Effect.catchIf(isSlow, toVoid)) })
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<ClientHandler.ClientHandler<Down | ClientHandler.FollowUpError, Store>>>()
})

test("recover", () => {
  const chain = ClientChain.make("x")
  const six = [
    chain.recover(Expired, () => Effect.catchTag(response, "TooSlow", toAnswer)),
    chain.recover(Expired, () => Effect.catchTags(response, { TooSlow: toAnswer })),
    chain.recover(Expired, () => Effect.catchIf(response, isSlow, toAnswer)),
    chain.recover(Expired, () => response.pipe(Effect.catchTag("TooSlow", toAnswer))),
    chain.recover(Expired, () => response.pipe(Effect.catchTags({ TooSlow: toAnswer }))),
    chain.recover(Expired, () => response.pipe(Effect.catchIf(isSlow, toAnswer)))
  ] as const
  expectTypeOf(six).toEqualTypeOf<Six<ClientChain.ClientChain<Down, Store, Expired>>>()
})

test("a handler, a chain and a client that are given are taken as they are", () => {
  const handler = ClientHandler.make("x", { run: () => nothing })

  const used = ClientChain.make("x").use(handler)
  expectTypeOf(used).toEqualTypeOf<ClientChain.ClientChain<TooSlow | Down, Store, never>>()
  expectTypeOf(ClientChain.make("y").append(used)).toEqualTypeOf<typeof used>()
  expectTypeOf(used.over(client)).toEqualTypeOf<HttpClient.HttpClient.With<TooSlow | Down | Expired, Store>>()
  // @ts-expect-error a chain that may fail with more is no chain that may fail with less
  const _less: ClientChain.ClientChain<Down, Store, never> = used
  // @ts-expect-error a handler that may fail is none that never fails
  const _never: ClientHandler.ClientHandler = handler
})

declare const hidden: Effect.Effect<void, any>
declare const demanding: Effect.Effect<void, never, any>
declare const unknowable: any
declare const hiddenAnswer: Effect.Effect<ClientHandler.Response, any>
declare const demandingAnswer: Effect.Effect<ClientHandler.Response, never, any>

test("a handler with an any in its errors or its needs makes no chain: it would swallow every other error", () => {
  const chain = ClientChain.make("x")
  const handlers = [
    chain.use(ClientHandler.make("x", { run: () => hidden })),
    chain.use(ClientHandler.make("x", { run: ({ request }) => (request.url === "" ? undefined : hidden) })),
    chain.use(ClientHandler.make("x", { afterResponse: () => hidden })),
    chain.use(
      ClientHandler.make("x", { run: () => state, afterResponse: (_, __, { _tag }) => Effect.as(hidden, void _tag) })
    )
  ] as const
  type Refused = { readonly "the error type is any: errors would be lost": never }
  expectTypeOf(handlers).toEqualTypeOf<readonly [Refused, Refused, Refused, Refused]>()
  const needing = ClientHandler.make("x", { afterResponse: () => demanding })
  expectTypeOf(chain.use(needing)).toEqualTypeOf<{
    readonly "the requirements are any: services would be lost": never
  }>()
  // @ts-expect-error what is refused is no chain
  void chain.use(needing).over
  // Where all of it is any, an unknown error is left over, which cannot go unseen.
  const unknown = chain.use(ClientHandler.make("x", { run: () => unknowable }))
  expectTypeOf(unknown).toEqualTypeOf<ClientChain.ClientChain<unknown, unknown, never>>()
})

test("a recovery with an any in its error or its needs makes no chain", () => {
  const chain = ClientChain.make("x")
  // @ts-expect-error the error is any
  void chain.recover(Expired, () => hiddenAnswer).over
  // @ts-expect-error whatever it looks at
  void chain.recover(Expired, (_, { attempt }) => (attempt === 1 ? answer : hiddenAnswer)).over
  // @ts-expect-error the requirements are any
  void chain.recover(Expired, () => demandingAnswer).over
  // @ts-expect-error all of it is any
  void chain.recover(Expired, () => unknowable).over
})

test("an implementation with an any does not make a layer", () => {
  class Sign extends ClientHandler.Service<Sign>()("app/Sign", { error: Down }) {}
  const named = ClientHandler.make("x", { run: () => hidden })
  expectTypeOf(Sign.layer(named)).toEqualTypeOf<{ readonly "the error type is any: errors would be lost": never }>()
})

test("what a generic chain is made of need not be known", () => {
  const made = <E, R>(ok: Effect.Effect<void, E, R>, or: Effect.Effect<ClientHandler.Response, E, R>) =>
    ClientChain.make("x")
      .recover(Expired, () => or)
      .use(ClientHandler.make("x", { run: () => ok }))
      .over(client)
  expectTypeOf(made(nothing, response)).toEqualTypeOf<HttpClient.HttpClient.With<TooSlow | Down, Store>>()
})
