/** Nodes of one chat over a Redis. */
import { RedisBroadcaster } from "fairlead/channel/redis"

import { nodeOver } from "../nodes/Chat.ts"

export * from "../nodes/Chat.ts"

/** A node, for as long as the scope is open. */
export const node = (url: string, options: RedisBroadcaster.LayerOptions = {}) =>
  nodeOver(RedisBroadcaster.layer({ url, ...options }))
