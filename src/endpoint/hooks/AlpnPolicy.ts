/**
 * Says which peers may speak which protocol, whoever dials.
 *
 * **Example** (A protocol for administrators)
 *
 * ```ts
 * import { Alpn, EndpointId } from "fairlead/endpoint"
 * import { alpnPolicy } from "fairlead/endpoint/hooks"
 *
 * const admins = new Set([EndpointId.EndpointId.make("aa".repeat(32))])
 * const policy = alpnPolicy({
 *   rules: [{ alpn: Alpn.fromString("admin/1"), allow: ({ remoteId }) => admins.has(remoteId) }],
 *   otherwise: "allow"
 * })
 * ```
 *
 * Rules:
 *
 * 1. The first rule of a protocol decides; a peer that it does not allow is rejected with 403 "not allowed".
 * 2. A protocol without a rule is rejected, unless `otherwise` allows it.
 * 3. It decides on dials before the first packet, on accepted connections when the peer's id is proven.
 *
 * Order: after the lists and limits.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import { checkOptions, nameOr } from "../../core/Options.ts"
import { Reject } from "../../core/Reject.ts"
import { equals } from "../Alpn.ts"
import type { Alpn } from "../Alpn.ts"
import * as EndpointHooks from "../EndpointHooks.ts"
import type { EndpointId } from "../EndpointId.ts"

/**
 * A peer and the protocol that it asks for.
 *
 * @category models
 * @since 0.1.0
 */
export interface AlpnSubject {
  readonly remoteId: EndpointId
  readonly side: "dialer" | "acceptor"
  readonly alpn: Alpn
}

/**
 * Who may speak a protocol.
 *
 * @category models
 * @since 0.1.0
 */
export interface AlpnRule {
  readonly alpn: Alpn
  readonly allow: (subject: AlpnSubject) => boolean
}

/**
 * Options of `alpnPolicy`.
 *
 * @category models
 * @since 0.1.0
 */
export interface AlpnPolicyOptions {
  /** Its name. Default: `alpnPolicy`. */
  readonly name?: string
  readonly rules: ReadonlyArray<AlpnRule>
  /** The decision on protocols without a rule. Default: `reject`. */
  readonly otherwise?: "allow" | "reject"
}

/**
 * Says which peers may speak which protocol.
 *
 * @category hooks
 * @since 0.1.0
 */
export const alpnPolicy = (options: AlpnPolicyOptions): EndpointHooks.EndpointHooks => {
  const { otherwise = "reject", rules } = options
  const name = nameOr("alpnPolicy", options.name)
  const check = checkOptions(name)
  check.oneOf("otherwise", otherwise, ["allow", "reject"])
  if (!Array.isArray(rules)) throw check.invalid("rules", "pass a list of rules, each with an alpn and an allow")
  const decide = (subject: AlpnSubject): Effect.Effect<void, Reject> => {
    const rule = rules.find(({ alpn }) => equals(alpn, subject.alpn))
    const isAllowed = rule === undefined ? otherwise === "allow" : rule.allow(subject)
    return isAllowed ? Effect.void : Effect.fail(new Reject({ reason: "not allowed" }))
  }
  return EndpointHooks.make(name, {
    beforeConnect: ({ addr, alpn }) => decide({ remoteId: addr.id, side: "dialer", alpn }),
    afterHandshake: (connection) => (connection.side === "acceptor" ? decide(connection) : Effect.void)
  })
}
