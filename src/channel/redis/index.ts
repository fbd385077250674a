/**
 * Channels on several nodes by Redis.
 *
 * @since 0.1.0
 */
export * as RedisBroadcaster from "./RedisBroadcaster.ts"
