/**
 * Responses in memory, with exact bounds: the eldest entry goes first. Internal to the client part, save the options.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"

import { parseList } from "../../../core/heads/StructuredFields.ts"
import { checkOptions } from "../../../core/Options.ts"
import { keyText } from "./CacheCalls.ts"
import { field } from "./StoredHead.ts"
import type { StoredHead } from "./StoredHead.ts"
import { damaged } from "./StoreError.ts"
import type { CacheKey, StoreOperations, EntryWriter, Invalidation } from "./StoreTypes.ts"

/**
 * Options of a store in memory.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryStoreOptions {
  /** How many bytes all entries may have, bodies and heads together. Default: 64 MiB, 67108864. */
  readonly maxBytes?: ByteSize.Input | undefined
  /** How many entries there may be. Default: 10,000. */
  readonly maxEntries?: number | undefined
  /** How large one body may be. Default: 5 MiB, 5242880. */
  readonly maxEntryBytes?: ByteSize.Input | undefined
}

interface Entry {
  readonly key: string
  readonly url: string
  head: StoredHead
  readonly body: Uint8Array
  size: number
}

/** The groups of a response (RFC 9875 §2), at most 128. */
export const groupsOf = (head: Pick<StoredHead, "headers">): ReadonlyArray<string> => {
  const text = field(head.headers, "cache-groups")
  return text === undefined ? [] : groupList(text)
}

/** A list of strings; empty when the field is invalid. */
export const groupList = (text: string): ReadonlyArray<string> => {
  const groups = parseList(text)?.map((member) => ("item" in member ? member.item : undefined)) ?? []
  return groups.every((group) => typeof group === "string") ? groups.slice(0, 128) : []
}

/** Whether an invalidation is about a response. */
const isInvalidated = (head: StoredHead, invalidation: Invalidation): boolean => {
  switch (invalidation._tag) {
    case "Url":
      return head.url === invalidation.url
    case "Prefix":
      return head.url.startsWith(invalidation.prefix)
    case "Groups":
      return (
        head.url.startsWith(`${invalidation.origin}/`) &&
        groupsOf(head).some((group) => invalidation.groups.includes(group))
      )
    default:
      return true
  }
}

const headSize = (head: StoredHead): number => {
  let size = 256 + 2 * head.url.length
  for (const [name, value] of head.headers) size += 2 * (name.length + value.length) + 32
  for (const [name, value] of head.selecting) size += 2 * (name.length + (value?.length ?? 0)) + 32
  return size
}

class MemoryEntries {
  private readonly maxBytes: number
  private readonly maxEntries: number
  /** The eldest first: a map keeps the order of insertion. */
  private readonly entries = new Map<string, Entry>()
  private readonly byKey = new Map<string, Array<Entry>>()
  private readonly byUrl = new Map<string, Set<Entry>>()
  private bytes = 0

  constructor(maxBytes: number, maxEntries: number) {
    this.maxBytes = maxBytes
    this.maxEntries = maxEntries
  }

  find(key: string): ReadonlyArray<StoredHead> {
    return this.byKey.get(key)?.map(({ head }) => head) ?? none
  }

  bytesOf(id: string): Uint8Array | undefined {
    return this.entries.get(id)?.body
  }

  add(key: string, head: StoredHead, body: Uint8Array): void {
    const size = head.bytes + headSize(head)
    if (size > this.maxBytes) return
    const entry: Entry = { key, url: head.url, head, body, size }
    this.entries.set(head.id, entry)
    this.bytes += size
    const ofKey = this.byKey.get(key)
    if (ofKey === undefined) this.byKey.set(key, [entry])
    else ofKey.push(entry)
    const ofUrl = this.byUrl.get(head.url)
    if (ofUrl === undefined) this.byUrl.set(head.url, new Set([entry]))
    else ofUrl.add(entry)
    this.shrink()
  }

  update(head: StoredHead): void {
    const entry = this.entries.get(head.id)
    if (entry === undefined) return
    const size = head.bytes + headSize(head)
    this.bytes += size - entry.size
    entry.head = head
    entry.size = size
    this.shrink()
  }

  remove(id: string): void {
    const entry = this.entries.get(id)
    if (entry !== undefined) this.drop(entry)
  }

  invalidate(invalidation: Invalidation): void {
    const entries = invalidation._tag === "Url" ? (this.byUrl.get(invalidation.url) ?? none) : this.entries.values()
    for (const entry of entries) if (isInvalidated(entry.head, invalidation)) this.drop(entry)
  }

  private shrink(): void {
    for (const entry of this.entries.values()) {
      if (this.bytes <= this.maxBytes && this.entries.size <= this.maxEntries) return
      this.drop(entry)
    }
  }

  private drop(entry: Entry): void {
    this.entries.delete(entry.head.id)
    this.bytes -= entry.size
    const ofKey = this.byKey.get(entry.key)
    if (ofKey !== undefined) {
      const left = ofKey.filter((other) => other !== entry)
      if (left.length === 0) this.byKey.delete(entry.key)
      else this.byKey.set(entry.key, left)
    }
    const ofUrl = this.byUrl.get(entry.url)
    ofUrl?.delete(entry)
    if (ofUrl?.size === 0) this.byUrl.delete(entry.url)
  }
}

const none: ReadonlyArray<never> = []

const joined = (pieces: ReadonlyArray<Uint8Array>, size: number): Uint8Array => {
  if (pieces.length === 1) return pieces[0]!
  const bytes = new Uint8Array(size)
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return bytes
}

/** Makes a store in memory. */
export const makeMemory = (options: MemoryStoreOptions): StoreOperations => {
  const check = checkOptions("CacheStore")
  const bytes = (option: "maxBytes" | "maxEntryBytes", standard: number): number => {
    const value = options[option]
    return value === undefined ? standard : check.bytes(option, value)
  }
  const maxBytes = bytes("maxBytes", 64 * 1024 * 1024)
  const maxEntryBytes = Math.min(bytes("maxEntryBytes", 5 * 1024 * 1024), maxBytes)
  const entries = new MemoryEntries(maxBytes, check.maximum("maxEntries", options.maxEntries ?? 10_000))
  const secret = crypto.randomUUID()
  // A response that was asked for before an invalidation says what was true before it.
  const invalidations: Array<{ readonly at: number; readonly invalidation: Invalidation }> = []
  const wasInvalidated = (head: StoredHead): boolean =>
    invalidations.some(({ at, invalidation }) => at > head.requestedAt && isInvalidated(head, invalidation))

  const writer = (key: CacheKey): EntryWriter => {
    let pieces: Array<Uint8Array> = []
    return {
      write: (piece) => {
        // A piece is often a view of a larger buffer, and its reader may write into it.
        pieces.push(new Uint8Array(piece))
        return Exit.void
      },
      commit: (head, replaces) =>
        Effect.sync(() => {
          for (const { id } of replaces) entries.remove(id)
          if (!wasInvalidated(head)) entries.add(keyText(key), head, joined(pieces, head.bytes))
        }),
      abandon: Effect.sync(() => void (pieces = []))
    }
  }

  return {
    maxEntryBytes,
    secret: Exit.succeed(secret),
    find: (key) => Exit.succeed(entries.find(keyText(key))),
    read: ({ id, url }) => {
      const bytes = entries.bytesOf(id)
      return bytes === undefined ? Stream.fail(damaged(url)) : Stream.sync(() => new Uint8Array(bytes))
    },
    peek: ({ id }) => entries.bytesOf(id),
    write: (key) => Exit.succeed(writer(key)),
    update: (_, head) => Effect.sync(() => entries.update(head)),
    remove: (_, { id }) => Effect.sync(() => entries.remove(id)),
    invalidate: (invalidation) =>
      Effect.sync(() => {
        const at = Fiber.getCurrent()!.getRef(Clock.Clock).currentTimeMillisUnsafe()
        invalidations.push({ at, invalidation })
        if (invalidations.length > 100) invalidations.shift()
        entries.invalidate(invalidation)
      })
  }
}
