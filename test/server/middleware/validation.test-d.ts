import { Context, Effect, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import type { HttpRouter, HttpServerError } from "effect/http"
import { Pipeline } from "fairlead/server"
import type { Middleware } from "fairlead/server"
import { RequestInput, validation } from "fairlead/server/middleware"
import type { RequestInputError } from "fairlead/server/middleware"
import { describe, expectTypeOf, it } from "vitest"

class Store extends Context.Service<Store, ReadonlySet<string>>()("test/Store") {}

class Create extends RequestInput<Create>()("test/Create", {
  params: Schema.Struct({ id: Schema.FiniteFromString }),
  query: Schema.Struct({ page: Schema.optionalKey(Schema.FiniteFromString) }),
  headers: Schema.Struct({ "x-tenant": Schema.String }),
  cookies: Schema.Struct({ visits: Schema.FiniteFromString }),
  body: Schema.Struct({ name: Schema.String, at: Schema.DateFromString, photo: Schema.File })
}) {}

class Search extends RequestInput<Search>()("test/Search", {
  query: Schema.Struct({ text: Schema.String })
}) {}

describe("validation", () => {
  it("provides what the schemas decode, without an annotation", () => {
    expectTypeOf<Effect.Success<typeof Create>>().toEqualTypeOf<{
      readonly params: { readonly id: number }
      readonly query: { readonly page?: number }
      readonly headers: { readonly "x-tenant": string }
      readonly cookies: { readonly visits: number }
      readonly body: { readonly name: string; readonly at: Date; readonly photo: File }
    }>()
    const app = Pipeline.make("p")
      .before(validation(Create))
      .handle(
        Effect.map(Create, ({ body, params }) => HttpServerResponse.text(body.name + body.at.getTime() + params.id))
      )
    expectTypeOf<Pipeline.ErrorsOf<typeof app>>().toEqualTypeOf<RequestInputError | HttpServerError.HttpServerError>()
    expectTypeOf<Pipeline.NeededBy<typeof app>>().toEqualTypeOf<HttpRouter.RouteContext>()
  })

  it("fails as HttpServerError only where it reads a body, and needs a route only for params", () => {
    expectTypeOf(validation(Search)).toEqualTypeOf<Middleware.Before<Search, RequestInputError>>()
  })

  it("needs the services of its schemas", () => {
    const needing: Schema.Codec<string, string, Store> = Schema.String
    class Needy extends RequestInput<Needy>()("test/Needy", {
      body: needing
    }) {}
    expectTypeOf(validation(Needy)).toEqualTypeOf<
      Middleware.Before<Needy, RequestInputError | HttpServerError.HttpServerError, Store>
    >()
  })

  it("does not compile without its provider, or with a part that no request has", () => {
    const open = Pipeline.make("p").handle(Effect.map(Search, ({ query }) => HttpServerResponse.text(query.text)))
    expectTypeOf<Pipeline.NeededBy<typeof open>>().toEqualTypeOf<Search>()
    // @ts-expect-error nothing provides Search
    Pipeline.toWebHandler(open)
    // @ts-expect-error there is no such part
    Effect.map(Search, ({ body }) => body)
    // @ts-expect-error there is no such field
    Effect.map(Search, ({ query }) => query.page)
    // @ts-expect-error a session is no part
    RequestInput<Search>()("test/Session", { session: Schema.Struct({ a: Schema.String }) })
    // @ts-expect-error a cookie is one text
    RequestInput<Search>()("test/Cookies", { cookies: Schema.Struct({ a: Schema.Array(Schema.String) }) })
    // @ts-expect-error a query has texts: use FiniteFromString
    RequestInput<Search>()("test/Numbers", { query: Schema.Struct({ page: Schema.Number }) })
    // @ts-expect-error a header is one text
    RequestInput<Search>()("test/Lists", { headers: Schema.Struct({ a: Schema.Array(Schema.String) }) })
    // @ts-expect-error a key without schemas
    validation(Store)
    // @ts-expect-error no such type
    validation(Search, { bodyTypes: ["xml"] })
    // @ts-expect-error its errors are not handled
    Pipeline.serve(Pipeline.make("p").before(validation(Search)).handle(HttpServerResponse.empty()))
    Pipeline.serve(Pipeline.make("p").before(validation(Search)).handle(HttpServerResponse.empty()).respond())
  })
})
