/**
 * Answers calls from a store, from the network, or from both. Internal to the client part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"

import { flatMapNow, isExit } from "../../../core/Effects.ts"
import type { Response } from "../../Decision.ts"
import type { Exchange } from "../../Exchange.ts"
import {
  conditional,
  exactKey,
  isOfLeader,
  isShareable,
  outgoing,
  sameSearch,
  searchKey,
  sharingKey,
  withoutConditions
} from "./CacheCalls.ts"
import { CachedResponse } from "./CachedResponse.ts"
import { decide, isUsablePart, mayStandIn } from "./CachePolicy.ts"
import type { Decision } from "./CachePolicy.ts"
import { millis, shown } from "./CacheSettings.ts"
import type { CacheCall, CacheSettings } from "./CacheSettings.ts"
import { formatCacheStatus } from "./CacheStatus.ts"
import type { CacheStatus } from "./CacheStatus.ts"
import { isForOrigin } from "./Conditions.ts"
import { fieldsOfLines } from "./HeaderFields.ts"
import { agrees, discard, isAbout, land, landedInStore, landedWith, refreshed } from "./Landing.ts"
import type { Landed, Sent } from "./Landing.ts"
import { bytesOf, covers, serve } from "./Serving.ts"
import { SharedRequests } from "./Sharing.ts"
import type { Flight } from "./Sharing.ts"
import { validators } from "./StoredHead.ts"
import type { StoredHead } from "./StoredHead.ts"
import type { CacheStoreError } from "./StoreError.ts"
import type { Invalidation } from "./StoreTypes.ts"
import { refusal } from "./Storing.ts"
import { isSelected } from "./Vary.ts"

type Inner = HttpClient.HttpClient.With<unknown>
type Forwarded = Exclude<Decision, { readonly _tag: "Use" | "Unavailable" }>
type Taken = ReturnType<Landed["take"]>
type Answer = Effect.Effect<Response, unknown>

/** The stored responses for a call, and the call with their key. */
interface Found {
  readonly call: CacheCall
  readonly heads: ReadonlyArray<StoredHead>
  /** Set when the store failed. */
  readonly detail?: string | undefined
}

/** A request to the network, with the response that it may validate and the response that may answer when it fails. */
interface Errand {
  readonly call: CacheCall
  readonly inner: Inner
  readonly validates: StoredHead | undefined
  readonly stale: StoredHead | undefined
  readonly replaces: ReadonlyArray<StoredHead>
}

/** How many responses of one key differ by `Vary`; the eldest are replaced. */
const maxVariants = 64

/** How often a call looks again, before it does without the store. */
const maxAttempts = 3

const missed: Forwarded = { _tag: "Fetch", forward: "miss", stale: undefined }

/** Answers the calls of one client. */
export class Answering {
  private readonly shared = new SharedRequests()
  private readonly settings: CacheSettings

  constructor(settings: CacheSettings) {
    this.settings = settings
  }

  /** Answers a GET, HEAD or QUERY. */
  answer(exchange: Exchange, call: CacheCall, attempt = 1): Answer {
    const { settings } = this
    if (attempt > maxAttempts && call.mode !== "no-store") {
      return this.answer(exchange, { ...call, mode: "no-store" }, attempt)
    }
    return flatMapNow(this.find(call), (found): Answer => {
      const { call, heads } = found
      const decision = this.decide(call, heads)
      if (decision._tag === "Unavailable") return Exit.succeed(this.gatewayTimeout(call, "only-if-cached"))
      if (decision._tag !== "Use") return this.forward(exchange, found, decision, attempt)
      const { head, isStale, refresh } = decision
      return flatMapNow(serve(head, call, settings, isStale ? { detail: "stale" } : {}), (response): Answer => {
        if (response === undefined) return this.forward(exchange, { call, heads: [] }, missed, attempt)
        return refresh ? Effect.as(this.refresh(exchange.inner, call, head, heads), response) : Exit.succeed(response)
      })
    })
  }

  /** Takes in the response to a POST, when it may be stored for GET. */
  takeIn(exchange: Exchange, call: CacheCall, response: Response, requestedAt: number): Effect.Effect<Response> {
    const landing = this.shared.alone(
      call.url,
      (flight) => land(this.sent(call, response, requestedAt, flight), [], this.settings, () => undefined),
      (landed) => this.claim(exchange, landed, call, { forward: "method" })
    )
    return Effect.map(Effect.orDie(landing), (taken) => (taken instanceof CachedResponse ? taken : response))
  }

  /** Removes what an unsafe request has made untrue. */
  invalidate(invalidation: Invalidation): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.shared.outdate(invalidation)
      return Effect.ignoreCause(this.settings.store.invalidate(invalidation))
    })
  }

  private find(call: CacheCall): Effect.Effect<Found, CacheStoreError> {
    const { onStoreError, store } = this.settings
    const exact = exactKey(call)
    const found = flatMapNow(store.find(exact), (heads): Effect.Effect<Found, CacheStoreError> => {
      const found = { call: exact === call.key ? call : { ...call, key: exact }, heads }
      if (call.request.method === "QUERY" || heads.some((head) => isSelected(head, call.headers)))
        return Exit.succeed(found)
      const search = searchKey(call)
      return flatMapNow(store.find(search), (others) => {
        const same = sameSearch(others, call.url)
        return Exit.succeed(same.length === 0 ? found : { call: { ...call, key: search }, heads: same })
      })
    })
    return onStoreError === "fail" || isExit(found)
      ? found
      : Effect.catchCause(found, () => Exit.succeed({ call, heads: [], detail: "store-failed" }))
  }

  private decide(call: CacheCall, heads: ReadonlyArray<StoredHead>): Decision {
    if (call.mode === "no-store" || isForOrigin(call.headers)) {
      return { _tag: "Fetch", forward: "bypass", stale: undefined }
    }
    const now = millis()
    const decision = decide(call, heads, this.settings, now)
    if (call.headers["range"] === undefined || decision._tag === "Use") return decision
    const part = heads.find(
      (head) =>
        covers(head, call, this.settings, now) &&
        isSelected(head, call.headers) &&
        isUsablePart(head, call, this.settings, now)
    )
    if (part !== undefined) return { _tag: "Use", head: part, isStale: false, refresh: false }
    // A condition of the cache would mix with the range.
    return decision._tag === "Validate" ? { _tag: "Fetch", forward: decision.forward, stale: undefined } : decision
  }

  private forward(exchange: Exchange, found: Found, decision: Forwarded, attempt: number): Answer {
    const { call, detail, heads } = found
    const status: CacheStatus = { forward: decision.forward, detail }
    if (call.request.method === "HEAD") return this.forwardHead(exchange, call, heads, status)
    const errand = errandOf(exchange.inner, call, heads, decision)
    const again = (): Answer => this.answer(exchange, call, attempt + 1)
    const alone = (): Answer =>
      Effect.flatMap(
        this.shared.alone(
          call.url,
          (flight) => this.send(errand, flight),
          (landed) => this.claim(exchange, landed, call, status)
        ),
        (taken) => this.finish(call, taken, again, again)
      )
    if (!isShareable(call) || attempt > maxAttempts) return alone()
    const collapsed = { ...status, isCollapsed: true }
    const key = sharingKey(call, heads)
    const open = this.shared.open(key)
    const taken = open === undefined ? undefined : this.claim(exchange, open, call, collapsed)
    if (taken instanceof CachedResponse) return Exit.succeed(taken)
    const isLeader = !this.shared.isUnderWay(key)
    const joined = this.shared.join(
      key,
      call.url,
      (flight) => this.send(errand, flight),
      (landed, leads) => this.claim(exchange, landed, call, leads ? status : collapsed)
    )
    if (isLeader) return Effect.flatMap(joined, (taken) => this.finish(call, taken, again, alone))
    return Effect.matchCauseEffect(Effect.timeoutOption(joined, Duration.millis(this.settings.lockTimeout)), {
      onFailure: (cause): Answer => (isOfLeader(cause) ? again() : Exit.failCause(cause)),
      onSuccess: (taken) => (Option.isNone(taken) ? alone() : this.finish(call, taken.value, again, alone))
    })
  }

  private finish(call: CacheCall, taken: Taken, again: () => Answer, alone: () => Answer): Answer {
    if (taken === undefined) return again()
    if (taken === "alone") return alone()
    if (taken instanceof CachedResponse) return handOver(taken)
    return Effect.flatMap(serve(taken.head, call, this.settings, taken.status), (response): Answer =>
      response === undefined ? again() : Exit.succeed(response)
    )
  }

  /** A HEAD that goes to the network updates the stored responses to GET, or shows that they are no longer true (RFC 9111 §4.3.5). */
  private forwardHead(
    { inner }: Exchange,
    call: CacheCall,
    heads: ReadonlyArray<StoredHead>,
    status: CacheStatus
  ): Answer {
    const { settings } = this
    const requestedAt = millis()
    return Effect.flatMap(inner.execute(outgoing(call)), (response) => {
      const sent = { call, response, requestedAt, scope: undefined, isOutdated: () => false, onOver: () => {} }
      const concerned =
        response.status === 200 && call.mode !== "no-store"
          ? heads.filter((head) => head.status === 200 && head.part === undefined && isSelected(head, call.headers))
          : []
      const updates = concerned.map((head) =>
        settings.store.update(
          call.key,
          agrees(head, response) ? refreshed(head, sent, settings) : { ...head, isInvalid: true }
        )
      )
      const landed = land(sent, [], settings, () => undefined)
      return Effect.flatMap(Effect.ignoreCause(Effect.all(updates, { discard: true })), () =>
        Effect.map(landed, ({ take }) => {
          const taken = take(call, status)
          return taken instanceof CachedResponse ? taken : response
        })
      )
    })
  }

  /** Takes the answer for a call, and releases it when the call is interrupted. */
  private claim(exchange: Exchange, landed: Landed, call: CacheCall, status: CacheStatus): Taken {
    const taken = landed.take(call, status)
    if (taken instanceof CachedResponse) exchange.onInterrupt(() => taken.abandon())
    return taken
  }

  /** Refreshes a stale response that was used (RFC 5861 §3), once at a time. */
  private refresh(
    inner: Inner,
    call: CacheCall,
    head: StoredHead,
    heads: ReadonlyArray<StoredHead>
  ): Effect.Effect<void> {
    const key = sharingKey(call, heads)
    if (this.shared.isBusy(key)) return Effect.void
    const { etag, lastModified } = validators(head)
    const hasValidator = etag !== undefined || lastModified !== undefined
    const decision: Forwarded = hasValidator
      ? { _tag: "Validate", head, forward: "stale" }
      : { _tag: "Fetch", forward: "stale", stale: undefined }
    const errand = errandOf(inner, withoutConditions(call), heads, decision)
    const refreshing = this.shared.join(
      key,
      call.url,
      (flight) => this.send(errand, flight),
      (landed) => landed.take(errand.call, { forward: "stale" })
    )
    const reading = Effect.flatMap(refreshing, (taken) =>
      taken instanceof CachedResponse ? discardOrRead(taken) : Effect.void
    )
    return Effect.asVoid(Effect.forkDetach(Effect.ignoreCause(reading), { startImmediately: true }))
  }

  private sent(
    call: CacheCall,
    response: Response,
    requestedAt: number,
    flight: Flight,
    scope?: Scope.Closeable
  ): Sent {
    return {
      call,
      response,
      requestedAt,
      scope,
      isOutdated: () => flight.isOutdated,
      onOver: () => this.shared.filled(flight)
    }
  }

  /** Sends a request to the network, and decides what becomes of its outcome. */
  private send(errand: Errand, flight: Flight): Effect.Effect<Landed, unknown> {
    const { call, inner, replaces, stale, validates } = errand
    const { settings } = this
    const standIn = (detail: string, forwardStatus?: number): Landed | undefined =>
      stale !== undefined && mayStandIn(stale, call, settings, millis(), settings.staleIfError)
        ? landedInStore(stale, { detail, forwardStatus })
        : undefined
    return Effect.uninterruptibleMask((restore) => {
      const requestedAt = millis()
      const request = validates === undefined ? outgoing(call) : conditional(call, validates)
      const scope = ownScope()
      const executed = inner.execute(request)
      const executing = scope === undefined ? executed : Effect.provideService(executed, Scope.Scope, scope)
      return Effect.matchCauseEffect(restore(executing), {
        onFailure: (cause): Effect.Effect<Landed, unknown> => {
          if (!cause.reasons.every(Cause.isFailReason)) return Exit.failCause(cause)
          const landed = standIn("unreachable")
          if (landed !== undefined) return Exit.succeed(landed)
          return settings.onUnreachable === "fail"
            ? Exit.failCause(cause)
            : Exit.succeed(landedWith((caller) => this.gatewayTimeout(caller, "unreachable")))
        },
        onSuccess: (response): Effect.Effect<Landed, unknown> => {
          const sent = this.sent(call, response, requestedAt, flight, scope)
          if (validates !== undefined && response.status === 304) {
            const next = isAbout(validates, response)
              ? this.revalidated(errand, sent, validates)
              : restore(this.send({ ...errand, validates: undefined }, flight))
            return Effect.andThen(discard(sent), next)
          }
          const landed = response.status >= 500 ? standIn("error", response.status) : undefined
          if (landed !== undefined) return Effect.as(discard(sent), landed)
          return restore(land(sent, replaces, settings, () => standIn("broken", response.status)))
        }
      })
    })
  }

  /** A stored response after its validation (RFC 9111 §4.3.4). A response that may not be stored any more is used once. */
  private revalidated({ call }: Errand, sent: Sent, validates: StoredHead): Effect.Effect<Landed, CacheStoreError> {
    const { settings } = this
    const { store } = settings
    const head = refreshed(validates, sent, settings)
    const { directives, headers, key, request, url } = call
    const reason = refusal({ method: request.method, url, headers, directives }, head, settings)
    if (reason === undefined && !sent.isOutdated()) {
      const updated = Effect.ignoreCause(store.update(key, head))
      return Effect.as(updated, landedInStore(head, { forwardStatus: 304, isStored: true }))
    }
    return Effect.flatMap(bytesOf(head, settings), (bytes) =>
      Effect.as(
        Effect.ignoreCause(store.remove(key, validates)),
        landedWith((caller, status) => {
          if (bytes === undefined) return undefined
          if (caller !== call) return "alone"
          const fields = shown(head, settings, millis(), { ...status, forwardStatus: 304 })
          return new CachedResponse(caller.request, head.url, head.status, fields, { _tag: "Bytes", bytes })
        })
      )
    )
  }

  private gatewayTimeout({ request, url }: CacheCall, detail: string): CachedResponse {
    const line = formatCacheStatus(this.settings.name, { forward: "miss", detail })
    const body = { _tag: "Bytes", bytes: new Uint8Array() } as const
    return new CachedResponse(request, url, 504, fieldsOfLines([["cache-status", line]]), body)
  }
}

/** A shared request must not end with the scope of its first caller: it has its own, where the caller has one. */
const ownScope = (): Scope.Closeable | undefined =>
  Option.isSome(Context.getOption(Fiber.getCurrent()!.context, Scope.Scope)) ? Scope.makeUnsafe() : undefined

/** Ties the scope of a request to the scope of the caller who alone has its response. */
const handOver = (taken: CachedResponse): Effect.Effect<CachedResponse> => {
  const { scope } = taken
  if (scope === undefined) return Exit.succeed(taken)
  return Effect.flatMap(Effect.context(), (context) => {
    const caller = Context.getOption(context, Scope.Scope)
    return Option.isNone(caller)
      ? Exit.succeed(taken)
      : Effect.as(Scope.addFinalizer(caller.value, Scope.close(scope, Exit.void)), taken)
  })
}

const errandOf = (inner: Inner, call: CacheCall, heads: ReadonlyArray<StoredHead>, decision: Forwarded): Errand => {
  const selected = heads.filter((head) => isSelected(head, call.headers))
  const replaced = call.headers["range"] === undefined ? selected : selected.filter(({ part }) => part !== undefined)
  const others = heads.filter((head) => !replaced.includes(head))
  const eldest = others.slice(0, Math.max(0, others.length + 1 - maxVariants))
  const validates = decision._tag === "Validate" ? decision.head : undefined
  return {
    call,
    inner,
    validates,
    stale: validates ?? (decision._tag === "Fetch" ? decision.stale : undefined),
    replaces: [...replaced, ...eldest]
  }
}

/** The body of a refreshed response is read for the store alone. */
const discardOrRead = (response: CachedResponse): Effect.Effect<void> => Effect.ignoreCause(response.arrayBuffer)
