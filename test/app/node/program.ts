/**
 * The programs that the tests run as processes of their own: the first argument says which. The second may say the port.
 */
import { Config, Context, Deferred, Effect, Layer, Logger, Schema, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Socket } from "effect/socket"
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
const released = Deferred.makeUnsafe<void>()
const tell = Effect.flatMap(Shutdown.Shutdown, ({ notify }) => notify)

const routes = Layer.mergeAll(
  HttpRouter.add("GET", "/", HttpServerResponse.text("hello")),
  HttpRouter.add("GET", "/never", never),
  HttpRouter.add(
    "GET",
    "/slow",
    Effect.as(Effect.andThen(say("handling"), Effect.sleep(300)), HttpServerResponse.text("done"))
  ),
  HttpRouter.add("GET", "/stubborn", Effect.uninterruptible(never)),
  HttpRouter.add("GET", "/stop", Effect.as(tell, HttpServerResponse.text("bye")))
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

/** Blocks the event loop when it is told to stop. */
const blocks = base.attach(
  Fairing.onShutdown("blocks", () =>
    Effect.sync(() => {
      for (;;) {}
    })
  )
)

/** A layer that is never built, or never released, whatever interrupts it. */
const hanging = (acquires: boolean) =>
  Layer.effectDiscard(
    Effect.acquireRelease(acquires ? Effect.andThen(say("acquiring"), Effect.never) : Effect.void, () =>
      Effect.andThen(say("releasing"), Effect.never)
    )
  )

const echo = Effect.gen(function* () {
  const socket = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ upgrade }) => upgrade)
  const pull = yield* Socket.readerString(socket)
  yield* (yield* socket.writer).write("welcome")
  return yield* Effect.forever(pull)
})

const observes = Effect.map(Shutdown.Shutdown, (shutdown) =>
  HttpServerResponse.stream(
    Stream.encodeText(
      Stream.interruptWhen(
        Stream.map(Stream.tick(20), () => "tick\n"),
        shutdown.await
      )
    )
  )
)

const more = {
  failsInJson: base
    .manage(Logger.layer([Logger.consoleJson]))
    .attach(Fairing.onIgnite("database", () => new NoDatabase({ url: "db.test" }))),
  blocks: blocks.mount(routes),
  acquires: base.manage(hanging(true)),
  releases: base.manage(hanging(false)).mount(routes),
  streams: base
    .mount(HttpRouter.add("GET", "/observes", observes))
    .mount(HttpRouter.add("GET", "/echo", Effect.orDie(Effect.scoped(echo)))),
  throws: base.mount(
    HttpRouter.add(
      "GET",
      "/throw",
      Effect.sync(() => {
        setTimeout(() => {
          throw new Error("nobody caught this")
        }, 1)
        return HttpServerResponse.text("thrown")
      })
    )
  ),
  rejects: base.mount(
    HttpRouter.add(
      "GET",
      "/throw",
      Effect.sync(() => {
        void Promise.reject(new Error("nobody caught this"))
        return HttpServerResponse.text("rejected")
      })
    )
  ),
  listens: base
    .listen(
      "admin",
      { host: "127.0.0.1", port: 0 },
      Layer.mergeAll(
        HttpRouter.add("GET", "/live", HttpServerResponse.text("live")),
        HttpRouter.add(
          "GET",
          "/release",
          Effect.as(Deferred.succeed(released, undefined), HttpServerResponse.text("released"))
        )
      )
    )
    .attach(
      Fairing.onLiftoff("admin", ({ listeners: [admin] }) =>
        say(`admin port ${admin?.address._tag === "InetAddressV4" ? admin.address.port : "?"}`)
      )
    )
    .mount(
      HttpRouter.add(
        "GET",
        "/held",
        Effect.as(Effect.andThen(say("handling"), Deferred.await(released)), HttpServerResponse.text("done"))
      )
    )
}

const [, , name = "serves", port = "0", grace = "500"] = process.argv
const options = { port: Number(port), host: "127.0.0.1", grace: Number(grace), mercy: 500 }
if (name === "two") {
  // Two applications in one process: the second stops a little later than the first.
  NodeApp.run(base.mount(routes), options)
  const other = App.make("other").attach(
    Fairing.make("other", {
      onLiftoff: ({ address }) => say(`other ${address._tag === "InetAddressV4" ? address.port : "?"}`),
      onShutdown: () => Effect.andThen(Effect.sleep(200), say("other has stopped"))
    })
  )
  NodeApp.run(other.mount(routes), { ...options, grace: 5000 })
} else if (name === "layer") {
  const program = Effect.runFork(Layer.launch(NodeApp.launch(base.mount(routes), options)))
  program.addObserver(() => Effect.runSync(say("ended")))
} else if (name === "watched") {
  NodeApp.run(programs.serves, { port: Number(port), host: "127.0.0.1" })
} else {
  const app = { ...programs, ...more }[name as keyof typeof programs] as (typeof programs)["fails"]
  const last = { force: 1000, onUncaught: "stop", signals: ["SIGINT", "SIGTERM", "SIGHUP"] } as const
  NodeApp.run(app, { ...options, ...last })
}
