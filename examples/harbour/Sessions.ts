/**
 * Sessions: how the page shows who its visitor is, without a token that a script could read.
 *
 * The browser has a cookie with an id. The session is in the database of Harbour, under the digest of the id. It ends 90 days after the last visit, and a year after its beginning.
 */
import { Context, Effect, Layer } from "effect"
import { Persistence } from "effect/persistence"
import { SqliteKeyValueStore } from "fairlead/client/node"
import { readSession, SessionStore } from "fairlead/server/middleware"
import type { Session } from "fairlead/server/middleware"

import { guest, User } from "./Domain.ts"
import { Settings } from "./Settings.ts"

/** The session of a visitor of the page: a member's, or a guest's. */
export class Visitor extends Context.Service<Visitor, Session<User>>()("harbour/Visitor") {}

/** Over plain HTTP browsers keep no `Secure` cookie, save for this machine. */
export const sessionOptions = (plainHttp: boolean) => ({
  schema: User,
  initial: guest,
  cookie: plainHttp ? "harbour" : "__Host-harbour",
  secure: !plainHttp,
  persistent: true,
  idleTimeout: "90 days" as const,
  absoluteTimeout: "365 days" as const
})

/** Who has the session of this `Cookie` header. */
export const visitorOf = (cookie: string | undefined) =>
  Effect.gen(function* () {
    const { plainHttp } = yield* Settings
    return (yield* readSession(sessionOptions(plainHttp))(cookie)) ?? guest
  })

/** Sessions in the file of the data: a copy of it has both, and other data has none. */
export const sessions = Layer.unwrap(
  Effect.map(Settings, ({ data }) =>
    SessionStore.layer.pipe(
      Layer.provide(Persistence.layerBackingKvs),
      Layer.provide(SqliteKeyValueStore.layer({ filename: data }))
    )
  )
)
