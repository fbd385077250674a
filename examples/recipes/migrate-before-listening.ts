/** A migration that must succeed before the server listens. */
import { Console, Effect, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App, Fairing } from "fairlead/app"

class MigrationFailed extends Schema.TaggedError<MigrationFailed>()("MigrationFailed", {}) {
  override get message() {
    return "The table could not be created. Check the permissions of the database user."
  }
}

const migrate = Fairing.onIgnite("migrate", () => Effect.fail(new MigrationFailed()))

const shop = App.make("shop")
  .attach(migrate)
  .mount(HttpRouter.add("GET", "/", HttpServerResponse.text("open")))

const ignited = App.ignite(shop).pipe(Effect.scoped, Effect.flip)
await Effect.runPromise(Effect.flatMap(ignited, ({ message }) => Console.log(message)))
