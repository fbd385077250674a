/**
 * Keeps data for each browser between its requests: the cookie holds an id, a store holds the data.
 *
 * **Example** (A counter for each visitor)
 *
 * ```ts
 * import { Context, Effect, Layer, Schema } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Persistence } from "effect/persistence"
 * import { Pipeline } from "fairlead/server"
 * import { session, SessionStore } from "fairlead/server/middleware"
 * import type { Session } from "fairlead/server/middleware"
 *
 * const Visits = Schema.Struct({ count: Schema.Number })
 * class Visitor extends Context.Service<Visitor, Session<typeof Visits.Type>>()("app/Visitor") {}
 *
 * const app = Pipeline.make("app")
 *   .before(session(Visitor, { schema: Visits, initial: { count: 0 } }))
 *   .handle(
 *     Effect.gen(function* () {
 *       const visitor = yield* Visitor
 *       yield* visitor.update(({ count }) => ({ count: count + 1 }))
 *       return HttpServerResponse.text(`Visit ${(yield* visitor.get).count}`)
 *     })
 *   )
 *   .respond()
 * const server = Pipeline.serve(app).pipe(
 *   Layer.provide(Layer.provide(SessionStore.layer, Persistence.layerBackingMemory))
 * )
 * ```
 *
 * **Rules**
 *
 * 1. An id is 32 random bytes, and the store knows its SHA-256 digest only. An id that the store does not know is never adopted: a new session gets a new id.
 * 2. Call `renew` at login and at each change of rights: the data moves to a new id, and the old one is removed, so that an id planted before is worth nothing.
 * 3. A session begins at its first change. It is saved when it changed, on every way out: responses, typed errors, defects, and clients that went away. The store is written before the response is sent.
 * 4. A session ends after `idleTimeout` without a request, and `absoluteTimeout` after its beginning, however busy it is.
 * 5. Changes of concurrent requests merge: at the end of a request its updates are applied to the data that the store has then. One process applies them one after another.
 * 6. A session that another request ended or renewed meanwhile is not written again: its data does not come back.
 * 7. When the store fails, or does not answer within `timeout`, the request fails with `SessionError` 503. With `onStoreError: "allow"` it goes on with a session for this request alone.
 * 8. A response that sets the cookie gets `Cache-Control: no-store`, unless it has its own.
 *
 * **Order**
 *
 * A before, outside of `csrf` and of everything that uses the session.
 *
 * **Limits**
 *
 * Changes after the head of a response, from inside of its stream, are not saved. Between processes, two writes within the time of one store access can overwrite one another.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as HttpEffect from "effect/http/HttpEffect"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

import { cookieValues } from "../../core/heads/CookieValues.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import * as Sha256 from "../../core/Sha256.ts"
import { withinOrLeave } from "../../core/TimeBound.ts"
import type { Ambient, Response } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"
import type { CookieAttributes } from "./CookieAttributes.ts"
import { cookieWriter } from "./CookieWriter.ts"
import { KeyedLocks } from "./KeyedLocks.ts"
import { SessionError, SessionStore } from "./SessionStore.ts"

/**
 * The session of a request.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session<A> {
  /** The data, with the changes of this request. */
  readonly get: Effect.Effect<A>
  /** Changes the data. The function runs again on the data of the store, so it must be pure. */
  readonly update: (change: (data: A) => A) => Effect.Effect<void>
  /** Moves the session to a new id: at login, and at each change of rights. */
  readonly renew: Effect.Effect<void>
  /** Ends the session: the data is removed and the cookie expires. */
  readonly destroy: Effect.Effect<void>
  /** Whether the store has this session already. */
  readonly isStored: Effect.Effect<boolean>
}

/**
 * Options of `session`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SessionOptions<A> extends CookieAttributes {
  /** The data, as JSON in the store. Data that it no longer decodes is a new session. */
  readonly schema: Schema.Codec<A, unknown>
  /** The data of a new session. */
  readonly initial: NoInfer<A>
  /** The name of the cookie. Default: `__Host-session`. */
  readonly cookie?: string | undefined
  /** The end of a session without requests. Default: 1 hour. */
  readonly idleTimeout?: Duration.Input | undefined
  /** The end of every session after its beginning. Default: 1 day. */
  readonly absoluteTimeout?: Duration.Input | undefined
  /** Whether the browser keeps the cookie when it is closed, until `absoluteTimeout`. Default: false. */
  readonly persistent?: boolean | undefined
  /** Whether a request fails with 503, or goes on with a session for itself alone, when the store fails. Default: `fail`. */
  readonly onStoreError?: "allow" | "fail" | undefined
  /** How long each access of the store may take. Default: 2 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** The name of the middleware. Default: `session`. */
  readonly name?: string | undefined
}

interface Stored<A> {
  readonly digest: string
  readonly data: A
  /** Milliseconds of the `Clock`. */
  readonly created: number
  readonly seen: number
}

const Times = Schema.Struct({ created: Schema.Number, seen: Schema.Number, data: Schema.Unknown })

const validId = /^[\w-]{43}$/

const newId = (): string => Base64Url.encode(globalThis.crypto.getRandomValues(new Uint8Array(32)))

const digestOf = (id: string): string => Base64Url.encode(Sha256.digest(new TextEncoder().encode(id)))

/** One session in one request: the stored data, and the change to store at the end. */
class Current<A> implements Session<A> {
  readonly found: Stored<A> | undefined
  readonly updates: Array<(data: A) => A> = []
  renews = false
  ends = false
  private readonly initial: A

  constructor(found: Stored<A> | undefined, initial: A) {
    this.found = found
    this.initial = initial
  }

  /** The data of `base`, or of a new session, with the changes of this request. */
  changed(base: A | undefined): A {
    return this.updates.reduce((data, change) => change(data), base ?? this.initial)
  }

  readonly get = Effect.sync(() => this.changed(this.ends ? undefined : this.found?.data))
  readonly isStored = Effect.sync(() => this.found !== undefined && !this.ends)
  readonly renew = Effect.sync(() => void (this.renews = true))
  readonly destroy = Effect.sync(() => {
    this.ends = true
    this.updates.length = 0
  })
  readonly update = (change: (data: A) => A) => Effect.sync(() => void this.updates.push(change))
}

/** The sessions of these options in their store. */
const storedSessions = <A>(options: SessionOptions<A>) => {
  const name = nameOr("session", options.name)
  const check = checkOptions(name)
  const writer = cookieWriter(check, options.cookie ?? "__Host-session", options)
  const idle = Duration.toMillis(check.duration("idleTimeout", options.idleTimeout ?? "1 hour"))
  const absolute = Duration.toMillis(check.duration("absoluteTimeout", options.absoluteTimeout ?? "1 day"))
  const timeout = check.duration("timeout", options.timeout ?? "2 seconds")
  const onStoreError = check.oneOf("onStoreError", options.onStoreError ?? "fail", ["allow", "fail"])
  const decode = Schema.decodeUnknownOption(options.schema)
  const encode = Schema.encodeSync(options.schema)
  const decodeTimes = Schema.decodeUnknownOption(Times)
  const timeLeft = (created: number, now: number): number => Math.min(idle, created + absolute - now)

  const inTime = <B>(access: Effect.Effect<B, SessionError>, tag: "ReadFailed" | "WriteFailed") =>
    withinOrLeave(access, {
      millis: Duration.toMillis(timeout),
      onTimeout: () => {
        const cause = new Error(`no answer within ${Duration.format(timeout)}`)
        return new SessionError({ reason: { _tag: tag, cause } })
      }
    })

  /** The session of a digest, while it lives. */
  const find = (digest: string, now: number) =>
    Effect.gen(function* () {
      const record = decodeTimes(yield* inTime((yield* SessionStore).get(digest), "ReadFailed"))
      if (Option.isNone(record)) return undefined
      const { created, data, seen } = record.value
      if (now >= seen + idle || now >= created + absolute || now < created) return undefined
      const decoded = decode(data)
      return Option.isNone(decoded) ? undefined : { digest, created, seen, data: decoded.value }
    })

  const load = (cookie: string | undefined, now: number) =>
    Effect.gen(function* () {
      // Another subdomain can add a cookie of the same name.
      for (const id of cookieValues(cookie, writer.name, 4)) {
        const found = validId.test(id) ? yield* find(digestOf(id), now) : undefined
        if (found !== undefined) return found
      }
      return undefined
    })

  const write = (digest: string, data: A, created: number, now: number) =>
    Effect.gen(function* () {
      const record = { created, seen: now, data: encode(data) }
      const store = yield* SessionStore
      yield* inTime(store.set(digest, record, Duration.millis(timeLeft(created, now))), "WriteFailed")
    })

  const remove = (digest: string) =>
    Effect.flatMap(SessionStore, (store) => inTime(store.remove(digest), "WriteFailed"))

  /** Sets the cookie of a session that began then. */
  const setCookie = (id: string, created: number, now: number) => (response: Response) =>
    options.persistent === true
      ? writer.set(response, id, Duration.millis(created + absolute - now))
      : writer.set(response, id)

  return { name, writer, setCookie, idle, onStoreError, find, load, write, remove }
}

/**
 * Provides the session of the request as the service `key`.
 *
 * @category middleware
 * @since 0.1.0
 */
export const session = <I, A>(
  key: Context.Key<I, Session<A>>,
  options: SessionOptions<A>
): Middleware.Before<Exclude<I, Ambient>, SessionError, SessionStore> => {
  const { find, idle, load, name, onStoreError, remove, setCookie, write, writer } = storedSessions(options)

  /** Saves the session, and returns the change of its cookie. */
  const save = (current: Current<A>, locks: KeyedLocks) =>
    Effect.gen(function* () {
      const { ends, found, renews, updates } = current
      const now = yield* Clock.currentTimeMillis
      const begin = Effect.gen(function* () {
        const id = newId()
        yield* write(digestOf(id), current.changed(undefined), now, now)
        return setCookie(id, now, now)
      })
      if (found === undefined) return updates.length > 0 || (renews && !ends) ? yield* begin : undefined
      if (!ends && !renews && updates.length === 0 && now - found.seen < idle / 10) return undefined
      return yield* locks.within(
        found.digest,
        Effect.gen(function* () {
          const latest = yield* find(found.digest, now)
          if (ends) {
            yield* remove(found.digest)
            return updates.length > 0 ? yield* begin : writer.expire
          }
          // Another request has ended it, or has moved it to an id that only its own client knows.
          if (latest === undefined) return undefined
          if (!renews) return yield* write(found.digest, current.changed(latest.data), latest.created, now)
          const id = newId()
          yield* write(digestOf(id), current.changed(latest.data), latest.created, now)
          yield* remove(found.digest)
          return setCookie(id, latest.created, now)
        })
      )
    })

  const log = (error: SessionError) => Effect.logWarning(`"${name}": ${error.message}`, error.reason.cause)

  return Middleware.stateful(() => {
    const locks = new KeyedLocks()
    return Middleware.before(name, key, (request) =>
      Effect.gen(function* () {
        const store = yield* SessionStore
        const now = yield* Clock.currentTimeMillis
        const loaded = load(request.headers["cookie"], now)
        let isLost = false
        const found = yield* onStoreError === "fail"
          ? loaded
          : Effect.catch(loaded, (error) => {
              isLost = true
              return Effect.as(log(error), undefined)
            })
        const current = new Current(found, options.initial)
        yield* HttpEffect.appendPreResponseHandler((_, response) =>
          isLost
            ? Effect.succeed(response)
            : save(current, locks).pipe(
                Effect.provideService(SessionStore, store),
                Effect.map((change) => (change === undefined ? response : uncached(change(response)))),
                Effect.catch((error) =>
                  Effect.andThen(
                    log(error),
                    onStoreError === "allow" ? Effect.succeed(response) : HttpServerRespondable.toResponse(error)
                  )
                )
              )
        )
        return current
      })
    )
  }) as never
}

/**
 * Reads the data of a session outside of a pipeline, from the `Cookie` header of a request: to know who connects to a channel, for example. It changes nothing, and does not prolong
 * the session. The options are those of `session`.
 *
 * **Example** (The visitor who connects)
 *
 * ```ts
 * import { Context, Effect, Schema } from "effect"
 * import { ChannelHandler } from "fairlead/channel"
 * import { readSession } from "fairlead/server/middleware"
 *
 * class UserName extends Context.Service<UserName, string>()("app/UserName") {}
 *
 * const read = readSession({ schema: Schema.String, initial: "guest" })
 * const visitor = ChannelHandler.make("visitor", {
 *   connect: ({ headers }) =>
 *     Effect.map(Effect.orDie(read(headers["cookie"])), (name = "guest") =>
 *       ChannelHandler.accept({ context: Context.make(UserName, name) })
 *     )
 * })
 * ```
 *
 * @category accessors
 * @since 0.1.0
 */
export const readSession = <A>(
  options: SessionOptions<A>
): ((cookie: string | undefined) => Effect.Effect<A | undefined, SessionError, SessionStore>) => {
  const { load } = storedSessions(options)
  return (cookie) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.map(load(cookie, now), (found) => found?.data))
}

const uncached = (response: Response): Response =>
  response.headers["cache-control"] === undefined
    ? HttpServerResponse.setHeader(response, "cache-control", "no-store")
    : response
