/**
 * An HTTP cache (RFC 9111), private or shared.
 *
 * **Example** (A cache inside credentials)
 *
 * ```ts
 * import { Redacted } from "effect"
 * import { ClientChain } from "fairlead/client"
 * import { bearer, cache, decompress, retry } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("api")
 *   .use(retry())
 *   .use(bearer({ origins: ["https://api.example.com"], token: Redacted.make("t0ken") }))
 *   .use(decompress())
 *   .use(cache())
 * ```
 *
 * Rules:
 *
 * 1. Answers GET, HEAD and QUERY from the store while a response is fresh; else it validates or fetches. docs/client/cache.md lists the rules by section.
 * 2. Equal requests that miss at the same time share one request. Each caller waits by its own deadline; a caller that leaves cancels nothing for the others.
 * 3. The first caller reads the body while it is stored. An incomplete body is never stored.
 * 4. A request with `Authorization` or `Cookie` has its own partition: a response to one user never answers another.
 * 5. A store that fails, or does not answer within `storeTimeout`, is bypassed: the network answers. With `onStoreError: "fail"` the call fails with `CacheStoreError`.
 * 6. Every answer has a `Cache-Status` (RFC 9211), which `log`, `metrics` and `tracing` report.
 *
 * Order: after what sets headers, as credentials and cookies do, and after `decompress`, so that bodies are stored as they came. Before `circuitBreaker` and
 * `rateLimit`, which then count only what is sent. No `dedupe` is needed.
 *
 * Works with: any `HttpClient`.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"

import { flatMapNow } from "../../../core/Effects.ts"
import { nameOr, checkOptions } from "../../../core/Options.ts"
import { sha256 } from "../../../core/Sha256.ts"
import { CacheMode } from "../../CacheMode.ts"
import * as ClientHandler from "../../ClientHandler.ts"
import { urlOf } from "../RequestUrl.ts"
import { Answering } from "./Answering.ts"
import { requestDirectives } from "./CachePolicy.ts"
import { millis } from "./CacheSettings.ts"
import type { CacheCall, CacheSettings } from "./CacheSettings.ts"
import type { CacheStore } from "./CacheStore.ts"
import { guarded } from "./GuardedStore.ts"
import { groupList, makeMemory } from "./MemoryStore.ts"
import type { CacheStoreError } from "./StoreError.ts"
import type { Invalidation } from "./StoreTypes.ts"

/**
 * Options of `cache`.
 *
 * @category models
 * @since 0.1.0
 */
export interface CacheOptions<out OnStoreError extends "allow" | "fail" = "allow"> {
  /** The handler's name, and its name in `Cache-Status`. Default: `cache`. */
  readonly name?: string | undefined
  /** Whether the cache serves one user or many (RFC 9111 §1). Default: `private`. */
  readonly mode?: "private" | "shared" | undefined
  /** Where responses are kept. Default: a store in memory, of each client alone. */
  readonly store?: CacheStore["Service"] | undefined
  /** Whether the network answers, or the call fails, when the store cannot be read. A failed write never fails a call. Default: `allow`. */
  readonly onStoreError?: OnStoreError | undefined
  /** How long an operation of the store may take. A store that was too slow rests for 5 seconds, in which its operations fail at once. Default: 1 second. */
  readonly storeTimeout?: Duration.Input | undefined
  /**
   * Whose responses a request may share, as a text; an empty text is everybody's. Default: requests with the same `Authorization` and `Cookie` share, by a keyed digest
   * of both.
   */
  readonly partition?: ((request: ClientHandler.Request) => string) | undefined
  /** Targeted fields that take the place of `Cache-Control`, most wanted first, such as `CDN-Cache-Control` (RFC 9213). Default: none. */
  readonly targets?: ReadonlyArray<string> | undefined
  /** Which part of the time since `Last-Modified` a response without freshness stays fresh (RFC 9111 §4.2.2). 0 switches it off. Default: 0.1. */
  readonly heuristicFraction?: number | undefined
  /** The longest freshness by `heuristicFraction`. Default: 1 day. */
  readonly maxHeuristicLifetime?: Duration.Input | undefined
  /** Forces how long a response without `Cache-Control` and `Expires` stays fresh; `undefined` leaves it as it is. Default: not used. */
  readonly timeToLive?:
    | ((request: ClientHandler.Request, response: ClientHandler.Response) => Duration.Input | undefined)
    | undefined
  /** How long after its freshness a response may answer while the network fails, unless the response says so itself (RFC 5861 §4). Default: 0. */
  readonly staleIfError?: Duration.Input | undefined
  /** Whether a call fails when the network fails, or is answered by 504 as a gateway answers. Default: `fail`. */
  readonly onUnreachable?: "fail" | "respond" | undefined
  /** Whether `Set-Cookie` is stored and sent again with each hit. Default: false, since it would undo what a later response has set. */
  readonly storesSetCookie?: boolean | undefined
  /** How long a request waits for an equal one before it is sent too. Default: 10 seconds. */
  readonly lockTimeout?: Duration.Input | undefined
  /** How many bytes of a body are read into the store when all its readers have left; 0 drops the body. Default: 1 MiB, 1048576. */
  readonly maxAbandonedBytes?: ByteSize.Input | undefined
}

const safe = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "REPORT", "SEARCH", "PRI"])

/** The largest content of a QUERY request whose digest is part of the key. */
const maxQueryBytes = 64 * 1024

/**
 * Keeps responses and uses them again, as RFC 9111 says.
 *
 * **Example** (A shared cache that answers while the origin is down)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { cache, CacheStore } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("catalogue").use(
 *   cache({ mode: "shared", store: CacheStore.makeMemory({ maxBytes: "256 MiB" }), staleIfError: "1 hour" })
 * )
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const cache = <const OnStoreError extends "allow" | "fail" = "allow">(
  options: CacheOptions<OnStoreError> = {}
): ClientHandler.ClientHandler<OnStoreError extends "fail" ? CacheStoreError : never> => {
  const check = checkOptions(nameOr("cache", options.name))
  const settings = settingsOf(options, check)
  const storeTimeout = Duration.toMillis(check.duration("storeTimeout", options.storeTimeout ?? "1 second"))
  const handler = ClientHandler.make(settings.name, () =>
    methodsOf({ ...settings, store: guarded(options.store ?? makeMemory({}), storeTimeout) })
  )
  // It fails with errors of the store with `fail` alone.
  return handler as ClientHandler.ClientHandler
}

const settingsOf = (
  options: CacheOptions<"allow" | "fail">,
  check: ReturnType<typeof checkOptions>
): Omit<CacheSettings, "store"> => {
  const duration = (option: string, value: Duration.Input): number =>
    Duration.toMillis(check.duration(option, value, { zero: true, infinite: true }))
  return {
    name: check.interceptor,
    mode: check.oneOf("mode", options.mode ?? "private", ["private", "shared"]),
    targets: (options.targets ?? []).map((target) => target.toLowerCase()),
    partition: options.partition,
    timeToLive: options.timeToLive,
    heuristicFraction: check.between("heuristicFraction", options.heuristicFraction ?? 0.1, 0, 1),
    maxHeuristicLifetime: duration("maxHeuristicLifetime", options.maxHeuristicLifetime ?? "1 day"),
    staleIfError: duration("staleIfError", options.staleIfError ?? 0),
    onUnreachable: check.oneOf("onUnreachable", options.onUnreachable ?? "fail", ["fail", "respond"]),
    onStoreError: check.oneOf("onStoreError", options.onStoreError ?? "allow", ["allow", "fail"]),
    storesSetCookie: options.storesSetCookie === true,
    lockTimeout: duration("lockTimeout", options.lockTimeout ?? "10 seconds"),
    maxAbandonedBytes:
      options.maxAbandonedBytes === undefined
        ? 1024 * 1024
        : check.bytes("maxAbandonedBytes", options.maxAbandonedBytes, 0)
  }
}

type Decided = ClientHandler.Halt | ClientHandler.Proceed<CacheCall>

const methodsOf = (settings: CacheSettings) => {
  const answering = new Answering(settings)
  return {
    run: (exchange: ClientHandler.Exchange) => {
      const { request } = exchange
      const url = cacheUrl(request)
      if (url === undefined || "upgrade" in request.headers) return undefined
      const content = contentOf(request)
      if (content === undefined) return undefined
      const isAnswered = request.method === "GET" || request.method === "HEAD" || request.method === "QUERY"
      if (!isAnswered && safe.has(request.method)) return undefined
      return flatMapNow(partitionOf(request, settings), (partition): Effect.Effect<Decided, CacheStoreError> => {
        const call = callOf(request, url, { partition, url, content })
        if (!isAnswered) return Effect.succeed(ClientHandler.proceedWith(call))
        // Its errors are raised by the handlers declared later and by the transport: the chain's type has them from there.
        const answer = answering.answer(exchange, call) as Effect.Effect<ClientHandler.Response>
        return flatMapNow(answer, (response) => Exit.succeed(ClientHandler.halt(response)))
      })
    },
    afterResponse: (
      outcome: ClientHandler.Outcome,
      exchange: ClientHandler.Exchange,
      state: UnsafeState
    ): Effect.Effect<void | ClientHandler.Respond> | undefined => {
      if (state._tag === "None" || outcome._tag === "Failure") return undefined
      const { response } = outcome
      if (response.status < 200 || response.status >= 400) return undefined
      const call = state.value
      const invalidated = Effect.forEach(untrueAfter(call.url, response), (each) => answering.invalidate(each), {
        discard: true
      })
      if (call.request.method !== "POST" || call.mode === "no-store") return invalidated
      // Its own response is newer than the responses that it invalidates.
      const taken = Effect.suspend(() => answering.takeIn(exchange, call, response, millis()))
      return Effect.flatMap(invalidated, () => Effect.map(taken, ClientHandler.respond))
    }
  }
}

type UnsafeState = { readonly _tag: "None" } | { readonly _tag: "Some"; readonly value: CacheCall }

const callOf = (request: ClientHandler.Request, url: string, key: CacheCall["key"]): CacheCall => {
  const headers: CacheCall["headers"] = request.headers
  const directives = requestDirectives(headers)
  const mode = Fiber.getCurrent()!.getRef(CacheMode)
  return { request, url, key, headers, directives, mode: directives.byName.has("no-store") ? "no-store" : mode }
}

/** The URL of a request without its fragment, its query as it is. */
const cacheUrl = (request: ClientHandler.Request): string | undefined => {
  const url = urlOf(request)
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) return undefined
  return url.hash === "" ? url.href : url.href.slice(0, -url.hash.length)
}

/** The digest of the content of a QUERY; `undefined` where it cannot be read without being sent. Empty for other methods. */
const contentOf = ({ body, headers, method }: ClientHandler.Request): string | undefined => {
  if (method !== "QUERY") return (method === "GET" || method === "HEAD") && body._tag !== "Empty" ? undefined : ""
  if (body._tag !== "Empty" && (body._tag !== "Uint8Array" || body.body.length > maxQueryBytes)) return undefined
  const bytes = body._tag === "Empty" ? new Uint8Array() : body.body
  return sha256(headers["content-type"] ?? "", headers["content-encoding"] ?? "", bytes)
}

const partitionOf = (
  request: ClientHandler.Request,
  settings: CacheSettings
): Effect.Effect<string, CacheStoreError> => {
  if (settings.partition !== undefined) return Effect.succeed(settings.partition(request))
  const { authorization, cookie } = request.headers
  if (authorization === undefined && cookie === undefined) return Effect.succeed("")
  const digest = (secret: string): string => sha256(secret, JSON.stringify([authorization ?? null, cookie ?? null]))
  const partition = Effect.map(settings.store.secret, digest)
  if (settings.onStoreError === "fail") return partition
  // Without the secret of its store, a request with credentials shares nothing.
  return Effect.catchCause(partition, () => Effect.succeed(crypto.randomUUID()))
}

/** The invalidations by an unsafe request that succeeded (RFC 9111 §4.4, RFC 9875 §3). */
const untrueAfter = (url: string, { headers }: ClientHandler.Response): ReadonlyArray<Invalidation> => {
  const { origin } = new URL(url)
  const urls = new Set([url])
  for (const name of ["location", "content-location"]) {
    const value = headers[name]
    const located = value === undefined ? null : URL.parse(value, url)
    if (located === null || located.origin !== origin) continue
    located.hash = ""
    urls.add(located.href)
  }
  const groups = groupList(headers["cache-group-invalidation"] ?? "")
  const ofUrls = [...urls].map((each): Invalidation => ({ _tag: "Url", url: each }))
  return groups.length === 0 ? ofUrls : [...ofUrls, { _tag: "Groups", origin, groups }]
}
