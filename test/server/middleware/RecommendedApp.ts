/**
 * A server with all ready-made middleware in the recommended order, the ways by which a response comes to be, and its access log.
 */
import { Context, Duration, Effect, Layer, Option, Redacted, Schema, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Persistence, RateLimiter } from "effect/persistence"
import { Reject } from "fairlead"
import { Pipeline } from "fairlead/server"
import {
  authentication,
  AuthenticationError,
  IdempotencyStore,
  recommended,
  RequestInput,
  ServerLoad,
  session,
  SessionStore,
  validation
} from "fairlead/server/middleware"
import type { Session } from "fairlead/server/middleware"

import { serving } from "../Socket.ts"

const Visits = Schema.Struct({ count: Schema.Number })

class Visitor extends Context.Service<Visitor, Session<typeof Visits.Type>>()("test/Visitor") {}
class User extends Context.Service<User, string>()("test/User") {}

class Paging extends RequestInput<Paging>()("test/Paging", {
  headers: Schema.Struct({ "x-page": Schema.optionalKey(Schema.FiniteFromString) })
}) {}

const verify = (token: Redacted.Redacted) =>
  Redacted.value(token) === "good"
    ? Effect.succeed("ann")
    : Effect.fail(new AuthenticationError({ reason: { _tag: "InvalidCredential" } }))

const visit = Effect.gen(function* () {
  const visitor = yield* Visitor
  yield* visitor.update(({ count }) => ({ count: count + 1 }))
  return HttpServerResponse.text(`${yield* User} ${(yield* visitor.get).count}`)
})

const echo = Effect.map(
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text),
  (text) => HttpServerResponse.text(text, { status: 201 })
)

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/ok", HttpServerResponse.text("ok")),
  HttpRouter.add("GET", "/visit", visit),
  HttpRouter.add("POST", "/visit", visit),
  HttpRouter.add("PUT", "/echo", echo),
  HttpRouter.add("POST", "/echo", echo),
  HttpRouter.add("GET", "/taken", Effect.fail(new Reject({ reason: "taken", status: 409 }))),
  HttpRouter.add("GET", "/defect", Effect.die("boom")),
  HttpRouter.add("GET", "/slow", Effect.never),
  HttpRouter.add(
    "GET",
    "/endless",
    HttpServerResponse.stream(Stream.concat(Stream.make(new TextEncoder().encode("part")), Stream.never))
  )
)

/** An entry of the access log. */
export type Entry = Readonly<Record<string, unknown>>

/** Serves them to pages of `origins`; the entries of the access log are pushed to `entries`, and `load` is the load of the process. */
export const recommendedServer = (origins: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const entries: Array<Entry> = []
    const load = { heapRatio: 0 }
    const open = Pipeline.make("site").pipe(
      recommended({
        accessLog: {
          format: "json",
          print: (line) => Effect.sync(() => entries.push(JSON.parse(line) as Entry))
        },
        trustedProxy: { trust: ["127.0.0.1"] },
        cors: { allowedOrigins: origins, credentials: true, exposedHeaders: ["x-request-id"] },
        loadShed: { maxHeapRatio: 0.9 },
        timeouts: { handler: "300 millis" },
        concurrencyLimit: { maxRequests: 1, isExempt: ({ url }) => !url.includes("?full") },
        requestFirewall: {},
        hostPolicy: { hosts: ["localhost", "127.0.0.1"] },
        addressList: { deny: ["198.51.100.0/24"] },
        rateLimit: {
          limit: 2,
          window: "1 hour",
          tokens: ({ url }) => (url.startsWith("/ok?limited") ? 1 : 0),
          key: ({ remoteAddress }) => Option.getOrElse(remoteAddress, () => "")
        },
        csrf: { allowedOrigins: origins },
        bodyLimit: { maxBytes: 1000 },
        session: session(Visitor, { schema: Visits, initial: { count: 0 } }),
        authentication: authentication(User, { from: "bearer", verify, anonymous: "guest" }),
        deadlineHeader: {},
        validation: validation(Paging),
        idempotencyKey: { user: () => User },
        methodNotAllowed: {}
      })
    )
    const app = Effect.map(Pipeline.routes(routes), (routes) => Pipeline.serve(open.handle(routes).respond()))
    const stores = Layer.mergeAll(
      Layer.provide(SessionStore.layer, Persistence.layerBackingMemory),
      IdempotencyStore.layerMemory,
      Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory),
      Layer.succeed(ServerLoad, { current: Effect.sync(() => ({ eventLoopDelay: Duration.zero, ...load })) })
    )
    const { url } = yield* serving(Layer.provide(Layer.unwrap(app), stores))
    return { url: url.replace("127.0.0.1", "localhost"), entries, load }
  })
