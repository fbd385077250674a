/**
 * The topics by which sockets are closed from anywhere: no channel and no broadcast by an application meets them. Internal to the channel part.
 *
 * @since 0.1.0
 */

/** The topic of the sockets that have an id. */
export const socketTopic = (id: string): string => `fairlead:socket/${id}`
