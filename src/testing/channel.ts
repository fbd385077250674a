/**
 * The testing kit of the channel part.
 *
 * @since 0.1.0
 */
export * as TestChannel from "./TestChannel.ts"
