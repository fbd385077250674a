/**
 * The keys by which tokens are verified: a fixed set, or the set that another server publishes.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpServerRespondable from "effect/http/HttpServerRespondable"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import { checkOptions, nameOr } from "../../core/Options.ts"
import type { Response } from "../HttpTypes.ts"

/**
 * A public key as JSON (RFC 7517).
 *
 * @category models
 * @since 0.1.0
 */
export interface JsonWebKey {
  readonly kty: string
  readonly kid?: string | undefined
  readonly alg?: string | undefined
  readonly use?: string | undefined
  readonly key_ops?: ReadonlyArray<string> | undefined
  readonly [parameter: string]: unknown
}

/**
 * Finds the public keys that a token may be signed with.
 *
 * @category models
 * @since 0.1.0
 */
export interface KeySource<out E = never> {
  /** The keys that fit the algorithm, and the id where the token names one. */
  readonly find: (wanted: WantedKey) => Effect.Effect<ReadonlyArray<JsonWebKey>, E>
}

/**
 * The key that a token names.
 *
 * @category models
 * @since 0.1.0
 */
export interface WantedKey {
  readonly alg: string
  readonly kid: string | undefined
}

/**
 * The key set of another server cannot be fetched. It responds with 503.
 *
 * @category errors
 * @since 0.1.0
 */
export class KeysUnavailable extends Schema.TaggedError<KeysUnavailable>("fairlead/server/middleware/KeysUnavailable")(
  "KeysUnavailable",
  { url: Schema.String }
) {
  override get message(): string {
    return `There are no keys from ${this.url}: look at the warnings of the log, and whether the server is reachable`
  }

  [HttpServerRespondable.symbol](): Effect.Effect<Response> {
    return Effect.succeed(HttpServerResponse.empty({ status: 503 }))
  }
}

/**
 * Options of `remoteKeys`.
 *
 * @category models
 * @since 0.1.0
 */
export interface RemoteKeysOptions {
  /** Where the set is, such as `https://id.example/.well-known/jwks.json`; plain HTTP for this machine only. */
  readonly url: string
  /** How long a set is used before it is fetched again. Default: 10 minutes. */
  readonly cacheFor?: Duration.Input | undefined
  /** How much longer a set is used when it cannot be fetched. Default: 1 hour. */
  readonly staleFor?: Duration.Input | undefined
  /** The pause between two fetches, so that tokens with unknown ids cannot cause more. Default: 30 seconds. */
  readonly cooldown?: Duration.Input | undefined
  /** How long a fetch may take. Default: 5 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** The largest set, in bytes. Default: 262,144. */
  readonly maxBytes?: number | undefined
  /** How many keys of a set are used: the first ones. Default: 100. */
  readonly maxKeys?: number | undefined
  /** The name in errors of options. Default: `remoteKeys`. */
  readonly name?: string | undefined
}

/**
 * The key set that another server publishes, fetched when it is first needed. Requests at the same time share one fetch.
 *
 * @category constructors
 * @since 0.1.0
 */
export const remoteKeys = (
  options: RemoteKeysOptions
): Effect.Effect<KeySource<KeysUnavailable>, never, HttpClient.HttpClient | Scope.Scope> => {
  const check = checkOptions(nameOr("remoteKeys", options.name))
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined
  const isLocal = url !== undefined && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname)
  if (url?.protocol !== "https:" && !(url?.protocol === "http:" && isLocal)) {
    throw check.invalid("url", `${JSON.stringify(options.url)} is not allowed: use a URL with https`)
  }
  const millis = (option: "cacheFor" | "staleFor" | "cooldown" | "timeout", standard: Duration.Input) =>
    Duration.toMillis(check.duration(option, options[option] ?? standard))
  const limits: Limits = {
    url: options.url,
    cacheFor: millis("cacheFor", "10 minutes"),
    staleFor: millis("staleFor", "1 hour"),
    cooldown: millis("cooldown", "30 seconds"),
    timeout: millis("timeout", "5 seconds"),
    maxBytes: check.integer("maxBytes", options.maxBytes ?? 262_144),
    maxKeys: check.integer("maxKeys", options.maxKeys ?? 100)
  }
  return Effect.gen(function* () {
    return new RemoteKeys(limits, yield* HttpClient.HttpClient, yield* Scope.Scope)
  })
}

const types: Readonly<Record<string, string>> = { RS: "RSA", PS: "RSA", ES: "EC", Ed: "OKP" }

/** The keys of a set that may verify such a token: of the right type, for signatures, and with the id. */
export const keysFor = (keys: ReadonlyArray<JsonWebKey>, { alg, kid }: WantedKey): ReadonlyArray<JsonWebKey> =>
  keys.filter(
    (key) =>
      key.kty === types[alg.slice(0, 2)] &&
      (kid === undefined || key.kid === kid) &&
      (key.alg === undefined || key.alg === alg) &&
      (key.use === undefined || key.use === "sig") &&
      (!Array.isArray(key.key_ops) || key.key_ops.includes("verify"))
  )

interface Limits extends Record<"cacheFor" | "staleFor" | "cooldown" | "timeout" | "maxBytes" | "maxKeys", number> {
  readonly url: string
}

class RemoteKeys implements KeySource<KeysUnavailable> {
  private keys: ReadonlyArray<JsonWebKey> = []
  private fetchedAt = -Infinity
  private attemptedAt = -Infinity
  private flight: Deferred.Deferred<void> | undefined
  private readonly limits: Limits
  private readonly client: HttpClient.HttpClient
  private readonly scope: Scope.Scope

  constructor(limits: Limits, client: HttpClient.HttpClient, scope: Scope.Scope) {
    this.limits = limits
    this.client = client
    this.scope = scope
  }

  find(wanted: WantedKey): Effect.Effect<ReadonlyArray<JsonWebKey>, KeysUnavailable> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const isFresh = now - this.fetchedAt < this.limits.cacheFor
      if (isFresh && keysFor(this.keys, wanted).length > 0) return this.present(wanted)
      return Effect.andThen(this.refreshed(now), this.present(wanted))
    })
  }

  /** Waits for the present fetch, or begins one unless the last was just now. */
  private refreshed(now: number): Effect.Effect<void> {
    return Effect.uninterruptibleMask((restore) => {
      if (this.flight !== undefined) return restore(Deferred.await(this.flight))
      if (now - this.attemptedAt < this.limits.cooldown) return Effect.void
      const flight = Deferred.makeUnsafe<void>()
      this.flight = flight
      this.attemptedAt = now
      // In the scope of the keys: a client that goes away does not cut the fetch that others wait for.
      return Effect.flatMap(Effect.forkIn(this.refresh(), this.scope), (fiber) => {
        fiber.addObserver(() => {
          this.flight = undefined
          Deferred.doneUnsafe(flight, Exit.void)
        })
        return restore(Deferred.await(flight))
      })
    })
  }

  private present(wanted: WantedKey): Effect.Effect<ReadonlyArray<JsonWebKey>, KeysUnavailable> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) =>
      now - this.fetchedAt < this.limits.cacheFor + this.limits.staleFor
        ? Effect.succeed(keysFor(this.keys, wanted))
        : Effect.fail(new KeysUnavailable({ url: this.limits.url }))
    )
  }

  private refresh(): Effect.Effect<void> {
    return fetched(this.client, this.limits).pipe(
      Effect.flatMap((keys) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          this.keys = keys
          this.fetchedAt = now
        })
      ),
      Effect.catchCause((cause) => Effect.logWarning(`The key set of ${this.limits.url} cannot be fetched`, cause))
    )
  }
}

const KeySet = Schema.fromJsonString(
  Schema.Struct({ keys: Schema.Array(Schema.Record(Schema.String, Schema.Unknown)) })
)

const isPublic = (key: object): key is JsonWebKey => "kty" in key && typeof key.kty === "string" && key.kty !== "oct"

const fetched = (client: HttpClient.HttpClient, { maxBytes, maxKeys, timeout, url }: Limits) =>
  Effect.gen(function* () {
    const response = yield* client.get(url, { headers: { accept: "application/jwk-set+json, application/json" } })
    if (response.status !== 200) return yield* Effect.fail(`the server responded with ${response.status}`)
    const decoder = new TextDecoder()
    const text = yield* Stream.runFoldEffect(
      response.stream,
      () => ({ bytes: 0, text: "" }),
      (read, piece) => {
        const bytes = read.bytes + piece.length
        return bytes > maxBytes
          ? Effect.fail(`the set has more than ${maxBytes} bytes`)
          : Effect.succeed({ bytes, text: read.text + decoder.decode(piece, { stream: true }) })
      }
    )
    const { keys } = yield* Schema.decodeUnknownEffect(KeySet)(text.text)
    // Nobody keeps a secret that is in a public set.
    return keys.filter(isPublic).slice(0, maxKeys)
  }).pipe(Effect.scoped, Effect.timeout(timeout))
