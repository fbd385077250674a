/**
 * Marks channel handlers at run time. Internal to the channel part.
 *
 * @since 0.1.0
 */

/** Marks a handler. */
export const TypeId = "~fairlead/channel/ChannelHandler"
