/**
 * Handles an unsafe request once, however often it is sent: repetitions with the same `Idempotency-Key` get the first response.
 *
 * **Example** (Payments that may be sent again)
 *
 * ```ts
 * import { Context, Effect, Layer } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { idempotencyKey, IdempotencyStore } from "fairlead/server/middleware"
 *
 * class User extends Context.Service<User, string>()("app/User") {}
 *
 * const pay = Effect.succeed(HttpServerResponse.jsonUnsafe({ paid: true }, { status: 201 }))
 * const app = Pipeline.make("payments")
 *   .handle(pay, idempotencyKey({ user: () => User }))
 *   .respond()
 * const store = IdempotencyStore.layerMemory // what the app needs, and a User
 * ```
 *
 * **Rules** (draft-ietf-httpapi-idempotency-key-header)
 *
 * 1. A key belongs to one user, method and path: nobody gets the response of another user.
 * 2. A repetition gets the recorded response, with `Idempotency-Replayed: true`.
 * 3. A key with another request, by the digest of its URL and body, fails with `Reject` 422.
 * 4. A repetition while the first request is at work fails with `Reject` 409. The lock of the key knows its owner: after `lockTimeout` another request may take it, and the first can then neither record nor free it.
 * 5. Responses below 500, save 429, are recorded for `timeToLive`. After any other response, a failure, a defect or an interruption the key is free, so that the request can be sent again.
 * 6. Requests with other methods, and without a key, pass; with `required` a missing key fails with `Reject` 400, as a malformed one does.
 * 7. When the store fails, or does not answer within `timeout`, the request fails with `Reject` 503, unless `onStoreError` is `allow`. A response that cannot be recorded is sent.
 *
 * **Order**
 *
 * An around of the handler, so that it knows the user. Put it last in `.handle(handler, …)`, outside of other arounds.
 *
 * **Limits**
 *
 * The first `maxBytes` of a request's body count for its digest. A streamed response, and one of more than `maxBytes`, is not recorded: the key is freed.
 *
 * @since 0.1.0
 */
import type * as ByteSize from "effect/ByteSize"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Exit from "effect/Exit"
import type * as HttpServerError from "effect/http/HttpServerError"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"

import { parseIdempotencyKey } from "../../core/heads/IdempotencyKeys.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import { withinOrLeave } from "../../core/TimeBound.ts"
import type { Request, Response } from "../HttpTypes.ts"
import * as Middleware from "../Middleware.ts"
import { pathOf } from "../RequestPath.ts"
import * as RequestView from "../RequestView.ts"
import { IdempotencyError, IdempotencyStore } from "./IdempotencyStore.ts"
import type { RecordedResponse } from "./IdempotencyStore.ts"

/**
 * Options of `idempotencyKey`.
 *
 * @category models
 * @since 0.1.0
 */
export interface IdempotencyKeyOptions<U extends string | Effect.Effect<string, unknown, unknown>> {
  /** Whose key it is: a text, or an Effect of one, such as the id of the user. */
  readonly user: (request: Request) => U
  /** The methods with keys. Default: POST and PATCH. */
  readonly methods?: ReadonlyArray<string> | undefined
  /** Whether a request without a key is rejected. Default: false. */
  readonly required?: boolean | undefined
  /** How long a response is kept. Default: 1 day. */
  readonly timeToLive?: Duration.Input | undefined
  /** How long a request may hold its key. Default: 1 minute. */
  readonly lockTimeout?: Duration.Input | undefined
  /** How much of a request's body counts, and the largest recorded response. Default: 1 MiB. */
  readonly maxBytes?: ByteSize.Input | undefined
  /** Whether a request is rejected with 503, or handled without a record, when the store fails. Default: `fail`. */
  readonly onStoreError?: "allow" | "fail" | undefined
  /** How long each access of the store may take. Default: 2 seconds. */
  readonly timeout?: Duration.Input | undefined
  /** The name of the around, and part of the store keys. Default: `idempotencyKey`. */
  readonly name?: string | undefined
}

/** The names of the middleware at work on this request: mounted twice, it acts once. */
const AtWork = Context.Reference<ReadonlySet<string>>("fairlead/server/middleware/IdempotencyKey/AtWork", {
  defaultValue: () => new Set()
})

const digest = (...parts: ReadonlyArray<string | Uint8Array>): Effect.Effect<string> =>
  Effect.promise(async () => {
    // Lengths keep the parts apart.
    const bytes = parts.map((part) => (typeof part === "string" ? new TextEncoder().encode(part) : part))
    const text = new TextEncoder().encode(bytes.map(({ length }) => length).join(","))
    const all = new Uint8Array(await new Blob([text, ...bytes] as Array<BlobPart>).arrayBuffer())
    return Base64Url.encode(new Uint8Array(await globalThis.crypto.subtle.digest("SHA-256", all)))
  })

const reject = (status: number, reason: string) => Effect.fail(new Reject({ status, reason, expose: true }))

/** The recorded part of a response; `undefined` for one that cannot be. */
const recordOf = ({ body, headers, status }: Response, maxBytes: number): RecordedResponse | undefined => {
  if (status >= 500 || status === 429) return undefined
  const bytes = body._tag === "Empty" ? new Uint8Array() : body._tag === "Uint8Array" ? body.body : undefined
  return bytes === undefined || bytes.length > maxBytes
    ? undefined
    : { status, headers: { ...headers }, body: Base64.encode(bytes) }
}

const replay = ({ body, headers, status }: RecordedResponse): Response => {
  const bytes = Result.getOrElse(Base64.decode(body), () => new Uint8Array())
  const init = { status, headers: { ...headers, "idempotency-replayed": "true" } }
  return bytes.length === 0
    ? HttpServerResponse.empty(init)
    : HttpServerResponse.uint8Array(bytes, {
        ...init,
        contentType: headers["content-type"] ?? "application/octet-stream"
      })
}

/**
 * Handles a request once for each `Idempotency-Key`: an around of the handler.
 *
 * @category middleware
 * @since 0.1.0
 */
export const idempotencyKey = <U extends string | Effect.Effect<string, unknown, unknown>>(
  options: IdempotencyKeyOptions<U>
): (<E, R>(
  app: Effect.Effect<Response, E, R>
) => Effect.Effect<
  Response,
  E | Reject | HttpServerError.HttpServerError | Effect.Error<U>,
  R | IdempotencyStore | HttpServerRequest.HttpServerRequest | Scope.Scope | Effect.Services<U>
>) => {
  const name = nameOr("idempotencyKey", options.name)
  const check = checkOptions(name)
  const methods = new Set((options.methods ?? ["POST", "PATCH"]).map((method) => method.toUpperCase()))
  if (methods.size === 0) throw check.invalid("methods", "it is empty: name at least one method")
  const required = options.required ?? false
  const timeToLive = check.duration("timeToLive", options.timeToLive ?? "1 day")
  const lockTimeout = check.duration("lockTimeout", options.lockTimeout ?? "1 minute")
  const timeout = check.duration("timeout", options.timeout ?? "2 seconds")
  const onStoreError = check.oneOf("onStoreError", options.onStoreError ?? "fail", ["allow", "fail"])
  const maxBytes = options.maxBytes === undefined ? 1024 * 1024 : check.bytes("maxBytes", options.maxBytes)

  const inTime = <A>(access: Effect.Effect<A, IdempotencyError>) =>
    withinOrLeave(access, {
      millis: Duration.toMillis(timeout),
      onTimeout: () => new IdempotencyError({ cause: new Error(`no answer within ${Duration.format(timeout)}`) })
    })
  const log = (error: IdempotencyError) => Effect.logWarning(`"${name}": ${error.message}`, error.cause)

  const once = <E, R>(app: Effect.Effect<Response, E, R>, sent: Request, key: string) =>
    Effect.gen(function* () {
      const store = yield* IdempotencyStore
      const user = options.user(sent)
      const userText =
        typeof user === "string" ? user : yield* user as Effect.Effect<string, Effect.Error<U>, Effect.Services<U>>
      const path = pathOf(sent)
      const [bytes, request] = yield* RequestView.peek(sent, maxBytes)
      const storeKey = yield* digest(name, userText, sent.method, path, key)
      const fingerprint = yield* digest(sent.method, sent.url, bytes)
      const owner: string = globalThis.crypto.randomUUID()
      const handled = Effect.provideService(app, HttpServerRequest.HttpServerRequest, request)
      const free = Effect.catch(inTime(store.release(storeKey, owner)), log)
      const begin = inTime(store.begin(storeKey, { owner, fingerprint }, lockTimeout))
      const settle = (exit: Exit.Exit<Response, E>) => {
        const response = Exit.isSuccess(exit) ? recordOf(exit.value, maxBytes) : undefined
        if (response === undefined) return free
        return Effect.catch(inTime(store.complete(storeKey, { owner, fingerprint, response }, timeToLive)), log)
      }
      return yield* Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          // An interrupted wait may have taken the key: it is freed.
          const begun = yield* Effect.exit(Effect.onInterrupt(restore(begin), () => free))
          if (Exit.isFailure(begun)) {
            const error = begun.cause.reasons.find((reason) => reason._tag === "Fail")?.error
            if (error === undefined) return yield* Effect.failCause(begun.cause)
            // The command may still arrive and take the key. The request does not wait for the store again.
            yield* Effect.andThen(log(error), Effect.forkDetach(free))
            return onStoreError === "allow"
              ? yield* restore(handled)
              : yield* reject(503, "the idempotency key cannot be checked")
          }
          const present = begun.value
          if (present === undefined) return yield* Effect.onExit(restore(handled), settle)
          if (present.fingerprint !== fingerprint)
            return yield* reject(422, "the idempotency key was used for another request")
          return present.response === undefined
            ? yield* reject(409, "a request with this idempotency key is at work")
            : replay(present.response)
        })
      )
    })

  return Middleware.around(name, (app: Effect.Effect<Response, any, any>) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const atWork = yield* AtWork
      if (!methods.has(request.method) || atWork.has(name)) return yield* app
      const field = request.headers["idempotency-key"]
      if (field === undefined) return yield* required ? reject(400, "send an Idempotency-Key") : app
      const key = parseIdempotencyKey(field)
      if (key === undefined) return yield* reject(400, "the Idempotency-Key is malformed")
      return yield* once(Effect.provideService(app, AtWork, new Set([...atWork, name])), request, key)
    })
  ) as never
}
