/**
 * The middleware `addressList` as a fairing: for every request of an application, before routing.
 *
 * @since 0.1.0
 */
import { addressList as middleware } from "../../server/middleware/AddressList.ts"
import type { AddressListOptions } from "../../server/middleware/AddressList.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A fairing that admits only clients whose address the lists allow. Its options are those of the middleware.
 *
 * **Example** (The office alone)
 *
 * ```ts
 * import { App } from "fairlead/app"
 * import { addressList } from "fairlead/app/fairings"
 *
 * const app = App.make("shop").attach(addressList({ allow: ["192.0.2.0/24"] }))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const addressList = (options: AddressListOptions): Fairing.Fairing => Fairing.middleware(middleware(options))
