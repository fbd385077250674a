/**
 * The jar: where cookies are kept between requests, as a service.
 *
 * 1. `layer` keeps them in memory, empty at first.
 * 2. `layerKvs` also keeps them in a `KeyValueStore` (files, SQL, the browser's storage), one entry for each site: read when the layer is built, written after each
 *    change while the requests go on, and at last when the layer ends. Cookies without an expiry belong to the session and are left out, unless `persistSession` asks for
 *    them.
 * 3. Each write reads the entry and merges its own changes into it, so that several jars over one store keep each other's cookies. Two writes at the same instant from
 *    different processes can still lose one of the two: a `KeyValueStore` has no transaction.
 * 4. A failed write does not fail the request that brought the cookie: it is logged as a warning, and the next change, or `save`, writes all of it again.
 *
 * The values of cookies are secrets: guard the place where the store writes them.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Schema from "effect/Schema"

import { checkOptions } from "../../core/Options.ts"
import { openEntries } from "./CookieEntries.ts"
import { CookieMemory } from "./CookieMemory.ts"
import type { CookieChanges } from "./CookieMemory.ts"
import type { CookieLimits, SiteContext, StoredCookie } from "./CookieRules.ts"

/**
 * The jar's store could not be read or written.
 *
 * @category errors
 * @since 0.1.0
 */
export class CookieJarError extends Schema.TaggedError<CookieJarError>()("CookieJarError", {
  reason: Schema.Union([
    Schema.TaggedStruct("ReadFailed", { key: Schema.String, cause: Schema.Defect() }),
    Schema.TaggedStruct("WriteFailed", { key: Schema.String, cause: Schema.Defect() })
  ])
}) {
  override get message(): string {
    const { _tag, key } = this.reason
    return `The cookies under "${key}" could not be ${_tag === "ReadFailed" ? "read: repair or remove the entry" : "written: see the cause, and call save again"}`
  }
}

/**
 * Options of a jar.
 *
 * @category models
 * @since 0.1.0
 */
export interface CookieJarOptions {
  /** How many cookies one site may have, all its subdomains together. Default: 50. */
  readonly maxPerDomain?: number
  /** How many cookies there may be. Default: 3000. */
  readonly maxCookies?: number
}

/**
 * Options of a jar in a store.
 *
 * @category models
 * @since 0.1.0
 */
export interface CookieJarKvsOptions extends CookieJarOptions {
  /** The prefix of the keys of the jar's entries; a slash and the site follow. Default: `fairlead/cookies`. */
  readonly key?: string
  /** Whether cookies without an expiry are written too. Default: false. */
  readonly persistSession?: boolean
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
>()("fairlead/client/handlers/CookieJar") {
  /**
   * A jar in memory.
   *
   * @since 0.1.0
   */
  static layer(options: CookieJarOptions = {}): Layer.Layer<CookieJar> {
    return Layer.sync(CookieJar, () => serviceOf(new CookieMemory([], limitsOf(options)), () => {}, Effect.void))
  }

  /**
   * A jar in a `KeyValueStore`.
   *
   * @since 0.1.0
   */
  static layerKvs(
    options: CookieJarKvsOptions = {}
  ): Layer.Layer<CookieJar, CookieJarError, KeyValueStore.KeyValueStore> {
    const { key = "fairlead/cookies", persistSession = false } = options
    return Layer.effect(
      CookieJar,
      Effect.gen(function* () {
        const memory = new CookieMemory([], limitsOf(options))
        const entries = yield* openEntries(memory, {
          prefix: key,
          isWritten: ({ expires }) => persistSession || expires !== undefined,
          readFailed: (key, cause) => new CookieJarError({ reason: { _tag: "ReadFailed", key, cause } }),
          writeFailed: (key, cause) => new CookieJarError({ reason: { _tag: "WriteFailed", key, cause } })
        })
        return serviceOf(memory, entries.changed, entries.save)
      })
    )
  }
}

const limitsOf = ({ maxCookies = 3000, maxPerDomain = 50 }: CookieJarOptions): CookieLimits => ({
  maxCookies: checkOptions("CookieJar").maximum("maxCookies", maxCookies),
  maxPerDomain: checkOptions("CookieJar").maximum("maxPerDomain", maxPerDomain)
})

const serviceOf = (
  memory: CookieMemory,
  changed: (changes: CookieChanges) => void,
  save: Effect.Effect<void, CookieJarError>
): CookieJar["Service"] => ({
  store: (url, lines, context) =>
    lines.length === 0
      ? Effect.void
      : Effect.map(Clock.currentTimeMillis, (now) => changed(memory.store(url, lines, now, context))),
  cookiesFor: (url, context) => Effect.map(Clock.currentTimeMillis, (now) => memory.cookiesFor(url, now, context)),
  all: Effect.map(Clock.currentTimeMillis, (now) => memory.alive(now)),
  clear: Effect.sync(() => changed(memory.clear())),
  save
})
