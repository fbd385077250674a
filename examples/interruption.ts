/**
 * Tests an interceptor at every interruption point: a middleware that lets two requests work at a time. The first version loses a slot when a client
 * leaves between two operations; the sweep finds where. The second takes and registers in one step.
 */
import { Console, Effect, Exit, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { TestServer } from "fairlead/testing/server"
import { Sweep } from "fairlead/testing/simulation"

class Busy extends Schema.TaggedError<Busy>()("Busy", {}) {}

/** Takes a slot, then registers its release: two operations, with room for an interruption between them. */
const careless = () => {
  let working = 0
  return Middleware.before("slots", () =>
    Effect.gen(function* () {
      if (working === 2) return yield* new Busy()
      working++
      return yield* Effect.addFinalizer(() => Effect.sync(() => working--))
    })
  )
}

/** Takes a slot and registers its release in one uninterruptible step. */
const careful = () => {
  let working = 0
  const take = Effect.suspend(() => (working === 2 ? Exit.fail(new Busy()) : Exit.succeed(working++)))
  return Middleware.before("slots", () =>
    Effect.asVoid(Effect.acquireRelease(take, () => Effect.sync(() => working--)))
  )
}

const appWith = (slots: ReturnType<typeof careless>) =>
  Pipeline.make("shop")
    .before(slots)
    .handle(Effect.as(Effect.yieldNow, HttpServerResponse.text("done")))
    .catchTag("Busy", () => HttpServerResponse.empty({ status: 503 }))

/** Interrupts one request at each of its operations. Afterwards two others must find their slots. */
const sweep = (slots: () => ReturnType<typeof careless>) =>
  Sweep.interrupt({
    make: TestServer.make(appWith(slots())),
    call: (server) => server.get("/"),
    after: (server) =>
      Effect.map(Effect.all([server.get("/"), server.get("/")], { concurrency: 2 }), (replies) =>
        replies.every(({ status }) => status === 200)
      )
  })

const program = Effect.gen(function* () {
  const found = yield* sweep(careless)
  yield* Console.log(`careless: ${found.broken.length} of ${found.points} points lose a slot`)
  const held = yield* sweep(careful)
  yield* Console.log(`careful: ${held.broken.length} of ${held.points} points lose a slot`)
})

await Effect.runPromise(Effect.scoped(program))
