/**
 * A node's way to its Redis: commands by key, scripts, and subscriptions. Internal to the Redis engine.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"

import type { ConnectionFault } from "./Client.ts"
import type { Script } from "./Scripts.ts"

/** A change of the connection. It affects the keys for which `covers` holds; without `covers`, all keys. */
export type ConnectionStatus =
  | { readonly _tag: "Up"; readonly isSameRun: boolean; readonly covers?: (key: string) => boolean }
  | { readonly _tag: "Down"; readonly description: string; readonly isPartial?: boolean }

/** How a connection runs. */
export interface ConnectionOptions {
  readonly connectTimeout: Duration.Duration
  readonly commandTimeout: Duration.Duration
}

/** The connection of a node, to one server or to a cluster. All keys of a script, and the channels that it publishes to, are in one slot. */
export interface Connection {
  /** Runs a script, which Redis remembers. */
  readonly run: (
    script: Script,
    keys: ReadonlyArray<string>,
    values: ReadonlyArray<string>
  ) => Effect.Effect<unknown, ConnectionFault>
  /** Runs a command on the server that has a key. */
  readonly command: (key: string, args: ReadonlyArray<string>) => Effect.Effect<unknown, ConnectionFault>
  readonly subscribe: (channel: string, listener: (message: string) => void) => Effect.Effect<void, ConnectionFault>
  readonly unsubscribe: (channel: string, listener: (message: string) => void) => Effect.Effect<void>
  /** The hash tag that puts another key into the slot of this one; empty where there is one slot only. */
  readonly tagOf: (key: string) => string
  /** Whether the log under a key, which is of another run than its server, has moved there from a server that has lost nothing. */
  readonly movedWhole: (key: string, logRun: string) => Effect.Effect<boolean, ConnectionFault>
  /** Asks all servers whether they answer, and which runs they are. */
  readonly probe: Effect.Effect<void>
  readonly listen: (listener: (status: ConnectionStatus) => void) => void
}
