/**
 * An app whose visitors have sessions, for tests of `session` and of its stores.
 */
import { Context, Deferred, Effect, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Reject } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import { session } from "fairlead/server/middleware"
import type { Session, SessionOptions } from "fairlead/server/middleware"
import type { TestServer } from "fairlead/testing/server"

export const Data = Schema.Struct({ user: Schema.NullOr(Schema.String), items: Schema.Array(Schema.String) })
export type Data = typeof Data.Type
export const initial: Data = { user: null, items: [] }

export class Visitor extends Context.Service<Visitor, Session<Data>>()("test/Visitor") {}

export const add = (item: string) => (data: Data) => ({ ...data, items: [...data.items, item] })

/** An app that does to its session what the path says. */
export const appOf = (options: Partial<SessionOptions<Data>> = {}, held?: Deferred.Deferred<void>) =>
  Pipeline.make("p")
    .before(session(Visitor, { schema: Data, initial, ...options }))
    .before(
      Middleware.before("act", (request) =>
        Effect.gen(function* () {
          const visitor = yield* Visitor
          const [, action, item = ""] = new URL(request.url, "http://t").pathname.split("/")
          if (action === "add" || action === "hold") yield* visitor.update(add(item))
          if (action === "hold" && held !== undefined) yield* Deferred.await(held)
          if (action === "login")
            yield* Effect.andThen(
              visitor.update((data) => ({ ...data, user: item })),
              visitor.renew
            )
          if (action === "logout") yield* visitor.destroy
          if (action === "fail")
            return yield* Effect.andThen(visitor.update(add(item)), Effect.fail(new Reject({ status: 409 })))
          if (action === "die") return yield* Effect.andThen(visitor.update(add(item)), Effect.die("bug"))
          return yield* Effect.void
        })
      )
    )
    .handle(
      Effect.gen(function* () {
        const { items, user } = yield* (yield* Visitor).get
        return HttpServerResponse.text(`${user ?? "-"}:${items.join(",")}`)
      })
    )
    .respond()

export const cookieOf = (reply: TestServer.Reply) => reply.headers.getSetCookie()[0]
export const idOf = (reply: TestServer.Reply) => /^__Host-session=([^;]*)/.exec(cookieOf(reply) ?? "")?.[1] ?? ""
export const withId = (id: string) => ({ headers: { cookie: `__Host-session=${id}` } })
