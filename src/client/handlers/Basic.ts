/**
 * Basic authentication by RFC 7617: sends user name and password with each request to the origins they are for.
 *
 * 1. They go out with the first request already, in UTF-8, and to the listed origins only; a redirect elsewhere loses them.
 * 2. An `Authorization` header of the caller stays.
 * 3. Over plain http anybody on the way can read them: name https origins.
 *
 * Order: inside of redirect, retry and cache; outside of handlers that sign requests. Where it works: any `HttpClient`.
 *
 * @since 0.1.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"

import { checkOptions, nameOr } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { boundTo } from "./Origins.ts"

/**
 * Options of `basic`.
 *
 * @category models
 * @since 0.1.0
 */
export interface BasicOptions {
  /** The handler's name. Default: `basic`. */
  readonly name?: string
  /** The origins that the credentials are for, like `https://api.example.com`. */
  readonly origins: ReadonlyArray<string>
  /** Without a colon, which parts it from the password. */
  readonly username: string
  readonly password: Redacted.Redacted
}

/** The value of the `Authorization` header (§2). */
const basicCredentials = (username: string, password: Redacted.Redacted): string =>
  `Basic ${Base64.encode(`${username}:${Redacted.value(password)}`)}`

/**
 * Sends user name and password. Throws `InvalidOption` for a name or a password that the scheme cannot carry.
 *
 * **Example** (An internal service)
 *
 * ```ts
 * import { Redacted } from "effect"
 * import { ClientChain } from "fairlead/client"
 * import { basic } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("reports").use(
 *   basic({ origins: ["https://reports.example.com"], username: "ada", password: Redacted.make("s3cret") })
 * )
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const basic = ({ name, origins, password, username }: BasicOptions): ClientHandler.ClientHandler => {
  const named = nameOr("basic", name)
  const check = checkOptions(named)
  const bound = boundTo(named, origins)
  if (/[:\p{Cc}]/u.test(username)) {
    throw check.invalid(
      "username",
      "it has a colon or a control character, which the scheme cannot carry: use digest or bearer"
    )
  }
  if (/\p{Cc}/u.test(Redacted.value(password))) {
    throw check.invalid(
      "password",
      "it has a control character, such as the line end of the file it was read from: trim it"
    )
  }
  return ClientHandler.make(named, {
    run: ({ request }) =>
      bound(request) === undefined
        ? ClientHandler.proceed()
        : ClientHandler.proceed(
            HttpClientRequest.setHeader(request, "authorization", basicCredentials(username, password))
          )
  })
}
