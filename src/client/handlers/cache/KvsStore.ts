/**
 * Responses in a `KeyValueStore`: files, SQL, Redis, the storage of a browser. Internal to the client part, save the options.
 *
 * 1. Heads and bodies are apart: one entry for the heads of a key, one for each 128 KiB of a body.
 * 2. The bounds are kept by a ring of slots: the eldest entry goes first, and no operation lists the store.
 * 3. An invalidation writes when it was made; older entries are not found, whoever wrote them. Clocks of processes that share a store have to agree.
 * 4. Several processes may use one store. They keep each other's entries; two commits at the same instant can lose the place of one in the ring, which then is not counted.
 * 5. Entries that cannot be read are misses.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"

import { checkOptions } from "../../../core/Options.ts"
import { sha256 } from "../../../core/Sha256.ts"
import { keyText } from "./CacheCalls.ts"
import { millis } from "./CacheSettings.ts"
import { groupsOf } from "./MemoryStore.ts"
import type { StoredHead } from "./StoredHead.ts"
import { parseHeads } from "./StoredHeads.ts"
import { damaged, readFailed, writeFailed } from "./StoreError.ts"
import type { CacheStoreError } from "./StoreError.ts"
import type { CacheKey, StoreOperations, EntryWriter, Invalidation } from "./StoreTypes.ts"

/**
 * Options of a store in a `KeyValueStore`.
 *
 * @category models
 * @since 0.1.0
 */
export interface KvsStoreOptions {
  /** The beginning of the keys of its entries. Default: `fairlead/cache`. */
  readonly prefix?: string | undefined
  /** How many bytes all bodies may have. Default: 256 MiB, 268435456. */
  readonly maxBytes?: ByteSize.Input | undefined
  /** How many entries there may be. Default: 10,000. */
  readonly maxEntries?: number | undefined
  /** How large one body may be. Default: 5 MiB, 5242880. */
  readonly maxEntryBytes?: ByteSize.Input | undefined
}

const pieceBytes = 128 * 1024

/** How many prefixes are remembered as invalid; beyond that everything older is. */
const maxPrefixes = 100

interface Ring {
  /** The next slot, and the eldest one. */
  readonly next: number
  readonly eldest: number
  /** How many slots between the two are in use, and the bytes of their bodies. */
  readonly entries: number
  readonly bytes: number
}

interface Slot {
  readonly key: string
  readonly id: string
  readonly bytes: number
}

/** An id names the slot of an entry and its pieces. */
const idOf = (slot: number, body: string): string => `${slot}.${body}`
const slotOf = (id: string): number => Number(id.slice(0, id.indexOf(".")))
const bodyOf = (id: string): string => id.slice(id.indexOf(".") + 1)

type Stored<A> = Effect.Effect<A, CacheStoreError>

/** Entries by name, with the errors of a cache store. */
class Entries {
  private readonly store: KeyValueStore.KeyValueStore
  private readonly prefix: string

  constructor(store: KeyValueStore.KeyValueStore, prefix: string) {
    this.store = store
    this.prefix = prefix
  }

  text(name: string): Stored<string | undefined> {
    return Effect.mapError(this.store.get(this.keyOf(name)), readFailed)
  }
  bytes(name: string): Stored<Uint8Array | undefined> {
    return Effect.mapError(this.store.getUint8Array(this.keyOf(name)), readFailed)
  }
  json(name: string): Stored<unknown> {
    return Effect.map(this.text(name), (text) => {
      try {
        return text === undefined ? undefined : (JSON.parse(text) as unknown)
      } catch {
        return undefined
      }
    })
  }
  set(name: string, value: string | Uint8Array): Stored<void> {
    return Effect.mapError(this.store.set(this.keyOf(name), value), writeFailed)
  }
  remove(name: string): Stored<void> {
    return Effect.mapError(this.store.remove(this.keyOf(name)), writeFailed)
  }

  private keyOf(name: string): string {
    return `${this.prefix}/${name}`
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const ringOf = (value: unknown): Ring => {
  const { bytes, eldest, entries, next } = isRecord(value) ? value : {}
  const isValid = [next, eldest, entries, bytes].every((each) => Number.isSafeInteger(each) && (each as number) >= 0)
  return isValid ? ({ next, eldest, entries, bytes } as Ring) : { next: 0, eldest: 0, entries: 0, bytes: 0 }
}

const slotValue = (value: unknown): Slot | undefined => {
  const { bytes, id, key } = isRecord(value) ? value : {}
  return typeof key === "string" && typeof id === "string" && typeof bytes === "number" ? { key, id, bytes } : undefined
}

const timeOf = (value: unknown): number => (typeof value === "number" ? value : Number.NEGATIVE_INFINITY)

const nameOfHeads = (key: CacheKey): string => `h/${sha256(keyText(key))}`
// So that marks stay few, URLs and groups share 65,536 of them: an invalidation may hit other entries too.
const markOf = (...parts: ReadonlyArray<string>): string => `i/${sha256(...parts).slice(0, 4)}`
const markOfUrl = (url: string): string => markOf("url", url)
const markOfGroup = (origin: string, group: string): string => markOf("group", origin, group)

/** The marks of the invalidations of a response, by its URL and its groups. */
const marksOf = (head: StoredHead): ReadonlyArray<string> => {
  const { origin } = new URL(head.url)
  return [markOfUrl(head.url), ...groupsOf(head).map((group) => markOfGroup(origin, group))]
}

/** The invalid prefixes, with the times of their invalidations. */
type Prefixes = ReadonlyArray<readonly [prefix: string, at: number]>

const prefixesOf = (value: unknown): Prefixes =>
  Array.isArray(value)
    ? value.filter(
        (each): each is [string, number] =>
          Array.isArray(each) && typeof each[0] === "string" && typeof each[1] === "number"
      )
    : []

const bounded = (prefixes: Prefixes): Prefixes => {
  if (prefixes.length <= maxPrefixes) return prefixes
  const dropped = prefixes.slice(0, -maxPrefixes + 1)
  return [["", Math.max(...dropped.map(([, at]) => at))], ...prefixes.slice(-maxPrefixes + 1)]
}

/** Makes a store in the `KeyValueStore` of the context. */
export const makeKvs = (
  options: KvsStoreOptions
): Effect.Effect<StoreOperations, never, KeyValueStore.KeyValueStore> => {
  const check = checkOptions("CacheStore")
  const { maxBytes: allBytes, maxEntries = 10_000, maxEntryBytes: entryBytes, prefix = "fairlead/cache" } = options
  const maxBytes = allBytes === undefined ? 256 * 1024 * 1024 : check.bytes("maxBytes", allBytes)
  const maxEntryBytes = entryBytes === undefined ? 5 * 1024 * 1024 : check.bytes("maxEntryBytes", entryBytes)
  const bounds = { maxBytes, maxEntries: check.integer("maxEntries", maxEntries) }
  return Effect.gen(function* () {
    const entries = new Entries(yield* KeyValueStore.KeyValueStore, prefix)
    return serviceOf(entries, yield* Semaphore.make(1), bounds, Math.min(maxEntryBytes, maxBytes))
  })
}

const serviceOf = (
  entries: Entries,
  lock: Semaphore.Semaphore,
  bounds: { readonly maxBytes: number; readonly maxEntries: number },
  maxEntryBytes: number
): StoreOperations => {
  let knownSecret: string | undefined

  const headsOf = (name: string, key: string): Stored<ReadonlyArray<StoredHead>> =>
    Effect.map(entries.json(name), (value) => parseHeads(value, key))

  const setHeads = (name: string, key: string, heads: ReadonlyArray<StoredHead>): Stored<void> =>
    heads.length === 0 ? entries.remove(name) : entries.set(name, JSON.stringify({ key, heads }))

  const removeBody = ({ bytes, id }: Pick<StoredHead, "bytes" | "id">): Stored<void> =>
    Effect.forEach(
      Array.from({ length: Math.ceil(bytes / pieceBytes) }, (_, index) => index),
      (index) => entries.remove(`b/${bodyOf(id)}/${index}`),
      { discard: true }
    )

  /** Takes the eldest entries out, until the bounds are kept. */
  const shrink = (ring: Ring): Stored<Ring> =>
    Effect.gen(function* () {
      let { bytes, eldest, entries: count } = ring
      while (eldest < ring.next && (count > bounds.maxEntries || bytes > bounds.maxBytes)) {
        const slot = slotValue(yield* entries.json(`s/${eldest}`))
        if (slot !== undefined) {
          const value = yield* entries.json(slot.key)
          const key = isRecord(value) && typeof value["key"] === "string" ? value["key"] : ""
          const heads = parseHeads(value, key)
          if (heads.some(({ id }) => id === slot.id)) {
            yield* setHeads(
              slot.key,
              key,
              heads.filter(({ id }) => id !== slot.id)
            )
          }
          yield* removeBody(slot)
          yield* entries.remove(`s/${eldest}`)
          bytes = Math.max(0, bytes - slot.bytes)
          count = Math.max(0, count - 1)
        }
        eldest++
      }
      return { next: ring.next, eldest, entries: count, bytes }
    })

  const locked = <A>(effect: Stored<A>): Stored<A> => lock.withPermits(1)(Effect.uninterruptible(effect))

  const forget = (ring: Ring, gone: ReadonlyArray<StoredHead>): Stored<Ring> =>
    Effect.gen(function* () {
      for (const head of gone) {
        yield* removeBody(head)
        yield* entries.remove(`s/${slotOf(head.id)}`)
      }
      const bytes = gone.reduce((sum, each) => sum + each.bytes, 0)
      return {
        ...ring,
        entries: Math.max(0, ring.entries - gone.length),
        bytes: Math.max(0, ring.bytes - bytes)
      }
    })

  const commit = (key: CacheKey, head: StoredHead, body: string, replaces: ReadonlyArray<StoredHead>): Stored<void> =>
    locked(
      Effect.gen(function* () {
        const name = nameOfHeads(key)
        const text = keyText(key)
        const before = yield* headsOf(name, text)
        const gone = before.filter(({ id }) => replaces.some((each) => each.id === id))
        const ring = yield* forget(ringOf(yield* entries.json("ring")), gone)
        const id = idOf(ring.next, body)
        yield* entries.set(`s/${ring.next}`, JSON.stringify({ key: name, id, bytes: head.bytes } satisfies Slot))
        yield* setHeads(name, text, [...before.filter((each) => !gone.includes(each)), { ...head, id }])
        const { bytes, entries: count, next } = ring
        const grown = { ...ring, next: next + 1, entries: count + 1, bytes: bytes + head.bytes }
        yield* entries.set("ring", JSON.stringify(yield* shrink(grown)))
      })
    )

  const writer = (key: CacheKey): EntryWriter => {
    const body = crypto.randomUUID()
    let buffer = new Uint8Array(pieceBytes)
    let filled = 0
    let written = 0
    const flush = (): Stored<void> =>
      Effect.suspend(() => {
        if (filled === 0) return Effect.void
        const piece = buffer.subarray(0, filled)
        buffer = new Uint8Array(pieceBytes)
        filled = 0
        return entries.set(`b/${body}/${written++}`, piece)
      })
    const write = (piece: Uint8Array): Stored<void> =>
      Effect.suspend(() => {
        const part = piece.subarray(0, pieceBytes - filled)
        buffer.set(part, filled)
        filled += part.length
        if (filled < pieceBytes) return Effect.void
        return Effect.andThen(flush(), part.length < piece.length ? write(piece.subarray(part.length)) : Effect.void)
      })
    return {
      write,
      commit: (head, replaces) => Effect.andThen(flush(), commit(key, head, body, replaces)),
      abandon: Effect.suspend(() => Effect.ignoreCause(removeBody({ id: idOf(0, body), bytes: written * pieceBytes })))
    }
  }

  const find = (key: CacheKey): Stored<ReadonlyArray<StoredHead>> =>
    Effect.flatMap(headsOf(nameOfHeads(key), keyText(key)), (heads) =>
      heads.length === 0 ? Effect.succeed(heads) : valid(heads)
    )

  /** Those that no invalidation was about. */
  const valid = (heads: ReadonlyArray<StoredHead>): Stored<ReadonlyArray<StoredHead>> =>
    Effect.gen(function* () {
      const prefixes = prefixesOf(yield* entries.json("p"))
      const times = new Map<string, number>()
      const found: Array<StoredHead> = []
      for (const head of heads) {
        const { requestedAt, url } = head
        let latest = Math.max(
          ...prefixes.map(([prefix, at]) => (url.startsWith(prefix) ? at : Number.NEGATIVE_INFINITY))
        )
        for (const name of marksOf(head)) {
          if (!times.has(name)) times.set(name, timeOf(yield* entries.json(name)))
          latest = Math.max(latest, times.get(name)!)
        }
        if (requestedAt > latest) found.push(head)
      }
      return found
    })

  const invalidate = (invalidation: Invalidation): Stored<void> => {
    const at = millis()
    switch (invalidation._tag) {
      case "Url":
        return entries.set(markOfUrl(invalidation.url), String(at))
      case "Groups":
        return Effect.forEach(
          invalidation.groups,
          (group) => entries.set(markOfGroup(invalidation.origin, group), String(at)),
          { discard: true }
        )
      default: {
        const prefix = invalidation._tag === "All" ? "" : invalidation.prefix
        return locked(
          Effect.flatMap(entries.json("p"), (value) => {
            const others = prefixesOf(value).filter(([each]) => each !== prefix)
            return entries.set("p", JSON.stringify(bounded([...others, [prefix, at]])))
          })
        )
      }
    }
  }

  const secret = Effect.gen(function* () {
    if (knownSecret !== undefined) return knownSecret
    const stored = yield* entries.text("secret")
    if (stored !== undefined && stored !== "") return (knownSecret = stored)
    yield* entries.set("secret", crypto.randomUUID())
    // Another process may have been first.
    return (knownSecret = (yield* entries.text("secret")) ?? crypto.randomUUID())
  })

  const change = (key: CacheKey, edit: (heads: ReadonlyArray<StoredHead>) => ReadonlyArray<StoredHead>): Stored<void> =>
    locked(
      Effect.flatMap(headsOf(nameOfHeads(key), keyText(key)), (heads) =>
        setHeads(nameOfHeads(key), keyText(key), edit(heads))
      )
    )

  return {
    maxEntryBytes,
    secret,
    find,
    read: (head) =>
      Stream.fromIterable(Array.from({ length: Math.ceil(head.bytes / pieceBytes) }, (_, index) => index)).pipe(
        Stream.mapEffect((index) =>
          Effect.flatMap(entries.bytes(`b/${bodyOf(head.id)}/${index}`), (piece) =>
            piece === undefined ? Effect.fail(damaged(head.url)) : Effect.succeed(piece)
          )
        )
      ),
    write: (key) => Exit.succeed(writer(key)),
    update: (key, head) => change(key, (heads) => heads.map((each) => (each.id === head.id ? head : each))),
    remove: (key, head) =>
      Effect.andThen(
        change(key, (heads) => heads.filter(({ id }) => id !== head.id)),
        locked(
          Effect.flatMap(entries.json("ring"), (value) =>
            Effect.flatMap(forget(ringOf(value), [head]), (ring) => entries.set("ring", JSON.stringify(ring)))
          )
        )
      ),
    invalidate: (invalidation) => Effect.suspend(() => invalidate(invalidation))
  }
}
