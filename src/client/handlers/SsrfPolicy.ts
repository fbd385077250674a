/**
 * Decides which addresses may be reached when somebody else chose the URL: decisions that the `ssrfGuard` handler and the transport of `fairlead/client/node` share.
 *
 * @since 0.1.0
 */
import type * as IpNetwork from "effect/net/IpNetwork"
import * as Schema from "effect/Schema"

import { addressRange, isWithin, readAddress, readNetwork } from "../../core/heads/AddressRange.ts"
import { bareAddress, canonicalHost } from "../../core/heads/Hosts.ts"
import { checkOptions } from "../../core/Options.ts"

/**
 * The request must not be sent. Show its message to the developer rather than to whoever chose the URL: it describes the network.
 *
 * @category errors
 * @since 0.1.0
 */
export class SsrfError extends Schema.TaggedError<SsrfError>()("SsrfError", {
  reason: Schema.Union([
    Schema.TaggedStruct("InvalidUrl", {}),
    Schema.TaggedStruct("SchemeForbidden", {}),
    Schema.TaggedStruct("UserInfoForbidden", {}),
    Schema.TaggedStruct("PortForbidden", {}),
    Schema.TaggedStruct("HostForbidden", {}),
    Schema.TaggedStruct("AddressForbidden", {})
  ]),
  /** The refused scheme, port, name or address. */
  refused: Schema.String,
  /** The host that it was for. */
  host: Schema.String
}) {
  override get message(): string {
    return `The request to ${this.host === "" ? "its URL" : this.host} is blocked: ${advice[this.reason._tag](this.refused)}`
  }
}

const advice: Readonly<Record<SsrfError["reason"]["_tag"], (refused: string) => string>> = {
  InvalidUrl: () => "its URL cannot be read",
  SchemeForbidden: (refused) => `the scheme "${refused}" is not allowed; add it to schemes if it is meant`,
  UserInfoForbidden: () => "the URL has a user name or password; send them in a header",
  PortForbidden: (refused) => `the port ${refused} is not allowed; add it to ports if it is meant`,
  HostForbidden: (refused) => `the name "${refused}" is that of a machine inside; add it to hosts if it is meant`,
  AddressForbidden: (refused) =>
    `the address ${refused} is ${addressRange(refused)}; add its network to allow if it is meant`
}

/**
 * Options of the guard.
 *
 * @category models
 * @since 0.1.0
 */
export interface SsrfPolicyOptions {
  /** Schemes that may be used. Default: `["https", "http"]`. */
  readonly schemes?: ReadonlyArray<string>
  /** Ports that may be used. Default: those of the schemes, 443 and 80. */
  readonly ports?: ReadonlyArray<number>
  /** Private networks to allow, like `10.1.0.0/16`. Default: none. */
  readonly allow?: ReadonlyArray<string>
  /** Public networks to refuse. They take precedence over `allow`. Default: none. */
  readonly deny?: ReadonlyArray<string>
  /** Names of machines inside, such as `db`, which are allowed. Their addresses are checked all the same. Default: none. */
  readonly hosts?: ReadonlyArray<string>
}

/**
 * The addresses that may be reached, as decisions that a handler and a transport share.
 *
 * @category models
 * @since 0.1.0
 */
export interface SsrfPolicy {
  /** Why the URL is refused, as far as it says by itself. */
  readonly url: (url: URL) => SsrfError | undefined
  /** Why an address is refused that the host resolved to. */
  readonly address: (address: string, host: string) => SsrfError | undefined
}

// A URL has IPv4 addresses in decimal form, and IPv6 addresses in brackets.
const mayBeAddress = /^[\d.]+$|:/

const inside = /(?:^|\.)(?:localhost|localdomain|local|internal|intranet|private|corp|home|lan|home\.arpa)$/

/**
 * Makes a policy. Throws `InvalidOption` for a network that cannot be read.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ssrfPolicy = (options: SsrfPolicyOptions = {}): SsrfPolicy => {
  const { hosts = [], ports = [443, 80], schemes = ["https", "http"] } = options
  const allow = networksOf("allow", options.allow)
  const deny = networksOf("deny", options.deny)
  const names = new Set(hosts.map((host) => host.toLowerCase()))

  const address = (text: string, host: string): SsrfError | undefined => {
    const refused = new SsrfError({ reason: { _tag: "AddressForbidden" }, refused: text, host })
    if (isWithin(deny, text)) return refused
    return addressRange(text) === "public" || isWithin(allow, text) ? undefined : refused
  }

  const url = ({ hostname, password, port, protocol, username }: URL): SsrfError | undefined => {
    const scheme = protocol.slice(0, -1)
    const blocked = (_tag: SsrfError["reason"]["_tag"], refused: string) =>
      new SsrfError({ reason: { _tag }, refused, host: hostname })
    if (!schemes.includes(scheme)) return blocked("SchemeForbidden", scheme)
    if (username !== "" || password !== "") return blocked("UserInfoForbidden", "")
    const used = port === "" ? (standard[scheme] ?? 0) : Number(port)
    if (!ports.includes(used)) return blocked("PortForbidden", String(used))
    if (mayBeAddress.test(hostname) && readAddress(hostname) !== undefined)
      return address(bareAddress(hostname), hostname)
    const name = canonicalHost(hostname)
    if (names.has(name)) return undefined
    return inside.test(name) || !name.includes(".") ? blocked("HostForbidden", name) : undefined
  }
  return { url, address }
}

const standard: Readonly<Record<string, number>> = { https: 443, wss: 443, http: 80, ws: 80 }

const networksOf = (option: string, given: ReadonlyArray<string> = []): ReadonlyArray<IpNetwork.IpNetwork> =>
  given.map((text) => {
    const network = text.includes("/") ? readNetwork(text) : undefined
    if (network !== undefined) return network
    throw checkOptions("ssrfPolicy").invalid(
      option,
      `"${text}" is no network: write its first address and its prefix length, like "10.1.0.0/16"`
    )
  })
