/**
 * WebSockets on Node, by the `ws` package that `@effect/platform-node` brings, in place of the default that works everywhere.
 *
 * 1. A frame above the limit is refused by its header, before it is read.
 * 2. A broadcast's frame is built once, header and all, and the same bytes are written to every socket.
 * 3. A client that reads slowly is seen, so that what waits for it is bounded.
 * 4. A peer that does not answer the closing handshake is cut off after 5 seconds. Its channels end at its Close frame, or when its half of the connection ends.
 * 5. The frames of one turn of the event loop are one write for each socket, of 64 KiB at most. Sockets with the same frames share it.
 *
 * Frames that a client sends before the handshake is answered, which RFC 6455 §4.1 forbids, are lost.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

import { loadPeer } from "../../core/OptionalPeer.ts"
import { Upgrade } from "../Upgrade.ts"

/**
 * WebSockets on Node: provide it to `ChannelServer.layer`.
 *
 * **Example** (On Node)
 *
 * ```ts
 * import { Layer } from "effect"
 * import { Broadcaster, ChannelServer } from "fairlead/channel"
 * import { NodeUpgrade } from "fairlead/channel/node"
 *
 * const realtime = ChannelServer.layer(ChannelServer.make("realtime"), { path: "/socket" }).pipe(
 *   Layer.provide([Broadcaster.layer, NodeUpgrade.layer])
 * )
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = Layer.effect(
  Upgrade,
  Effect.map(
    loadPeer(() => import("./NodeWebSockets.ts"), {
      entry: "fairlead/channel/node",
      install: "@effect/platform-node@4.1"
    }),
    ({ upgrades }) => upgrades()
  )
)
