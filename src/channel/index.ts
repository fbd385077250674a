/**
 * Channels: a typed Phoenix Channels server for Effect.
 *
 * @since 0.1.0
 */
export * as Broadcaster from "./Broadcaster.ts"
export * as ChannelApi from "./ChannelApi.ts"
export * as ChannelHandler from "./ChannelHandler.ts"
export * as ChannelServer from "./ChannelServer.ts"
export * as ChannelSocket from "./ChannelSocket.ts"
export * as Presence from "./Presence.ts"
