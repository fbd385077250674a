/**
 * Guards against server-side request forgery: a URL that somebody else chose must not reach what only this machine can reach.
 *
 * 1. *Scheme, user info and port* of each request must be allowed: https and http, none, and the schemes' own ports, unless options say otherwise.
 * 2. *A literal address* must be public, in whatever spelling (`0x7f.1`, `[::ffff:10.0.0.1]`): the URL parser reads them all as one.
 * 3. *A name* that stands for this machine or network is refused: `localhost`, one without a dot, and what ends in `.local`, `.internal` and the like.
 * 4. *Any other name* can resolve to any address, and to another one a moment later. Only the transport of `fairlead/client/node` can check that: give it the same
 *    `policy`, and every address is checked where the connection is made.
 * 5. A follow-up passes here again, so each hop of a redirect is checked.
 *
 * Order: the last, so that nothing changes the URL behind it. Where it works: any `HttpClient` that follows no redirects by itself; rule 4 on Node only. With fetch
 * set `RequestInit` to `redirect: "manual"`, and know that names go unresolved.
 *
 * @since 0.1.0
 */
import * as Exit from "effect/Exit"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as IpNetwork from "effect/net/IpNetwork"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

import * as ClientHandler from "../ClientHandler.ts"
import { addressRange, isWithin, readAddress } from "./AddressRange.ts"
import { InvalidOption } from "./Origins.ts"

/**
 * The request must not be sent. Show its message to the developer rather than to whoever chose the URL: it tells what the network looks like.
 *
 * @category errors
 * @since 0.1.0
 */
export class SsrfBlocked extends Schema.TaggedError<SsrfBlocked>()("SsrfBlocked", {
  reason: Schema.Literals(["Url", "Scheme", "UserInfo", "Port", "Name", "Address"]),
  /** What was refused: the scheme, port, name or address. */
  refused: Schema.String,
  /** The host that it was for. */
  host: Schema.String
}) {
  override get message(): string {
    return `The request to ${this.host === "" ? "its URL" : this.host} is blocked: ${advice[this.reason](this.refused)}`
  }
}

const advice: Readonly<Record<SsrfBlocked["reason"], (refused: string) => string>> = {
  Url: () => "its URL cannot be read",
  Scheme: (refused) => `the scheme "${refused}" is not allowed; add it to schemes if it is meant`,
  UserInfo: () => "the URL has a user name or password; send them in a header",
  Port: (refused) => `the port ${refused} is not allowed; add it to ports if it is meant`,
  Name: (refused) => `the name "${refused}" stands for a machine inside; add it to hosts if it is meant`,
  Address: (refused) => `the address ${refused} is ${addressRange(refused)}; add its network to allow if it is meant`
}

/**
 * Options of the guard.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Schemes that may be used. Default: `["https", "http"]`. */
  readonly schemes?: ReadonlyArray<string>
  /** Ports that may be used. Default: those of the schemes, 443 and 80. */
  readonly ports?: ReadonlyArray<number>
  /** Networks that are allowed although they are not public, like `10.1.0.0/16`. Default: none. */
  readonly allow?: ReadonlyArray<string>
  /** Networks that are refused although they are public. They beat `allow`. Default: none. */
  readonly deny?: ReadonlyArray<string>
  /** Names that are allowed although they stand for a machine inside. Their addresses are checked all the same. Default: none. */
  readonly hosts?: ReadonlyArray<string>
}

/**
 * What may be reached, as decisions that a handler and a transport share.
 *
 * @category models
 * @since 0.1.0
 */
export interface Policy {
  /** Why the URL is refused, as far as it says by itself. */
  readonly url: (url: URL) => SsrfBlocked | undefined
  /** Why an address is refused that the host resolved to. */
  readonly address: (address: string, host: string) => SsrfBlocked | undefined
}

const inside = /(?:^|\.)(?:localhost|localdomain|local|internal|intranet|private|corp|home|lan|home\.arpa)$/

/**
 * Makes a policy. Throws `InvalidOption` for a network that cannot be read.
 *
 * @category constructors
 * @since 0.1.0
 */
export const policy = (options: Options = {}): Policy => {
  const { hosts = [], ports = [443, 80], schemes = ["https", "http"] } = options
  const allow = networksOf("allow", options.allow)
  const deny = networksOf("deny", options.deny)
  const names = new Set(hosts.map((host) => host.toLowerCase()))

  const address = (text: string, host: string): SsrfBlocked | undefined => {
    const refused = new SsrfBlocked({ reason: "Address", refused: text, host })
    if (isWithin(deny, text)) return refused
    return addressRange(text) === "public" || isWithin(allow, text) ? undefined : refused
  }

  const url = ({ hostname, password, port, protocol, username }: URL): SsrfBlocked | undefined => {
    const scheme = protocol.slice(0, -1)
    const blocked = (reason: SsrfBlocked["reason"], refused: string) =>
      new SsrfBlocked({ reason, refused, host: hostname })
    if (!schemes.includes(scheme)) return blocked("Scheme", scheme)
    if (username !== "" || password !== "") return blocked("UserInfo", "")
    const used = port === "" ? (standard[scheme] ?? 0) : Number(port)
    if (!ports.includes(used)) return blocked("Port", String(used))
    if (readAddress(hostname) !== undefined) return address(hostname.replace(/^\[(.*)\]$/, "$1"), hostname)
    const name = hostname.replace(/\.$/, "").toLowerCase()
    if (names.has(name)) return undefined
    return inside.test(name) || !name.includes(".") ? blocked("Name", name) : undefined
  }
  return { url, address }
}

const standard: Readonly<Record<string, number>> = { https: 443, wss: 443, http: 80, ws: 80 }

const networksOf = (option: string, given: ReadonlyArray<string> = []): ReadonlyArray<IpNetwork.IpNetwork> =>
  given.map((text) => {
    const network = IpNetwork.fromString(text)
    if (Result.isSuccess(network)) return network.success
    throw new InvalidOption({
      handler: "ssrf",
      option,
      description: `"${text}" is no network: give its first address and its prefix length, like "10.1.0.0/16"`
    })
  })

/**
 * Refuses requests that the policy does not allow.
 *
 * **Example** (Fetching what users link to)
 *
 * ```ts
 * import { ClientChain } from "fairlead/client"
 * import { policy, ssrfGuard } from "fairlead/client/handlers"
 *
 * const chain = ClientChain.make("links").use(ssrfGuard(policy({ schemes: ["https"], ports: [443, 8443] })))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const ssrfGuard = (allowed: Policy = policy()): ClientHandler.ClientHandler<SsrfBlocked> =>
  ClientHandler.make("ssrf", {
    run: ({ request }) => {
      const url = HttpClientRequest.toUrl(request)
      const blocked = Option.isNone(url)
        ? new SsrfBlocked({ reason: "Url", refused: "", host: "" })
        : allowed.url(url.value)
      return blocked === undefined ? Exit.succeed(ClientHandler.proceed()) : Exit.fail(blocked)
    }
  })
