/**
 * Adds one `Idempotency-Key` to each unsafe call, so that it may be sent again: the server answers the repetition with the first response.
 *
 * **Example** (A POST that `retry` may send again)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { idempotencyKey, retry } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("payments").use(idempotencyKey()).use(retry())
 * ```
 *
 * Rules:
 *
 * 1. The key is made once for each logical request, and every attempt and hop has it: a new key for each attempt would make the server act twice.
 * 2. A key that the caller set stays.
 * 3. `retry` sends a request with a key again, as if its method were idempotent.
 *
 * Order: anywhere, because a key is made before the first attempt. Works with any server that reads the field, such as the middleware `idempotencyKey`.
 *
 * @since 0.1.0
 */
import * as HttpClientRequest from "effect/http/HttpClientRequest"

import { formatIdempotencyKey } from "../../core/heads/IdempotencyKeys.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"

/**
 * Options of `idempotencyKey`.
 *
 * @category models
 * @since 0.1.0
 */
export interface IdempotencyKeyOptions {
  /** The handler's name. Default: `idempotencyKey`. */
  readonly name?: string | undefined
  /** The methods that get a key. Default: POST and PATCH. */
  readonly methods?: ReadonlyArray<string> | undefined
  /** Makes a key of printable ASCII, at most 255 characters. Default: a random UUID. */
  readonly generate?: ((request: ClientHandler.Request) => string) | undefined
}

/**
 * Adds an `Idempotency-Key` to unsafe calls.
 *
 * @category handlers
 * @since 0.1.0
 */
export const idempotencyKey = (options: IdempotencyKeyOptions = {}): ClientHandler.ClientHandler => {
  const name = nameOr("idempotencyKey", options.name)
  const { generate = () => globalThis.crypto.randomUUID(), methods = ["POST", "PATCH"] } = options
  if (methods.length === 0) throw checkOptions(name).invalid("methods", "it is empty: name at least one method")
  const keyed = new Set(methods.map((method) => method.toUpperCase()))
  return ClientHandler.make(name, {
    once: ({ request }) =>
      keyed.has(request.method) && request.headers["idempotency-key"] === undefined
        ? ClientHandler.proceed(
            HttpClientRequest.setHeader(request, "idempotency-key", formatIdempotencyKey(generate(request)))
          )
        : undefined
  })
}
