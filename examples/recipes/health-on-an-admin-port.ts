/** Readiness and liveness on a port that the internet does not reach. */
import { Console, Context, Effect, Layer, Ref } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App } from "fairlead/app"
import { health } from "fairlead/app/fairings"
import { TestApp } from "fairlead/testing/app"

class Database extends Context.Service<Database, { readonly up: Ref.Ref<boolean> }>()("app/Database") {}
const DatabaseLive = Layer.effect(
  Database,
  Effect.map(Ref.make(true), (up) => ({ up }))
)

const ping = Database.pipe(
  Effect.flatMap(({ up }) => Ref.get(up)),
  Effect.filterOrFail(
    (isUp) => isUp,
    () => "The database does not answer"
  )
)

const shop = App.make("shop")
  .listen("admin", { port: 9090, host: "127.0.0.1" })
  .manage(DatabaseLive)
  .attach(health({ listener: "admin", checks: { database: ping }, interval: "1 milli" }))
  .mount(HttpRouter.add("GET", "/", HttpServerResponse.text("open")))

const program = Effect.gen(function* () {
  const app = yield* TestApp.make(shop)
  const admin = app.listener("admin")
  yield* Console.log(`/ready on the admin port: ${(yield* admin.get("/ready")).text}`)
  yield* Console.log(`/ready on the public port: ${(yield* app.get("/ready")).status}`)
})

await Effect.runPromise(Effect.scoped(program))
