/**
 * The entries of a jar in a `KeyValueStore`: one for each site. A change is noted in memory at once and written by a fiber of the jar, so that no request waits for
 * the store.
 *
 * A change stays noted until the write that holds it has succeeded: a failure or an interruption at any point loses nothing.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"

import type { CookieChanges, CookieMemory } from "./CookieMemory.ts"
import { cookieId, siteOfHost, StoredCookie } from "./CookieRules.ts"

/** The names of entries, which cookies are written, and how a store's failure is reported. */
export interface EntrySettings<E> {
  readonly prefix: string
  readonly isWritten: (cookie: StoredCookie) => boolean
  readonly readFailed: (key: string, cause: unknown) => E
  readonly writeFailed: (key: string, cause: unknown) => E
}

/** The open entries of a jar. */
export interface Entries<E> {
  /** Notes changes, to be written soon. */
  readonly changed: (changes: CookieChanges) => void
  /** Writes all noted changes. */
  readonly save: Effect.Effect<void, E>
}

const Entry = Schema.fromJsonString(Schema.Array(StoredCookie))
const decode = Schema.decodeEffect(Entry)
const encode = Schema.encodeEffect(Entry)

/** The noted changes of one site by cookie: the cookie as it is now, or `undefined` where it was removed. */
type Pending = Map<string, StoredCookie | undefined>

/** Reads all entries into the memory, and writes its changes until the scope ends. */
export const openEntries = <E extends { readonly message: string }>(
  memory: CookieMemory,
  { isWritten, prefix, readFailed, writeFailed }: EntrySettings<E>
): Effect.Effect<Entries<E>, E, KeyValueStore.KeyValueStore | Scope.Scope> =>
  Effect.gen(function* () {
    const values = yield* KeyValueStore.KeyValueStore
    const pending = new Map<string, Pending>()
    const wakeUps = yield* Queue.sliding<void>(1)
    const oneAtATime = yield* Semaphore.make(1)

    const note = (cookie: StoredCookie, present: boolean): void => {
      if (!isWritten(cookie)) return
      const site = siteOfHost(cookie.domain)
      const changes = pending.get(site) ?? new Map<string, StoredCookie | undefined>()
      changes.set(cookieId(cookie), present ? cookie : undefined)
      pending.set(site, changes)
    }
    const changed = ({ added, removed }: CookieChanges): void => {
      for (const cookie of removed) note(cookie, false)
      for (const cookie of added) note(cookie, true)
      if (pending.size > 0) Queue.offerUnsafe(wakeUps, undefined)
    }

    const read = (key: string): Effect.Effect<ReadonlyArray<StoredCookie>, unknown> =>
      Effect.flatMap(values.get(key), (text) => (text === undefined ? Effect.succeed([]) : decode(text)))

    const write = (site: string, changes: Pending): Effect.Effect<void, E> =>
      Effect.gen(function* () {
        const key = `${prefix}/${site}`
        const written = new Map(changes)
        const merged = new Map((yield* read(key)).map((cookie) => [cookieId(cookie), cookie]))
        for (const [id, cookie] of written) {
          if (cookie === undefined) merged.delete(id)
          else merged.set(id, cookie)
        }
        const cookies = [...merged.values()]
        yield* cookies.length === 0
          ? values.remove(key)
          : Effect.flatMap(encode(cookies), (text) => values.set(key, text))
        for (const [id, cookie] of written) if (changes.get(id) === cookie) changes.delete(id)
        if (changes.size === 0) pending.delete(site)
        memory.adopt(site, cookies, (cookie) => !isWritten(cookie) || changes.has(cookieId(cookie)))
      }).pipe(Effect.mapError((cause) => writeFailed(`${prefix}/${site}`, cause)))

    const save = oneAtATime.withPermit(
      Effect.suspend(() => Effect.forEach([...pending], ([site, changes]) => write(site, changes), { discard: true }))
    )

    const keys = yield* Effect.mapError(values.keys, (cause) => readFailed(prefix, cause))
    for (const key of keys.filter((key) => key.startsWith(`${prefix}/`))) {
      const cookies = yield* Effect.mapError(read(key), (cause) => readFailed(key, cause))
      memory.adopt(key.slice(prefix.length + 1), cookies, () => false)
    }
    const saveOrWarn = Effect.catch(save, (error) => Effect.logWarning(error.message, error))
    yield* Effect.addFinalizer(() => saveOrWarn)
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(wakeUps), saveOrWarn)))
    return { changed, save }
  })
