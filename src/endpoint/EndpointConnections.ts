/**
 * The connections of an endpoint as data. Internal: see `Endpoint`.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"

import type { ConnectionInfo } from "./EndpointConnection.ts"
import type { EndpointId } from "./EndpointId.ts"
import type { CloseInfo } from "./HookPoints.ts"

/**
 * A connection that came, or that went.
 *
 * @category models
 * @since 0.1.0
 */
export type ConnectionChange =
  | { readonly _tag: "Opened"; readonly connection: ConnectionInfo }
  | ({ readonly _tag: "Closed"; readonly connection: ConnectionInfo } & CloseInfo)

/**
 * The open connections.
 *
 * @category models
 * @since 0.1.0
 */
export interface Connections {
  /** The open connections, the oldest first. */
  readonly list: Effect.Effect<ReadonlyArray<ConnectionInfo>>
  /** Those with one peer. */
  readonly of: (id: EndpointId) => Effect.Effect<ReadonlyArray<ConnectionInfo>>
  /** The changes after the subscription. A slow subscriber misses the oldest. */
  readonly changes: Stream.Stream<ConnectionChange>
}
