import { Context, Effect, Option, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Reject } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import { describe, expectTypeOf, it } from "vitest"

class User extends Context.Service<User, string>()("test/User") {}
class Machine extends Context.Service<Machine, number>()("test/Machine") {}
class Tenant extends Context.Service<Tenant, { readonly id: string }>()("test/Tenant") {}
class Store extends Context.Service<Store, ReadonlySet<string>>()("test/Store") {}
class NoUser extends Schema.TaggedError<NoUser>()("NoUser", {}, { httpApiStatus: 401 }) {}
class NoKey extends Schema.TaggedError<NoKey>()("NoKey", {}, { httpApiStatus: 403 }) {}

const user = Middleware.before("user", User, () => Effect.fail(new NoUser()))
const machine = Middleware.every(
  "machine",
  Middleware.before("key", Machine, () =>
    Effect.flatMap(Store, ({ size }) => (size > 0 ? Effect.succeed(1) : new NoKey()))
  ),
  Middleware.before("as-user", User, Effect.map(Machine, String))
)
const tenant = Middleware.before("tenant", Tenant, () => Effect.fail(new Reject()))

describe("some", () => {
  it("provides what every alternative provides, the rest as Options, and fails as the last", () => {
    expectTypeOf(Middleware.some("s", machine, user)).toEqualTypeOf<
      Middleware.Before<User | Middleware.Optional<Machine>, NoUser, Store>
    >()
    expectTypeOf(Middleware.some("s", user, machine)).toEqualTypeOf<
      Middleware.Before<User | Middleware.Optional<Machine>, NoKey, Store>
    >()
    expectTypeOf(Middleware.some("s", user, tenant)).toEqualTypeOf<
      Middleware.Before<Middleware.Optional<User> | Middleware.Optional<Tenant>, Reject>
    >()
    expectTypeOf(Middleware.some("s", user)).toEqualTypeOf<Middleware.Before<User, NoUser>>()
    const list = [user, user]
    expectTypeOf(Middleware.some("s", user, ...list)).toEqualTypeOf<
      Middleware.Before<Middleware.Optional<User>, NoUser>
    >()
  })

  it("compiles where its services are used as they are provided", () => {
    const app = Pipeline.make("p")
      .before(Middleware.some("who", machine, user))
      .handle(
        Effect.gen(function* () {
          const machine = yield* Middleware.optional(Machine)
          return HttpServerResponse.text((yield* User) + Option.getOrElse(machine, () => 0))
        })
      )
    expectTypeOf<Pipeline.NeededBy<typeof app>>().toEqualTypeOf<Store>()
    expectTypeOf<Pipeline.ErrorsOf<typeof app>>().toEqualTypeOf<NoUser>()
    const raw = Pipeline.make("p")
      .before(Middleware.some("who", machine, user))
      .handle(Effect.map(Machine, (id) => HttpServerResponse.text(String(id))))
    // Not every alternative provides it.
    expectTypeOf<Pipeline.NeededBy<typeof raw>>().toEqualTypeOf<Store | Machine>()
    const recovered = Pipeline.make("p")
      .before(Middleware.some("who", machine, user))
      .recover("NoUser", () =>
        Effect.succeed(Context.make(User, "guest").pipe(Context.add(Middleware.optional(Machine), Option.none())))
      )
      .handle(Effect.map(User, HttpServerResponse.text))
    expectTypeOf<Pipeline.ErrorsOf<typeof recovered>>().toEqualTypeOf<never>()
  })

  it("does not compile with anything else", () => {
    const either = Pipeline.make("p").before(Middleware.some("s", machine, user))
    const early = Pipeline.make("p").before(Middleware.before("early", Effect.asVoid(User)))
    const after = Middleware.after("a", (response) => response)
    const late = Middleware.some("s", user)
    const guest = Effect.succeed(Context.make(User, "guest"))
    // @ts-expect-error one at least
    Middleware.some("s")
    // @ts-expect-error befores only
    Middleware.some("s", after)
    // @ts-expect-error the error of the first is gone, so that nothing fails with it
    either.recover("NoKey", () => Effect.void)
    // @ts-expect-error a recovery supplies what was skipped: User, and Machine as an Option
    either.recover("NoUser", () => guest)
    // @ts-expect-error it comes too late for a stage that takes User from outside
    early.before(late)
  })
})
