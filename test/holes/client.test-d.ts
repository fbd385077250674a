// @effect-diagnostics missingEffectError:off missingEffectContext:off
/**
 * No error is lost: at each parameter that is or returns an Effect, data-first and piped catches leave the same. TypeScript drops errors silently where a fixed
 * type is expected of a data-first catch.
 */
import { Context, Effect, Schema } from "effect"
import type { HttpClient } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"
import { expectTypeOf, test } from "vitest"

import { hole } from "./Hole.ts"

class TooSlow extends Schema.TaggedError<TooSlow>()("TooSlow", {}) {}
class Down extends Schema.TaggedError<Down>()("Down", {}) {}
class Expired extends Schema.TaggedError<Expired>()("Expired", {}) {}
class Store extends Context.Service<Store, string>()("app/Store") {}

type Fails<A> = Effect.Effect<A, TooSlow | Down, Store>

declare const nothing: Fails<void>
declare const state: Fails<ClientHandler.Proceed<number>>
declare const respond: Fails<ClientHandler.Respond>
declare const followUp: Fails<ClientHandler.FollowUp | undefined>
declare const response: Fails<ClientHandler.Response>
declare const answer: ClientHandler.Response
declare const methods: Fails<ClientHandler.Methods<void, void>>
declare const client: HttpClient.HttpClient.With<Expired, Store>

test("the table has every method that takes a function", () => {
  type Methods = keyof ClientHandler.Methods<void, void>
  expectTypeOf<Methods>().toEqualTypeOf<"once" | "run" | "afterResponse">()
  type TakesValues = "use" | "append" | "pipe"
  type Chain = ClientChain.ClientChain<never, never, never>
  type Named = { [K in keyof Chain]: Chain[K] extends (...args: never) => unknown ? K : never }[keyof Chain]
  expectTypeOf<Exclude<Named, TakesValues>>().toEqualTypeOf<"recover" | "recoverAll">()
})

test("run", () => {
  expectTypeOf(ClientHandler.make("x", { run: () => hole(nothing) })).toEqualTypeOf<
    ClientHandler.ClientHandler<Down, Store>
  >()
})

test("run with state", () => {
  const afterResponse = () => undefined
  expectTypeOf(ClientHandler.make("x", { run: () => hole(state), afterResponse })).toEqualTypeOf<
    ClientHandler.ClientHandler<Down, Store>
  >()
})

test("the Effect of makeEffect, which cannot fail", () => {
  // @ts-expect-error Down is left
  ClientHandler.makeEffect("x", () => hole(methods))
})

test("afterResponse", () => {
  expectTypeOf(ClientHandler.make("x", { afterResponse: () => hole(respond) })).toEqualTypeOf<
    ClientHandler.ClientHandler<Down, Store>
  >()
})

test("afterResponse that may follow up", () => {
  expectTypeOf(ClientHandler.make("x", { afterResponse: () => hole(followUp) })).toEqualTypeOf<
    ClientHandler.ClientHandler<Down | ClientHandler.FollowUpError, Store>
  >()
})

test("recover", () => {
  const chain = ClientChain.make("x")
  expectTypeOf(chain.recover(Expired, () => hole(response))).toEqualTypeOf<
    ClientChain.ClientChain<Down, Store, Expired, Expired>
  >()
})

test("a handler, a chain and a client as arguments are taken as they are", () => {
  const handler = ClientHandler.make("x", { run: () => nothing })

  const used = ClientChain.make("x").use(handler)
  expectTypeOf(used).toEqualTypeOf<ClientChain.ClientChain<TooSlow | Down, Store, never>>()
  expectTypeOf(ClientChain.make("y").append(used)).toEqualTypeOf<typeof used>()
  expectTypeOf(used.pipe(ClientChain.over(client))).toEqualTypeOf<
    HttpClient.HttpClient.With<TooSlow | Down | Expired, Store>
  >()
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
      ClientHandler.make("x", { run: () => state, afterResponse: (__, _, { _tag }) => Effect.as(hidden, void _tag) })
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

test("the parts of a generic chain need not be known", () => {
  const made = <E, R>(ok: Effect.Effect<void, E, R>, or: Effect.Effect<ClientHandler.Response, E, R>) =>
    ClientChain.make("x")
      .recover(Expired, () => or)
      .use(ClientHandler.make("x", { run: () => ok }))
      .pipe(ClientChain.over(client))
  expectTypeOf(made(nothing, response)).toEqualTypeOf<HttpClient.HttpClient.With<TooSlow | Down, Store>>()
})
