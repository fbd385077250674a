/**
 * The hosts of the application. Public through `ChannelServer`.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"

/**
 * The hosts whose pages may connect to a mount that names no `allowedOrigins`. `App.make(name, { hosts })` provides it for all mounts of an application. Without it,
 * a mount compares with the host of the request, which DNS rebinding passes.
 *
 * **Example** (Channels over a router without an `App`)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { ChannelServer } from "fairlead/channel"
 *
 * const hosts = Layer.succeed(ChannelServer.AllowedHosts, ["chat.example"])
 * ```
 *
 * @category references
 * @since 0.1.0
 */
export const AllowedHosts: Context.Reference<ReadonlyArray<string> | undefined> = Context.Reference<
  ReadonlyArray<string> | undefined
>("fairlead/AllowedHosts", { defaultValue: () => undefined })
