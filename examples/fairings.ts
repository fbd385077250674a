/** An application from its ignition to its end: fairings that provide a service, see every request and response, and say goodbye. */
import { Config, ConfigProvider, Console, Context, Effect, Ref } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App, AppConfig, Fairing } from "fairlead/app"
import { health } from "fairlead/app/fairings"
import { NodeApp } from "fairlead/app/node"
import { RequestView } from "fairlead/server"

class Settings extends Context.Service<Settings, { readonly greeting: string }>()("app/Settings") {}
class Hits extends Context.Service<Hits, Ref.Ref<number>>()("app/Hits") {}

const hits = Fairing.make("hits", {
  onIgnite: () =>
    Effect.gen(function* () {
      yield* Console.log("ignite: nothing is bound yet")
      return Context.make(Hits, yield* Ref.make(0))
    }),
  onRequest: () => Effect.flatMap(Hits, (hits) => Ref.update(hits, (n) => n + 1)),
  onShutdown: () =>
    Effect.gen(function* () {
      yield* Console.log(`shutdown: ${yield* Ref.get(yield* Hits)} requests`)
    })
})

const announce = Fairing.onLiftoff("announce", ({ fairings, routes }) =>
  Console.log(`liftoff: ${fairings.length} fairings, ${routes.map(({ path }) => path).join(" ")}`)
)

const oldPaths = Fairing.onRequest("old-paths", (request) =>
  request.url === "/index.html" ? RequestView.modify(request, { url: "/" }) : undefined
)

const poweredBy = Fairing.onResponse("powered-by", HttpServerResponse.setHeader("x-powered-by", "fairlead"))

const app = App.make("hello")
  .configure(Settings, AppConfig.all({ greeting: Config.NonEmptyString("GREETING") }))
  .attach(hits)
  .attach(announce)
  .attach(oldPaths)
  .attach(poweredBy)
  .attach(health())
  .mount(
    HttpRouter.add(
      "GET",
      "/",
      Effect.map(Settings, ({ greeting }) => HttpServerResponse.text(greeting))
    )
  )

const program = Effect.gen(function* () {
  const { shutdown, stopped, url } = yield* App.Launched
  for (const path of ["/", "/index.html", "/nowhere", "/ready"]) {
    const response = yield* Effect.promise(() => fetch(`${url}${path}`))
    const text = yield* Effect.promise(() => response.text())
    yield* Console.log(`${path}: ${response.status} ${response.headers.get("x-powered-by")} ${text}`.trimEnd())
  }
  yield* shutdown.notify
  yield* stopped
  yield* Console.log("stopped")
})

const reading = (env: Record<string, string>) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))

await program.pipe(
  Effect.provide(NodeApp.launch(app, { port: 0, host: "127.0.0.1" })),
  reading({ GREETING: "Ahoy" }),
  Effect.runPromise
)

const refused = App.ignite(app).pipe(Effect.scoped, Effect.flip, reading({}))
await Effect.runPromise(Effect.flatMap(refused, ({ message }) => Console.log(message)))
