/**
 * The jar: where cookies are kept between requests, as a service.
 *
 * 1. `layer` keeps them in memory, empty at first.
 * 2. `layerStore` also keeps them in a `KeyValueStore` (files, SQL, the browser's storage): read when it is built, written behind each change. Cookies without an
 *    expiry belong to the session and are left out, unless `session` asks for them.
 * 3. A change is written whole and one at a time. A failed write does not fail the request that brought the cookie: it is logged as a warning, and the next change,
 *    or `save`, writes all of it again.
 *
 * The values of cookies are secrets: guard the place where the store writes them.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"

import { matching, store, StoredCookie } from "./CookieRules.ts"
import type { SiteContext } from "./CookieRules.ts"

/**
 * The jar's store could not be read or written. For `read`, mend or remove the entry; for `write`, see the cause and call `save` again.
 *
 * @category errors
 * @since 0.1.0
 */
export class CookieJarError extends Schema.TaggedError<CookieJarError>()("CookieJarError", {
  operation: Schema.Literals(["read", "write"]),
  key: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `The cookies under "${this.key}" could not be ${this.operation === "read" ? "read: mend or remove the entry" : "written"}`
  }
}

/**
 * Options of a jar.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** How many cookies one domain may have. Default: 50. */
  readonly perDomain?: number
  /** How many cookies there may be. Default: 3000. */
  readonly total?: number
}

/**
 * Options of a jar in a store.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoreOptions extends Options {
  /** The key of the jar's entry. Default: `fairlead/cookies`. */
  readonly key?: string
  /** Whether cookies without an expiry are written too. Default: false. */
  readonly session?: boolean
}

/**
 * Keeps cookies.
 *
 * @category services
 * @since 0.1.0
 */
export class CookieJar extends Context.Service<
  CookieJar,
  {
    /** Takes in the `Set-Cookie` lines that a response from the URL brought. */
    readonly store: (url: URL, lines: ReadonlyArray<string>, context?: SiteContext) => Effect.Effect<void>
    /** The cookies for a request to the URL, in the order in which they are sent. */
    readonly cookiesFor: (url: URL, context?: SiteContext) => Effect.Effect<ReadonlyArray<StoredCookie>>
    /** All cookies that have not ended. */
    readonly all: Effect.Effect<ReadonlyArray<StoredCookie>>
    /** Forgets every cookie. */
    readonly clear: Effect.Effect<void>
    /** Writes the jar to its store, where it has one. */
    readonly save: Effect.Effect<void, CookieJarError>
  }
>()("fairlead/client/CookieJar") {
  /**
   * A jar in memory.
   *
   * @since 0.1.0
   */
  static layer(options: Options = {}): Layer.Layer<CookieJar> {
    return Layer.sync(CookieJar, () => jar([], options, () => Effect.void))
  }

  /**
   * A jar in a `KeyValueStore`.
   *
   * @since 0.1.0
   */
  static layerStore(options: StoreOptions = {}): Layer.Layer<CookieJar, CookieJarError, KeyValueStore.KeyValueStore> {
    const { key = "fairlead/cookies", session = false } = options
    return Layer.effect(
      CookieJar,
      Effect.gen(function* () {
        const values = yield* KeyValueStore.KeyValueStore
        const text = yield* Effect.mapError(
          values.get(key),
          (cause) => new CookieJarError({ operation: "read", key, cause })
        )
        const cookies =
          text === undefined
            ? []
            : yield* Effect.mapError(decode(text), (cause) => new CookieJarError({ operation: "read", key, cause }))
        const one = yield* Semaphore.make(1)
        return jar(cookies, options, (current) =>
          one.withPermit(
            Effect.suspend(() => encode(current().filter(({ expires }) => session || expires !== undefined))).pipe(
              Effect.flatMap((text) => values.set(key, text)),
              Effect.mapError((cause) => new CookieJarError({ operation: "write", key, cause }))
            )
          )
        )
      })
    )
  }
}

const Jar = Schema.fromJsonString(Schema.Array(StoredCookie))
const decode = Schema.decodeEffect(Jar)
const encode = Schema.encodeEffect(Jar)

type Write = (current: () => ReadonlyArray<StoredCookie>) => Effect.Effect<void, CookieJarError>

const jar = (initial: ReadonlyArray<StoredCookie>, options: Options, write: Write): CookieJar["Service"] => {
  const limits = { perDomain: options.perDomain ?? 50, total: options.total ?? 3000 }
  let cookies = initial
  const save = write(() => cookies)
  const changed = Effect.catch(save, (error) => Effect.logWarning(error.message, error))
  return {
    store: (url, lines, context) =>
      lines.length === 0
        ? Effect.void
        : Effect.flatMap(Clock.currentTimeMillis, (now) => {
            cookies = store(cookies, url, lines, now, limits, context)
            return changed
          }),
    cookiesFor: (url, context) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const found = matching(cookies, url, now, context)
        const sent = new Set(found)
        if (found.length > 0) {
          cookies = cookies.map((cookie) => (sent.has(cookie) ? { ...cookie, used: now } : cookie))
        }
        return found
      }),
    all: Effect.map(Clock.currentTimeMillis, (now) =>
      cookies.filter(({ expires }) => expires === undefined || expires > now)
    ),
    clear: Effect.suspend(() => {
      cookies = []
      return changed
    }),
    save
  }
}
