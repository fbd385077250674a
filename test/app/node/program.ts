/**
 * The programs that the tests run as processes of their own: the first argument says which. The second may say the port.
 */
import { Config, Context, Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Shutdown } from "fairlead"
import { App, Fairing } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"

const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`)).pipe(Effect.asVoid)

class Pool extends Context.Service<Pool, string>()("test/Pool") {}
class NoDatabase extends Schema.TaggedError<NoDatabase>()("NoDatabase", { url: Schema.String }) {
  override get message() {
    return `No database answers at ${this.url}. Start it, or name another`
  }
}

const text = HttpServerResponse.text
const pool = Layer.effect(
  Pool,
  Effect.acquireRelease(Effect.succeed("pool"), () => say("released"))
)

const base = App.make("program")
  .manage(pool)
  .attach(
    Fairing.make("talking", {
      onLiftoff: ({ address }) => say(`port ${address._tag === "InetAddressV4" ? address.port : "?"}`),
      onShutdown: () => say("shutdown hook")
    })
  )

const never = Effect.andThen(say("handling"), Effect.never)
const tell = Effect.flatMap(Shutdown.Shutdown, ({ notify }) => notify)

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/", text("hello")),
  HttpRouter.add("GET", "/never", never),
  HttpRouter.add("GET", "/slow", Effect.as(Effect.andThen(say("handling"), Effect.sleep(300)), text("done"))),
  HttpRouter.add("GET", "/stubborn", Effect.uninterruptible(never)),
  HttpRouter.add("GET", "/stop", Effect.as(tell, text("bye")))
)

const programs = {
  serves: base.mount(routes),
  ignites: base.attach(Fairing.onIgnite("slow", () => Effect.andThen(say("igniting"), Effect.never))).mount(routes),
  insists: base
    .attach(Fairing.onIgnite("slow", () => Effect.uninterruptible(Effect.andThen(say("igniting"), Effect.never))))
    .mount(routes),
  tells: base.attach(Fairing.onIgnite("tells", () => tell)).mount(routes),
  fails: base
    .attach(Fairing.onIgnite("database", () => new NoDatabase({ url: "db.test" })))
    .attach(Fairing.onIgnite("config", (app) => Effect.asVoid(app.configure(Port, Config.Int("SOME_PORT")))))
    .mount(routes),
  dies: base.attach(Fairing.onLiftoff("dying", () => Effect.die(new Error("no moon")))).mount(routes)
}
class Port extends Context.Service<Port, number>()("test/Port") {}

const [, , name = "serves", port = "0", grace = "500"] = process.argv
const app = programs[name as keyof typeof programs] as (typeof programs)["fails"]
NodeApp.run(app, { port: Number(port), host: "127.0.0.1", grace: Number(grace), mercy: 500 })
