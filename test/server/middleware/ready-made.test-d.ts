import { Context, Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import type { HttpServerRequest } from "effect/http"
import type { RateLimiter } from "effect/persistence"
import { Fairing } from "fairlead/app"
import * as fairings from "fairlead/app/fairings"
import { HeaderValue, Middleware } from "fairlead/server"
import {
  accessLog,
  bodyLimit,
  conditional,
  cors,
  cspNonce,
  methodNotAllowed,
  metrics,
  requestId,
  securityHeaders
} from "fairlead/server/middleware"
import type { AccessLogEntry } from "fairlead/server/middleware"
import { describe, expectTypeOf, it } from "vitest"

class Store extends Context.Service<Store, { readonly note: Effect.Effect<void> }>()("test/Store") {}

describe("securityHeaders", () => {
  it("is a sending stage without needs, and a fairing", () => {
    expectTypeOf(securityHeaders()).toEqualTypeOf<Middleware.Sending>()
    expectTypeOf(fairings.securityHeaders({ xFrameOptions: "DENY" })).toEqualTypeOf<Fairing.Fairing>()
    expectTypeOf(cspNonce).toEqualTypeOf<Effect.Effect<string, never, HttpServerRequest.HttpServerRequest>>()
    // An option may be undefined.
    securityHeaders({ contentSecurityPolicy: undefined, name: undefined, referrerPolicy: ["origin", "no-referrer"] })
    // @ts-expect-error a directive that no browser knows
    securityHeaders({ contentSecurityPolicy: { directives: { "script-source": ["'self'"] } } })
    // @ts-expect-error browsers dropped it
    securityHeaders({ xFrameOptions: "ALLOW-FROM" })
    // @ts-expect-error it names one thing at least
    HeaderValue.clearSiteData()
    // @ts-expect-error there is no such data
    HeaderValue.clearSiteData("passwords")
  })
})

describe("cors", () => {
  it("needs what its function of origins needs", () => {
    expectTypeOf(cors({ allowedOrigins: "*" })).toEqualTypeOf<Middleware.Outer<never>>()
    const known = (origin: string) => Effect.map(Store, () => origin !== "null")
    expectTypeOf(cors({ allowedOrigins: known })).toEqualTypeOf<Middleware.Outer<never, never, Store>>()
    expectTypeOf(fairings.cors({ allowedOrigins: known })).toEqualTypeOf<Fairing.Fairing<never, never, Store>>()
    expectTypeOf(fairings.cors({ allowedOrigins: ["https://a.example"] })).toEqualTypeOf<Fairing.Fairing>()
    // @ts-expect-error the origins are required
    cors({})
    // @ts-expect-error one origin is a list of one
    cors({ allowedOrigins: "https://a.example" })
    // @ts-expect-error the function cannot fail
    cors({ allowedOrigins: () => Effect.fail("no") })
  })
})

describe("accessLog and metrics", () => {
  it("need what the printer needs, and nothing else", () => {
    expectTypeOf(accessLog()).toEqualTypeOf<Middleware.Ended>()
    const print = (line: string, { route, status }: AccessLogEntry) =>
      Effect.flatMap(Store, ({ note }) => Effect.as(note, [line, route, status]))
    expectTypeOf(accessLog({ print })).toEqualTypeOf<Middleware.Ended<Store>>()
    expectTypeOf(fairings.accessLog({ print })).toEqualTypeOf<Fairing.Fairing<never, never, Store>>()
    expectTypeOf(fairings.accessLog({ format: "json" })).toEqualTypeOf<Fairing.Fairing>()
    expectTypeOf(metrics()).toEqualTypeOf<Middleware.Outer<never>>()
    expectTypeOf(fairings.metrics({ boundaries: undefined })).toEqualTypeOf<Fairing.Fairing>()
    // @ts-expect-error no such format
    accessLog({ format: "apache" })
    // @ts-expect-error the printer cannot fail
    accessLog({ print: () => Effect.fail("no") })
    // @ts-expect-error there is no such level
    accessLog({ level: "Loud" })
    // @ts-expect-error attributes are texts
    metrics({ attributes: { a: 1 } })
  })
})

describe("conditional and methodNotAllowed", () => {
  it("need what the state needs; routes keep their types", () => {
    expectTypeOf(conditional()).toEqualTypeOf<Middleware.Outer<never>>()
    const current = () => Effect.map(Store, () => ({ etag: '"1"' }))
    expectTypeOf(conditional({ current })).toEqualTypeOf<Middleware.Outer<never, never, Store>>()
    // @ts-expect-error a date is a Date
    conditional({ current: () => Effect.succeed({ lastModified: "today" }) })
    // @ts-expect-error the state cannot fail
    conditional({ current: () => Effect.fail("no") })
    const route = HttpRouter.add("GET", "/", Effect.as(Store, HttpServerResponse.empty()))
    expectTypeOf(methodNotAllowed(route)).toEqualTypeOf<typeof route>()
    // @ts-expect-error it takes routes
    methodNotAllowed({})
  })
})

describe("Fairing.middleware", () => {
  it("has the needs of the middleware", () => {
    const note = Middleware.ended("note", () => Effect.flatMap(Store, ({ note }) => note))
    expectTypeOf(Fairing.middleware(note)).toEqualTypeOf<Fairing.Fairing<never, never, Store>>()
    expectTypeOf(Fairing.middleware(securityHeaders())).toEqualTypeOf<Fairing.Fairing>()
    expectTypeOf(Fairing.middleware(bodyLimit())).toEqualTypeOf<Fairing.Fairing>()
    expectTypeOf(fairings.rateLimit({ limit: 1, window: "1 second" })).toEqualTypeOf<
      Fairing.Fairing<never, never, RateLimiter.RateLimiter>
    >()
    const key = () => Effect.as(Store, "one")
    expectTypeOf(fairings.rateLimit({ limit: 1, window: "1 second", key })).toEqualTypeOf<
      Fairing.Fairing<never, never, RateLimiter.RateLimiter | Store>
    >()
  })

  it("takes no middleware that provides a service or fails", () => {
    // @ts-expect-error the routes would not know that they have it
    Fairing.middleware(requestId())
    // @ts-expect-error a before that provides a service: no route would know that it has it
    Fairing.middleware(Middleware.before("b", Store, () => ({ note: Effect.void })))
    // @ts-expect-error its error does not respond
    Fairing.middleware(Middleware.before("b", Effect.fail("no" as const)))
    // @ts-expect-error an after sees the response of a pipeline alone
    Fairing.middleware(Middleware.after("a", (response) => response))
    // @ts-expect-error nothing would handle its error
    Fairing.middleware(Middleware.outer("fails", (app) => Effect.andThen(app, Effect.fail("no" as const))))
  })
})
