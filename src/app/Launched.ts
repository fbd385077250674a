/**
 * An application that was launched.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as NetAddress from "effect/net/NetAddress"

import type { Shutdown } from "../core/Shutdown.ts"
import type { FairingInfo } from "./FairingTypes.ts"
import type { StopReport } from "./StopOptions.ts"

/**
 * An application that serves.
 *
 * @category services
 * @since 0.1.0
 */
export class Launched extends Context.Service<
  Launched,
  {
    readonly app: string
    /** Where it listens; `undefined` when it was notified to stop before it was launched. */
    readonly address: NetAddress.SocketAddress | undefined
    /** The URL to open: `http://localhost:3000` where it listens on every address of port 3000. `undefined` like `address`. */
    readonly url: string | undefined
    /** Where its further listeners listen, by name. */
    readonly listeners: Readonly<Record<string, NetAddress.SocketAddress>>
    readonly fairings: ReadonlyArray<FairingInfo>
    readonly shutdown: Shutdown
    /** Ends when the shutdown has ended, and says how it went. */
    readonly stopped: Effect.Effect<StopReport>
  }
>()("fairlead/app/Launched") {}
