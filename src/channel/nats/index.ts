/**
 * Channels on several nodes by NATS.
 *
 * @since 0.1.0
 */
export * as NatsBroadcaster from "./NatsBroadcaster.ts"
