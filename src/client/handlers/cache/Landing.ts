/**
 * Responses from the network: stored while their callers read them, used to refresh a stored response, or passed to one caller alone. Internal to the
 * client part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import { trimBlanks } from "../../../core/heads/FieldValues.ts"
import { close, release } from "../../Body.ts"
import type { Response } from "../../Decision.ts"
import type { Pair } from "../../HeaderLines.ts"
import { isEmptyBody, isOnePiece } from "../../ResponseBody.ts"
import { isDecodedByFetch } from "../ContentDecoding.ts"
import { storingKey } from "./CacheCalls.ts"
import { CachedResponse, linesOf } from "./CachedResponse.ts"
import type { Body } from "./CachedResponse.ts"
import { shown, millis } from "./CacheSettings.ts"
import type { CacheCall, CacheSettings } from "./CacheSettings.ts"
import { formatCacheStatus } from "./CacheStatus.ts"
import type { CacheStatus } from "./CacheStatus.ts"
import { Fill } from "./Fill.ts"
import { fieldsOfLines } from "./HeaderFields.ts"
import { facts, field } from "./StoredHead.ts"
import type { StoredHead } from "./StoredHead.ts"
import type { EntryWriter } from "./StoreTypes.ts"
import { isWhole, partOf, refusal, storedLines, updatedLines } from "./Storing.ts"
import { isSelected, selectingOf } from "./Vary.ts"

type Failure = HttpClientError.HttpClientError

/** A stored response as the answer to a call. */
interface FromStore {
  readonly _tag: "FromStore"
  readonly head: StoredHead
  readonly status: CacheStatus
}

/** The result of a request to the network. */
export interface Landed {
  /** The answer to a call; `undefined` when another may be for it, `alone` when it must send its own request. */
  readonly take: (call: CacheCall, status: CacheStatus) => CachedResponse | FromStore | "alone" | undefined
  /** Releases a response that nobody took. */
  readonly dispose: Effect.Effect<void>
  /** Whether further calls can take it while its body is on its way. */
  readonly isOpen: () => boolean
  /** Whether nothing of it is on its way any more. */
  readonly isOver: () => boolean
}

/** The answer is made for each call. */
export const landedWith = (take: Landed["take"]): Landed => ({
  take,
  dispose: Effect.void,
  isOpen: () => false,
  isOver: () => true
})

/** The answer is a stored response. */
export const landedInStore = (head: StoredHead, more: CacheStatus): Landed =>
  landedWith((caller, status) =>
    isSelected(head, caller.headers) ? { _tag: "FromStore", head, status: { ...status, ...more } } : undefined
  )

/** A request that went to the network, with its response. */
export interface Sent {
  readonly call: CacheCall
  readonly response: Response
  readonly requestedAt: number
  /** Whether an invalidation came while the request was under way: then its response is not stored. */
  readonly isOutdated: () => boolean
  /** Called when the body has ended. */
  readonly onOver: () => void
  /** The scope of the request, where it has its own. */
  readonly scope: Scope.Closeable | undefined
}

/** Ends the scope of a request. */
const closing = ({ scope }: Sent): Effect.Effect<void> =>
  scope === undefined ? Effect.void : Scope.close(scope, Exit.void)

/** The response of the network as a head, with all its lines. */
const headOf = ({ call, requestedAt, response }: Sent, settings: CacheSettings): StoredHead => {
  const lines = linesOf(response)
  // The body of a response that fetch has decoded is no longer as these fields say.
  const isDecoded = response.headers["content-encoding"] !== undefined && isDecodedByFetch(response)
  const headers = isDecoded ? lines.filter(([name]) => name !== "content-encoding" && name !== "content-length") : lines
  const forced = hasFreshness(headers) ? undefined : settings.timeToLive?.(call.request, response)
  const lifetime = forced === undefined ? undefined : Option.getOrUndefined(Duration.fromInput(forced))
  return {
    id: crypto.randomUUID(),
    url: call.url,
    selecting: selectingOf(field(headers, "vary"), call.headers),
    status: response.status,
    headers,
    requestedAt,
    respondedAt: millis(),
    bytes: 0,
    part: partOf(response.status, headers),
    ...(lifetime === undefined ? {} : { forcedLifetime: Duration.toMillis(lifetime) })
  }
}

const hasFreshness = (headers: ReadonlyArray<Pair>): boolean =>
  field(headers, "cache-control") !== undefined || field(headers, "expires") !== undefined

/**
 * Stores a response while it is read, or passes it on. `replaces` are the stored responses that it takes the place of; `onBroken` may answer in place of a body that
 * breaks off before its caller has seen anything of it.
 */
export const land = (
  sent: Sent,
  replaces: ReadonlyArray<StoredHead>,
  settings: CacheSettings,
  onBroken: () => Landed | undefined
): Effect.Effect<Landed> =>
  Effect.uninterruptibleMask((restore) => {
    const { call, response } = sent
    const head = headOf(sent, settings)
    const { store } = settings
    const reason = refusalOf(sent, head, settings)
    if (reason !== undefined) {
      if (onBroken() === undefined || !isOnePiece(response.headers)) {
        return Effect.succeed(passing(sent, head, settings, reason))
      }
      const read = Effect.onInterrupt(restore(Effect.exit(response.arrayBuffer)), () => close(response))
      return Effect.map(
        Effect.tap(read, () => closing(sent)),
        (exit) =>
          Exit.isFailure(exit)
            ? (onBroken() ??
              passing(sent, head, settings, reason, { _tag: "Failed", exit: Exit.failCause(exit.cause) }))
            : passing(sent, head, settings, reason, { _tag: "Bytes", bytes: new Uint8Array(exit.value) })
      )
    }
    const key = storingKey(call, head.headers)
    const stored = { ...head, headers: storedLines(head.headers, facts(head, settings).directives, settings) }
    const writing = Effect.onInterrupt(restore(Effect.exit(store.write(key))), () => close(response))
    return Effect.flatMap(writing, (writer) =>
      Exit.isFailure(writer)
        ? Effect.succeed(passing(sent, head, settings, "store-failed"))
        : filling({ sent, head: stored, writer: writer.value, replaces, settings, restore, onBroken })
    )
  })

const refusalOf = (sent: Sent, head: StoredHead, settings: CacheSettings): string | undefined => {
  const { call } = sent
  if (call.mode === "no-store" || call.request.method === "HEAD" || sent.isOutdated()) return "bypass"
  const length = field(head.headers, "content-length")
  if (length !== undefined && Number(length) > settings.store.maxEntryBytes) return "too-large"
  const { headers, directives, request, url } = call
  return refusal({ method: request.method, url, headers, directives }, head, settings)
}

/** Passes a response on to its own caller alone. */
const passing = (
  sent: Sent,
  head: StoredHead,
  settings: CacheSettings,
  detail: string,
  body: Body = { _tag: "Other", response: sent.response, scope: sent.scope }
): Landed => {
  const { call, response } = sent
  let isTaken = false
  return {
    take: (caller, status) => {
      if (isTaken || caller !== call) return "alone"
      isTaken = true
      const line = formatCacheStatus(settings.name, { ...status, detail })
      return new CachedResponse(
        call.request,
        response.url,
        response.status,
        fieldsOfLines([...head.headers, ["cache-status", line]]),
        body
      )
    },
    dispose: Effect.suspend(() => (isTaken ? Effect.void : Effect.andThen(close(response), closing(sent)))),
    isOpen: () => false,
    isOver: () => true
  }
}

interface Filling {
  readonly sent: Sent
  readonly head: StoredHead
  readonly writer: EntryWriter
  readonly replaces: ReadonlyArray<StoredHead>
  readonly settings: CacheSettings
  readonly restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly onBroken: () => Landed | undefined
}

const filling = (filling: Filling): Effect.Effect<Landed> => {
  const { sent, settings } = filling
  if (isOnePiece(sent.response.headers)) return ofOnePiece(filling)
  return Effect.map(pump(filling), (fill) =>
    landedAs(sent, filling.head, settings, true, {
      bodyOf: () => (fill.isJoinable ? { _tag: "Fill", fill } : undefined),
      dispose: Effect.sync(() => fill.dispose()),
      isOpen: () => fill.isJoinable && !fill.isOver,
      isOver: () => fill.isOver
    })
  )
}

/** Makes the written body found, when it is whole. Returns whether it is stored. */
const commit = ({ head, replaces, sent, settings, writer }: Filling, bytes: number): Effect.Effect<boolean> => {
  const isStorable = bytes <= settings.store.maxEntryBytes && !sent.isOutdated() && isWhole(head, bytes)
  if (!isStorable) return Effect.as(writer.abandon, false)
  const { call } = sent
  const { store } = settings
  // Replaced responses are under another key when No-Vary-Search has changed.
  const isMoved = storingKey(call, head.headers).content !== call.key.content
  const removing = isMoved
    ? Effect.forEach(replaces, (each) => Effect.ignoreCause(store.remove(call.key, each)), { discard: true })
    : Effect.void
  const committing = Effect.as(Effect.andThen(removing, writer.commit({ ...head, bytes }, replaces)), true)
  return Effect.catchCause(committing, () => Effect.as(writer.abandon, false))
}

/** A small body is read before its head is handed on. */
const ofOnePiece = (filling: Filling): Effect.Effect<Landed> => {
  const { head, onBroken, restore, sent, settings, writer } = filling
  const alone = (body: Body, isStored: boolean): Landed =>
    landedAs(sent, head, settings, isStored, {
      bodyOf: () => body,
      dispose: Effect.void,
      isOpen: () => false,
      isOver: () => true
    })
  const reading = Effect.onInterrupt(restore(Effect.exit(sent.response.arrayBuffer)), () => writer.abandon)
  const read = Effect.tap(reading, () => closing(sent))
  return Effect.flatMap(read, (exit) => {
    if (Exit.isFailure(exit)) {
      return Effect.as(writer.abandon, onBroken() ?? alone({ _tag: "Failed", exit: Exit.failCause(exit.cause) }, false))
    }
    const bytes = new Uint8Array(exit.value)
    const written = bytes.length === 0 ? Effect.void : Effect.ignoreCause(writer.write(bytes))
    return Effect.map(Effect.andThen(written, commit(filling, bytes.length)), (isStored) =>
      alone({ _tag: "Bytes", bytes }, isStored)
    )
  })
}

interface LandedBody {
  readonly bodyOf: () => Body | undefined
  readonly dispose: Effect.Effect<void>
  readonly isOpen: () => boolean
  readonly isOver: () => boolean
}

const landedAs = (
  sent: Sent,
  head: StoredHead,
  settings: CacheSettings,
  isStored: boolean,
  { bodyOf, ...rest }: LandedBody
): Landed => ({
  ...rest,
  take: (caller, status) => {
    const isOwn = caller === sent.call
    if (!isOwn && !isSelected(head, caller.headers)) return undefined
    const body = bodyOf()
    if (body === undefined) return undefined
    const fields = isOwn
      ? fieldsOfLines([
          ...(settings.storesSetCookie ? [] : cookieLines(sent.response)),
          ...head.headers,
          ["cache-status", formatCacheStatus(settings.name, { ...status, isStored })]
        ])
      : shown(head, settings, millis(), { ...status, isStored })
    return new CachedResponse(caller.request, sent.response.url, head.status, fields, body)
  }
})

/** Only the caller whose request was sent receives the cookies. */
const cookieLines = (response: Response): ReadonlyArray<Pair> =>
  linesOf(response).filter(([name]) => name === "set-cookie")

/** Reads a body into the store, in a separate fiber, as far as its readers want it. */
const pump = (filling: Filling): Effect.Effect<Fill> =>
  Effect.suspend(() => {
    const { sent, settings, writer } = filling
    const { maxAbandonedBytes, store } = settings
    let received = 0
    let isWriting = true
    let pumping: Fiber.Fiber<unknown> | undefined
    const fill = new Fill(
      (bytes) => isWriting && bytes <= maxAbandonedBytes,
      () => pumping?.interruptUnsafe()
    )
    const stopWriting = Effect.suspend(() => {
      isWriting = false
      return writer.abandon
    })
    const write = (piece: Uint8Array): Effect.Effect<void> => {
      received += piece.length
      if (!isWriting) return Effect.void
      if (received > store.maxEntryBytes) return stopWriting
      return Effect.catchCause(writer.write(piece), () => stopWriting)
    }
    const reading = Stream.runForEachWhile(sent.response.stream, (piece) =>
      Effect.map(Effect.andThen(write(piece), fill.push(piece)), () => !fill.isLeft)
    )
    const ended = (exit: Exit.Exit<void, Failure>): Effect.Effect<void> => {
      const error = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isFailReason)?.error : undefined
      const isComplete = Exit.isSuccess(exit) ? !fill.isLeft : error !== undefined && isEmptyBody(error)
      const storing = !isWriting ? Effect.void : isComplete ? commit(filling, received) : writer.abandon
      return Effect.map(Effect.andThen(storing, closing(sent)), () => {
        fill.finish(isComplete ? Exit.void : exit)
        sent.onOver()
      })
    }
    const flow = Effect.flatMap(Effect.exit(Effect.interruptible(reading)), ended)
    return Effect.map(Effect.forkDetach(flow, { startImmediately: true, uninterruptible: true }), (fiber) => {
      pumping = fiber
      return fill
    })
  })

/** The stored head after a 304, or after a HEAD response, of the network. */
export const refreshed = (stored: StoredHead, sent: Sent, settings: CacheSettings): StoredHead => {
  const update = headOf(sent, settings)
  const all = updatedLines(stored.headers, update.headers)
  const { directives } = facts({ ...update, headers: all }, settings)
  const headers = storedLines(all, directives, settings)
  return {
    ...stored,
    headers: withoutOldAge(headers, update.headers),
    selecting: selectingOf(field(headers, "vary"), sent.call.headers),
    requestedAt: update.requestedAt,
    respondedAt: update.respondedAt,
    isInvalid: false
  }
}

// An Age that the new response does not have was about the old one.
const withoutOldAge = (headers: ReadonlyArray<Pair>, update: ReadonlyArray<Pair>): ReadonlyArray<Pair> =>
  field(update, "age") === undefined ? headers.filter(([name]) => name !== "age") : headers

/** Whether a 304 is about this stored response (RFC 9111 §4.3.4). */
export const isAbout = (stored: StoredHead, response: Response): boolean => {
  const etag = response.headers["etag"]
  const own = field(stored.headers, "etag")
  if (etag === undefined || own === undefined) return true
  const opaque = (tag: string): string => trimBlanks(tag).replace(/^W\//, "")
  return opaque(etag) === opaque(own)
}

/** Whether the response to HEAD is about the stored response to GET (RFC 9111 §4.3.5). */
export const agrees = (stored: StoredHead, response: Response): boolean =>
  (["etag", "last-modified", "content-length"] as const).every((name) => {
    const value = response.headers[name]
    return value === undefined || value === (field(stored.headers, name) ?? value)
  })

/** Releases a response whose body nobody needs. */
export const discard = (sent: Sent): Effect.Effect<void> =>
  Effect.asVoid(Effect.forkDetach(Effect.andThen(release(sent.response), closing(sent)), { startImmediately: true }))
