/**
 * An app as a user writes it: `hover.test.ts` asks the language server what an editor shows for its names.
 */
import { Config, Context, Effect, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App, Fairing } from "fairlead/app"

export class NoDatabase extends Schema.TaggedError<NoDatabase>()("NoDatabase", {}) {}
export class Pool extends Context.Service<Pool, number>()("app/Pool") {}
export class Hits extends Context.Service<Hits, { count: number }>()("app/Hits") {}
export class Url extends Context.Service<Url, string>()("app/Url") {}
export class Mail extends Context.Service<Mail, { readonly send: Effect.Effect<void> }>()("app/Mail") {}

export class Database extends Fairing.Service<Database>()("app/Database", { provides: Pool, error: NoDatabase }) {}

export const databaseLive = Database.layer(
  Fairing.onIgnite("database", () =>
    Effect.flatMap(Url, (url) => (url === "" ? Effect.fail(new NoDatabase()) : Effect.succeed(Context.make(Pool, 4))))
  )
)

export const counter = Fairing.make("counter", {
  onIgnite: () => Effect.succeed(Context.make(Hits, { count: 0 })),
  onRequest: () => Effect.map(Hits, (hits) => void hits.count++),
  onShutdown: () => Effect.flatMap(Mail, (mail) => mail.send)
})

export const five = App.make("five")
  .configure(Url, Config.String("URL"))
  .manage(databaseLive)
  .attach(Database)
  .attach(counter)
  .mount(
    HttpRouter.add(
      "GET",
      "/",
      Effect.map(Pool, (pool) => HttpServerResponse.text(`${pool}`))
    )
  )

export const ignited = App.ignite(five)
