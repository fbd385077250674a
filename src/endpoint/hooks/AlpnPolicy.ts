/**
 * Says which peers may speak which protocol, whoever dials.
 *
 * 1. The first rule of a protocol decides; what it does not let is rejected with 403 "not allowed".
 * 2. A protocol without a rule is rejected, unless `otherwise` lets it.
 * 3. On dials it is asked ahead of the first packet, on connections that are accepted when the peer's id is proven.
 *
 * Place: behind the lists and limits.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import * as EndpointHooks from "../EndpointHooks.ts"
import { Reject } from "../Errors.ts"
import { sameAlpn } from "../Identity.ts"
import type { Alpn, EndpointId } from "../Identity.ts"

/**
 * Who may speak a protocol.
 *
 * @category models
 * @since 0.1.0
 */
export interface Rule {
  readonly alpn: Alpn
  readonly may: (peer: EndpointId, side: "dialer" | "acceptor") => boolean
}

/**
 * Options of `alpnPolicy`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** What becomes of protocols without a rule. Default: `reject`. */
  readonly otherwise?: "accept" | "reject"
}

/**
 * Says which peers may speak which protocol.
 *
 * **Example** (A protocol for administrators)
 *
 * ```ts
 * import { Identity } from "fairlead/endpoint"
 * import { alpnPolicy } from "fairlead/endpoint/hooks"
 *
 * const admins = new Set([Identity.EndpointId.make("aa".repeat(32))])
 * const policy = alpnPolicy([{ alpn: Identity.alpn("admin/1"), may: (peer) => admins.has(peer) }], { otherwise: "accept" })
 * ```
 *
 * @category hooks
 * @since 0.1.0
 */
export const alpnPolicy = (
  rules: ReadonlyArray<Rule>,
  { otherwise = "reject" }: Options = {}
): EndpointHooks.EndpointHooks => {
  const decide = (alpn: Alpn, peer: EndpointId, side: "dialer" | "acceptor"): Effect.Effect<void, Reject> => {
    const rule = rules.find((rule) => sameAlpn(rule.alpn, alpn))
    const may = rule === undefined ? otherwise === "accept" : rule.may(peer, side)
    return may ? Effect.void : Effect.fail(new Reject({ reason: "not allowed" }))
  }
  return EndpointHooks.make("alpn-policy", {
    beforeConnect: ({ id }, alpn) => decide(alpn, id, "dialer"),
    afterHandshake: ({ alpn, remoteId, side }) =>
      side === "acceptor" ? decide(alpn, remoteId, "acceptor") : Effect.void
  })
}
