/**
 * Networks that options list as text. Internal to the server part.
 *
 * @since 0.1.0
 */
import type * as IpNetwork from "effect/net/IpNetwork"

import { readNetwork } from "../../core/heads/AddressRange.ts"
import type { OptionChecks } from "../../core/Options.ts"

/** The networks of an option: each a range such as `10.0.0.0/8`, or one address. */
export const networksOf = (
  check: OptionChecks,
  option: string,
  ranges: ReadonlyArray<string>
): ReadonlyArray<IpNetwork.IpNetwork> =>
  ranges.map((range) => {
    const network = readNetwork(range)
    if (network !== undefined) return network
    throw check.invalid(option, `"${range}" is no network: use an address, or a range such as "10.0.0.0/8"`)
  })
