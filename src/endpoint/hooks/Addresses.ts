/**
 * Reads IP addresses in the words of transports: with or without a port, in brackets, with a zone. Internal to the ready-made hooks.
 *
 * @since 0.1.0
 */
import * as NetAddress from "effect/net/NetAddress"
import * as Result from "effect/Result"

/** The IP address of a text, if it has one. */
export const addressOf = (text: string): NetAddress.IpAddress | undefined => {
  const bare = text.replace(/^\[(.*)\]$/, "$1").replace(/%.*$/, "")
  const read = Result.orElse(NetAddress.ipFromString(bare), () =>
    Result.map(NetAddress.inetAddressFromString(text), ({ address }) => address)
  )
  return Result.getOrUndefined(read)
}
