/**
 * A channel server with its types erased. Internal to the channel part.
 *
 * @since 0.1.0
 */
import { cast } from "../core/Composite.ts"
import type { CompositeValue } from "../core/Composite.ts"
import type { Compiled } from "./Definition.ts"
import type { HandlerValue } from "./HandlerValue.ts"
import type { ChannelServer } from "./ServerInterface.ts"

/** A server with its types erased. Internal to the channel part. */
export interface ServerValue extends CompositeValue<HandlerValue> {
  readonly channels: ReadonlyArray<Compiled>
}

/** The run-time value of a channel server. */
export const valueOf = <P, R>(server: ChannelServer<P, R>): ServerValue => cast(server)
