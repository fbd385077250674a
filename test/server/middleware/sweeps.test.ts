/** An interruption at any operation of a request leaves sessions, sealed cookies and idempotency keys usable. */
import { createHash } from "node:crypto"

import { assert, describe } from "@effect/vitest"
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { Cookies, HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import { idempotencyKey, IdempotencyStore, secureCookie, session } from "fairlead/server/middleware"
import type { Session } from "fairlead/server/middleware"

import { sweeps } from "../../kit/Sweeping.ts"
import { handle, ledger, pause, sessionsIn } from "../Handling.ts"

const id = "A".repeat(43)
const digest = createHash("sha256").update(id).digest("base64url")
const cookie = { cookie: `__Host-session=${id}` }

class Count extends Context.Service<Count, Session<number>>()("test/middleware/sweeps/Count") {}

const slowly = <A>(run: () => A) =>
  Effect.andThen(
    pause,
    Effect.tap(Effect.sync(run), () => pause)
  )

/** An app that does this to the session, over a store that holds one. */
const visited = (change: (visitor: Session<number>) => Effect.Effect<void>) =>
  Effect.sync(() => {
    const records = new Map<string, object>([[digest, { created: 0, seen: 0, data: 1 }]])
    const store = sessionsIn(records, slowly)
    const app = Pipeline.make("p")
      .before(session(Count, { schema: Schema.Number, initial: 0 }))
      .handle(Effect.as(Effect.andThen(Effect.flatMap(Count, change), pause), HttpServerResponse.empty()))
      .respond()
    return { app: Effect.provide(app, store), records }
  })

describe("ready-made middleware over slow stores", () => {
  sweeps("server session at login", {
    make: visited((visitor) =>
      Effect.andThen(
        visitor.update((count) => count + 1),
        visitor.renew
      )
    ),
    call: ({ app }) => handle(app, cookie),
    // The old id is worth nothing after the next login at the latest, and the data is there once more.
    after: ({ app, records }) =>
      Effect.gen(function* () {
        const wasKnown = records.has(digest)
        const before = records.size
        yield* handle(app, cookie)
        assert.isFalse(records.has(digest))
        // An unknown id begins a new session.
        assert.strictEqual(records.size, wasKnown ? before : before + 1)
      })
  })

  sweeps("server session at logout", {
    make: visited((visitor) => visitor.destroy),
    call: ({ app }) => handle(app, cookie),
    after: ({ app, records }) =>
      Effect.gen(function* () {
        yield* handle(app, cookie)
        assert.strictEqual(records.size, 0)
      })
  })

  sweeps("server secureCookie", {
    make: Effect.sync(() => {
      const { count, note } = ledger()
      const sealed = secureCookie("language", { secrets: [Redacted.make("x".repeat(32))] })
      const app = Pipeline.make("p")
        .handle(
          Effect.gen(function* () {
            const known = yield* sealed.read
            yield* note(Option.getOrElse(known, () => "unknown"))
            yield* Effect.orDie(sealed.write("en"))
            return HttpServerResponse.empty()
          })
        )
        .respond()
      return { app, count }
    }),
    call: ({ app }) => handle(app),
    // The keys are derived, or will be: what the next request writes, the one after reads.
    after: ({ app, count }) =>
      Effect.gen(function* () {
        let sent = ""
        yield* handle(app, {}, ({ cookies }) => {
          sent = Option.getOrElse(Cookies.getValue(cookies, "language"), () => "")
        })
        yield* handle(app, { cookie: `language=${sent}` })
        assert.strictEqual(count("en"), 1)
      })
  })

  sweeps("server idempotencyKey over a slow store", {
    make: Effect.gen(function* () {
      const { count, note } = ledger()
      const store = Context.get(yield* Layer.build(Layer.fresh(IdempotencyStore.layerMemory)), IdempotencyStore)
      const late = <A, E>(step: Effect.Effect<A, E>) =>
        Effect.andThen(
          pause,
          Effect.tap(step, () => pause)
        )
      const slow = Layer.succeed(IdempotencyStore, {
        begin: (...given) => late(store.begin(...given)),
        complete: (...given) => late(store.complete(...given)),
        release: (...given) => late(store.release(...given))
      })
      const app = Pipeline.make("p")
        .handle(
          Effect.as(Effect.andThen(note("handled"), pause), HttpServerResponse.text("done")),
          idempotencyKey({ user: () => "ann", methods: ["GET"] })
        )
        .respond()
        .sending(Middleware.sending("status", (response) => Effect.as(note(String(response.status)), response)))
      return { app: Effect.provide(app, slow), count }
    }),
    call: ({ app }) => handle(app, { "idempotency-key": "k" }),
    after: ({ app, count }) =>
      Effect.gen(function* () {
        yield* handle(app, { "idempotency-key": "k" })
        assert.strictEqual(count("409"), 0)
        assert.isAtLeast(count("200"), 1)
        assert.isAtMost(count("handled"), 2)
      })
  })
})
