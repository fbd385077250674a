/**
 * Admits only clients whose address the lists allow.
 *
 * **Example** (An admin area for the office alone)
 *
 * ```ts
 * import { HttpServerResponse } from "effect/http"
 * import { Pipeline } from "fairlead/server"
 * import { addressList } from "fairlead/server/middleware"
 *
 * const admin = Pipeline.make("admin")
 *   .before(addressList({ allow: ["192.0.2.0/24", "2001:db8::/32"], deny: ["192.0.2.13"] }))
 *   .handle(HttpServerResponse.text("hello"))
 *   .respond()
 * ```
 *
 * **Rules**
 *
 * 1. An address on `deny` is rejected, whatever `allow` says. Where there is `allow`, every other address is rejected too.
 * 2. A mapped address or range, such as `::ffff:192.0.2.0/120`, is that of IPv4. An IPv4 address within IPv6 (NAT64, 6to4) is looked up as both. The spelling does not matter.
 * 3. A request without a readable address, such as one over a Unix socket, is rejected, unless `otherwise` allows it.
 * 4. A rejected request fails with `Reject` 403.
 *
 * **Order**
 *
 * A before, after `trustedProxy`: without it the address is that of the nearest proxy. An address is no identity.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

import { isWithin, readAddress } from "../../core/heads/AddressRange.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import * as Middleware from "../Middleware.ts"
import { networksOf } from "./Networks.ts"

/**
 * Options of `addressList`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AddressListOptions {
  /** Only these ranges are admitted, such as `10.0.0.0/8` or `2001:db8::1`. Default: all. */
  readonly allow?: ReadonlyArray<string> | undefined
  /** These ranges are not admitted. Default: none. */
  readonly deny?: ReadonlyArray<string> | undefined
  /** What happens to a request without a readable address. Default: `reject`. */
  readonly otherwise?: "allow" | "reject" | undefined
  /** The name of the middleware. Default: `addressList`. */
  readonly name?: string | undefined
}

/**
 * Admits requests by the address of the client.
 *
 * @category middleware
 * @since 0.1.0
 */
export const addressList = (options: AddressListOptions): Middleware.Before<never, Reject> => {
  const name = nameOr("addressList", options.name)
  const check = checkOptions(name)
  const allow = options.allow === undefined ? undefined : networksOf(check, "allow", options.allow)
  const deny = networksOf(check, "deny", options.deny ?? [])
  const otherwise = check.oneOf("otherwise", options.otherwise ?? "reject", ["allow", "reject"])
  const isAdmitted = (address: string): boolean => {
    if (readAddress(address) === undefined) return otherwise === "allow"
    return !isWithin(deny, address) && (allow === undefined || isWithin(allow, address))
  }
  return Middleware.before(name, ({ remoteAddress }) =>
    isAdmitted(Option.getOrElse(remoteAddress, () => ""))
      ? Effect.void
      : Effect.fail(new Reject({ reason: "address not allowed" }))
  )
}
