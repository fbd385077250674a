/**
 * Names and addresses of hosts, as URLs and cookies write them.
 *
 * @since 0.1.0
 */

/** A host in its one spelling: lower case, and without the dot that marks an absolute name. */
export const canonicalHost = (host: string): string => {
  const lower = host.toLowerCase()
  return lower.endsWith(".") ? lower.slice(0, -1) : lower
}

/** The host without the brackets of an IPv6 address, and without its zone. */
export const bareAddress = (host: string): string => {
  const inside = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host
  const zone = inside.indexOf("%")
  return zone === -1 ? inside : inside.slice(0, zone)
}

const fourNumbers = /^\d{1,3}(?:\.\d{1,3}){3}$/

/** Whether the host of a URL is an address instead of a name. */
export const isAddress = (host: string): boolean => host.startsWith("[") || fourNumbers.test(host)

/** Whether the host is this machine by its name or its address: `localhost`, a name below it, or a loopback address. */
export const isLoopback = (host: string): boolean => {
  const name = canonicalHost(host)
  return name === "localhost" || name.endsWith(".localhost") || name === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(name)
}

/** A host with its port, as `Host` and `:authority` carry it. */
export interface Authority {
  /** In lower case, without a final dot; an IPv6 address in brackets and canonical. */
  readonly host: string
  readonly port: number | undefined
}

const authority = /^(\[[\d.:A-Fa-f]+\]|[\w!$&'()*+,.;=~-]+)(?::(\d{0,5}))?$/

/** Reads `Host` (RFC 9110 §7.2): `undefined` for a text with user information, a path, a list, a bad address or a bad port. */
export const readAuthority = (text: string): Authority | undefined => {
  if (text.length > longestAuthority) return undefined
  const found = authority.exec(text)
  if (found === null) return undefined
  const port = found[2] === undefined || found[2] === "" ? undefined : Number(found[2])
  if (port !== undefined && port > 65_535) return undefined
  // The URL parser knows the forms of an address, such as `0x7f.1` for 127.0.0.1.
  const url = URL.canParse(`http://${found[1]}`) ? new URL(`http://${found[1]}`) : undefined
  return url === undefined ? undefined : { host: canonicalHost(url.hostname), port }
}

// A name has at most 253 characters.
const longestAuthority = 300
