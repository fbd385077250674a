/**
 * Guards against server-side request forgery: a URL that somebody else chose must not reach what only this machine can reach.
 *
 * 1. *Scheme, user info and port* of each request must be allowed: https and http, none, and the schemes' own ports, unless options say otherwise.
 * 2. *A literal address* must be public, in whatever spelling (`0x7f.1`, `[::ffff:10.0.0.1]`): the URL parser reads them all as one.
 * 3. *A name* of this machine or network is refused: `localhost`, one without a dot, and names that end in `.local`, `.internal` and the like.
 * 4. *Any other name* can resolve to any address, and to another one a moment later. Only the transport of `fairlead/client/node` can check that: pass it the same
 *    `ssrfPolicy`, and every address is checked where the connection is made.
 * 5. A follow-up passes here again, so each hop of a redirect is checked.
 *
 * Order: the last, so that nothing changes the URL after it. Where it works: any `HttpClient` that follows no redirects by itself; rule 4 on Node only. With fetch
 * set `RequestInit` to `redirect: "manual"`, and know that names go unresolved.
 *
 * @since 0.1.0
 */
import * as Exit from "effect/Exit"

import { nameOr } from "../../core/Options.ts"
import * as ClientHandler from "../ClientHandler.ts"
import { urlOf } from "./RequestUrl.ts"
import { SsrfError, ssrfPolicy } from "./SsrfPolicy.ts"
import type { SsrfPolicy } from "./SsrfPolicy.ts"

/**
 * Options of `ssrfGuard`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SsrfGuardOptions {
  /** The handler's name. Default: `ssrfGuard`. */
  readonly name?: string
  /** The policy of allowed addresses. Default: `ssrfPolicy()`, public addresses by https and http. */
  readonly policy?: SsrfPolicy
}

/**
 * Refuses requests that the policy does not allow.
 *
 * **Example** (Fetching what users link to)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { ssrfGuard, ssrfPolicy } from "fairlead/client/handlers"
 *
 * const policy = ssrfPolicy({ schemes: ["https"], ports: [443, 8443] })
 * const chain = ClientChain.make("links").use(ssrfGuard({ policy }))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const ssrfGuard = ({
  name,
  policy = ssrfPolicy()
}: SsrfGuardOptions = {}): ClientHandler.ClientHandler<SsrfError> =>
  ClientHandler.make(nameOr("ssrfGuard", name), {
    run: ({ request }) => {
      const url = urlOf(request)
      const blocked =
        url === undefined ? new SsrfError({ reason: { _tag: "InvalidUrl" }, refused: "", host: "" }) : policy.url(url)
      return blocked === undefined ? Exit.succeed(ClientHandler.proceed()) : Exit.fail(blocked)
    }
  })
