/**
 * Responses from the store: whole, without a body, or in part. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"

import type { Response } from "../../Decision.ts"
import type { Pair } from "../../HeaderLines.ts"
import { CachedResponse, sliceStream } from "./CachedResponse.ts"
import type { Body } from "./CachedResponse.ts"
import { millis, shown } from "./CacheSettings.ts"
import type { CacheCall, CacheSettings } from "./CacheSettings.ts"
import type { CacheStatus } from "./CacheStatus.ts"
import { hasCondition, isNotModified, wantedBytes } from "./Conditions.ts"
import { fieldsOfLines } from "./HeaderFields.ts"
import { field } from "./StoredHead.ts"
import type { StoredHead } from "./StoredHead.ts"
import { damaged, readFailed } from "./StoreError.ts"
import type { CacheStoreError } from "./StoreError.ts"

/** Up to so many bytes are read and checked before the head is handed on. */
const checkedBytes = 256 * 1024

const notModifiedFields = new Set([
  "age",
  "cache-control",
  "cache-status",
  "content-location",
  "date",
  "etag",
  "expires",
  "vary"
])

/** Answers a call from the store. `undefined`: the entry is damaged, and has been removed. */
export const serve = (
  head: StoredHead,
  call: CacheCall,
  settings: CacheSettings,
  status: CacheStatus
): Effect.Effect<Response | undefined, CacheStoreError> => {
  const now = millis()
  const fields = shown(head, settings, now, status)
  const { method } = call.request
  if (hasCondition(call.headers) && isNotModified(head, call.headers, settings, now)) {
    const hasTag = field(head.headers, "etag") !== undefined
    const kept = fields.lines().filter(([name]) => notModifiedFields.has(name) || (name === "last-modified" && !hasTag))
    return Exit.succeed(new CachedResponse(call.request, head.url, 304, fieldsOfLines(kept), nothing))
  }
  if (method === "HEAD") return Exit.succeed(new CachedResponse(call.request, head.url, head.status, fields, nothing))
  const total = head.part?.total ?? head.bytes
  const wanted = method === "GET" && isRangeable(head) ? wantedBytes(head, call.headers, total, settings, now) : "all"
  if (wanted === "unsatisfiable") {
    const kept = fields.lines().filter(([name]) => !name.startsWith("content-"))
    const unsatisfied: Pair = ["content-range", `bytes */${total}`]
    return Exit.succeed(new CachedResponse(call.request, head.url, 416, fieldsOfLines([...kept, unsatisfied]), nothing))
  }
  if (wanted === "all" || wanted === "unknown") {
    return withBodyOf(
      head,
      call,
      settings,
      (body) => new CachedResponse(call.request, head.url, head.status, fields, body)
    )
  }
  const { first, last } = wanted
  const kept = fields.lines().filter(([name]) => name !== "content-length" && name !== "content-range")
  const ranged: ReadonlyArray<Pair> = [
    ...kept,
    ["content-length", String(last - first + 1)],
    ["content-range", `bytes ${first}-${last}/${total}`]
  ]
  const start = first - (head.part?.first ?? 0)
  return withBodyOf(head, call, settings, (body) => {
    const part = slice(body, start, start + last - first)
    return new CachedResponse(call.request, head.url, 206, fieldsOfLines(ranged), part)
  })
}

const isRangeable = ({ part, status }: StoredHead): boolean => status === 200 || part !== undefined

/** Whether partial content holds all bytes that a call wants. */
export const covers = (head: StoredHead, call: CacheCall, settings: CacheSettings, now: number): boolean => {
  const { part } = head
  if (part === undefined) return false
  const wanted = wantedBytes(head, call.headers, part.total, settings, now)
  return typeof wanted === "object" && wanted.first >= part.first && wanted.last <= part.last
}

const nothing: Body = { _tag: "Bytes", bytes: new Uint8Array() }

const slice = (body: Body, first: number, last: number): Body => {
  if (body._tag === "Bytes") return { _tag: "Bytes", bytes: body.bytes.subarray(first, last + 1) }
  return body._tag === "Stored" ? { _tag: "Stored", stream: sliceStream(body.stream, first, last) } : body
}

const withBodyOf = (
  head: StoredHead,
  call: CacheCall,
  settings: CacheSettings,
  respond: (body: Body) => Response
): Effect.Effect<Response | undefined, CacheStoreError> => {
  const peeked = head.bytes === 0 ? new Uint8Array() : settings.store.peek?.(head)
  if (peeked !== undefined) return Exit.succeed(respond({ _tag: "Bytes", bytes: peeked }))
  const removed = Effect.ignoreCause(settings.store.remove(call.key, head))
  if (head.bytes > checkedBytes) {
    const stream = Stream.onError(checked(head, settings), () => removed)
    return Exit.succeed(respond({ _tag: "Stored", stream }))
  }
  return Effect.flatMap(bytesOf(head, settings), (bytes) =>
    bytes === undefined ? Effect.as(removed, undefined) : Exit.succeed(respond({ _tag: "Bytes", bytes }))
  )
}

/** The whole body of an entry; `undefined` when it is damaged. */
export const bytesOf = (
  head: StoredHead,
  settings: CacheSettings
): Effect.Effect<Uint8Array | undefined, CacheStoreError> => {
  const bytes = Effect.catchDefect(Stream.mkUint8Array(checked(head, settings)), (defect) =>
    Effect.fail(readFailed(defect))
  )
  return Effect.catch(bytes, (error) =>
    settings.onStoreError === "fail" && error.reason._tag === "ReadFailed" ? Effect.fail(error) : Effect.undefined
  )
}

const checked = ({ bytes, ...head }: StoredHead, { store }: CacheSettings) => {
  let received = 0
  return Stream.suspend(() => {
    received = 0
    return Stream.concat(
      Stream.tap(store.read({ ...head, bytes }), (piece) =>
        (received += piece.length) > bytes ? Effect.fail(damaged(head.url)) : Effect.void
      ),
      Stream.suspend(() => (received === bytes ? Stream.empty : Stream.fail(damaged(head.url))))
    )
  })
}
