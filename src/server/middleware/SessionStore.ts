/**
 * Where sessions are kept: by the digest of their id, for as long as they may live.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Persistence from "effect/persistence/Persistence"
import * as Schema from "effect/Schema"

import type { Response } from "../HttpTypes.ts"

const Cause = { cause: Schema.Defect() }

/**
 * The store of sessions failed. It responds with 503.
 *
 * @category errors
 * @since 0.1.0
 */
export class SessionError extends Schema.TaggedError<SessionError>("fairlead/server/middleware/SessionError")(
  "SessionError",
  { reason: Schema.Union([Schema.TaggedStruct("ReadFailed", Cause), Schema.TaggedStruct("WriteFailed", Cause)]) }
) {
  override get message(): string {
    return `The store of sessions failed (${this.reason._tag}): look at its connection`
  }

  [HttpServerRespondable.symbol](): Effect.Effect<Response> {
    return Effect.succeed(HttpServerResponse.empty({ status: 503 }))
  }
}

/**
 * The store that `session` uses.
 *
 * **Example** (Sessions in memory)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Persistence } from "effect/persistence"
 * import { SessionStore } from "fairlead/server/middleware"
 *
 * const store = Layer.provide(SessionStore.layer, Persistence.layerBackingMemory)
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class SessionStore extends Context.Service<
  SessionStore,
  {
    /** The record of a digest. */
    readonly get: (digest: string) => Effect.Effect<object | undefined, SessionError>
    /** Writes a record, which is forgotten after `timeToLive`. */
    readonly set: (digest: string, record: object, timeToLive: Duration.Duration) => Effect.Effect<void, SessionError>
    readonly remove: (digest: string) => Effect.Effect<void, SessionError>
  }
>()("fairlead/server/middleware/SessionStore") {
  /** Sessions in Effect's `BackingPersistence`: `layerBackingMemory`, `layerBackingRedis`, `layerBackingSql` or `layerBackingKvs` of `Persistence`. */
  static readonly layer: Layer.Layer<SessionStore, never, Persistence.BackingPersistence> = Layer.effect(
    SessionStore,
    Effect.gen(function* () {
      const persistence = yield* Persistence.BackingPersistence
      const records = yield* persistence.make("fairlead/sessions")
      const read = Effect.mapError((cause: unknown) => new SessionError({ reason: { _tag: "ReadFailed", cause } }))
      const write = Effect.mapError((cause: unknown) => new SessionError({ reason: { _tag: "WriteFailed", cause } }))
      return SessionStore.of({
        get: (digest) => read(records.get(digest)),
        set: (digest, record, timeToLive) => write(records.set(digest, record, timeToLive)),
        remove: (digest) => write(records.remove(digest))
      })
    })
  )
}
