import { Context, Effect } from "effect"
import type { HttpServerError } from "effect/http"
import { HttpServerResponse } from "effect/http"
import type { RateLimiter } from "effect/persistence"
import type { Reject } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import { recommended, RequestId } from "fairlead/server/middleware"
import type { IdempotencyStore, ServerLoad } from "fairlead/server/middleware"
import { describe, expectTypeOf, it } from "vitest"

class User extends Context.Service<User, string>()("test/User") {}
class Visits extends Context.Service<Visits, { readonly note: Effect.Effect<void> }>()("test/Visits") {}
class Store extends Context.Service<Store, { readonly note: Effect.Effect<void> }>()("test/Store") {}
class NoUser {
  readonly _tag = "NoUser"
}

const user = Middleware.before(
  "user",
  User,
  Effect.flatMap(Store, () => Effect.fail(new NoUser()))
)
const visits = Middleware.before("visits", Visits, () => ({ note: Effect.void }))
const answer = HttpServerResponse.empty()

describe("recommended", () => {
  it("raises the errors of its befores, and provides the id", () => {
    const app = Pipeline.make("p").pipe(recommended()).handle(Effect.as(RequestId, answer))
    expectTypeOf<Effect.Error<typeof app>>().toEqualTypeOf<Reject | HttpServerError.HttpServerError>()
    expectTypeOf<Exclude<Effect.Services<typeof app>, HttpServices>>().toEqualTypeOf<never>()
    const quiet = Pipeline.make("p")
      .pipe(recommended({ csrf: false, bodyLimit: false, requestId: false }))
      .handle(Effect.as(RequestId, answer))
    expectTypeOf<Effect.Error<typeof quiet>>().toEqualTypeOf<never>()
    expectTypeOf<Exclude<Effect.Services<typeof quiet>, HttpServices>>().toEqualTypeOf<RequestId>()
  })

  it("needs the services of its options, and provides the user and the session", () => {
    const app = Pipeline.make("p")
      .pipe(
        recommended({
          accessLog: { print: () => Effect.flatMap(Store, ({ note }) => note) },
          rateLimit: { limit: 1, window: "1 second" },
          authentication: user,
          session: visits
        })
      )
      .handle(Effect.as(Effect.all([User, Visits]), answer))
    expectTypeOf<Effect.Error<typeof app>>().toEqualTypeOf<Reject | HttpServerError.HttpServerError | NoUser>()
    expectTypeOf<Exclude<Effect.Services<typeof app>, HttpServices>>().toEqualTypeOf<Store | RateLimiter.RateLimiter>()
  })

  it("raises the error of the firewall, and needs the load only where requests are shed", () => {
    const off = { csrf: false, bodyLimit: false } as const
    const app = Pipeline.make("p")
      .pipe(recommended({ ...off, requestFirewall: {}, loadShed: {}, concurrencyLimit: { maxRequests: 10 } }))
      .handle(answer)
    expectTypeOf<Effect.Error<typeof app>>().toEqualTypeOf<Reject>()
    expectTypeOf<Exclude<Effect.Services<typeof app>, HttpServices>>().toEqualTypeOf<ServerLoad>()
    const without = Pipeline.make("p")
      .pipe(recommended({ ...off, requestFirewall: false, loadShed: false, concurrencyLimit: false }))
      .handle(answer)
    expectTypeOf<Effect.Error<typeof without>>().toEqualTypeOf<never>()
    expectTypeOf<Exclude<Effect.Services<typeof without>, HttpServices>>().toEqualTypeOf<never>()
  })

  it("takes the user of an idempotency key from authentication, and the input as a service", () => {
    const app = Pipeline.make("p")
      .pipe(
        recommended({
          csrf: false,
          bodyLimit: false,
          authentication: user,
          validation: visits,
          idempotencyKey: { user: () => User },
          methodNotAllowed: {},
          deadlineHeader: {}
        })
      )
      .handle(Effect.as(Visits, answer))
    expectTypeOf<Effect.Error<typeof app>>().toEqualTypeOf<Reject | HttpServerError.HttpServerError | NoUser>()
    expectTypeOf<Exclude<Effect.Services<typeof app>, HttpServices>>().toEqualTypeOf<Store | IdempotencyStore>()
    const alone = Pipeline.make("p")
      .pipe(recommended({ idempotencyKey: { user: () => User } }))
      .handle(answer)
    expectTypeOf<Exclude<Effect.Services<typeof alone>, HttpServices>>().toEqualTypeOf<User | IdempotencyStore>()
  })

  it("provides no service of an option that may be false", () => {
    const app = Pipeline.make("p")
      .pipe(
        recommended({
          authentication: Math.random() > 2 ? user : false,
          requestId: Math.random() > 2 ? { trust: true } : false
        })
      )
      .handle(Effect.as(Effect.all([User, RequestId]), answer))
    expectTypeOf<Effect.Error<typeof app>>().toEqualTypeOf<Reject | HttpServerError.HttpServerError | NoUser>()
    expectTypeOf<Exclude<Effect.Services<typeof app>, HttpServices>>().toEqualTypeOf<Store | User | RequestId>()
  })

  it("refuses a service that is taken before it is provided, and options that do not exist", () => {
    const byUser = { limit: 1, window: "1 second", key: () => User } as const
    // @ts-expect-error an earlier stage takes from outside: User
    Pipeline.make("p").pipe(recommended({ rateLimit: byUser, authentication: user }))
    // By the id it may be limited: an outer provides it.
    Pipeline.make("p").pipe(recommended({ rateLimit: { ...byUser, key: () => RequestId } }))
    // @ts-expect-error it would judge a request before it is authenticated
    recommended({ conditional: { current: () => Effect.succeed(undefined) } })
    // @ts-expect-error there is no such format
    recommended({ accessLog: { format: "apache" } })
  })
})

type HttpServices = AmbientOf<typeof ambient>
const ambient = Pipeline.make("p").handle(answer)
type AmbientOf<A> = A extends Effect.Effect<unknown, unknown, infer R> ? R : never
