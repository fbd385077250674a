/**
 * The names that the Phoenix protocol keeps for itself: an application that used one as its own would be misunderstood by every client.
 *
 * @since 0.1.0
 */

/**
 * The topic of the socket itself: nobody joins it, and it knows the event `heartbeat` only.
 *
 * @category topics
 * @since 0.1.0
 */
export const phoenix = "phoenix"

/**
 * A client joins a topic.
 *
 * @category events
 * @since 0.1.0
 */
export const join = "phx_join"

/**
 * A client leaves a topic.
 *
 * @category events
 * @since 0.1.0
 */
export const leave = "phx_leave"

/**
 * The server answers a push or a join; the ref says which one.
 *
 * @category events
 * @since 0.1.0
 */
export const reply = "phx_reply"

/**
 * The channel has ended and meant to: a client does not join again.
 *
 * @category events
 * @since 0.1.0
 */
export const close = "phx_close"

/**
 * The channel has crashed: a client joins again.
 *
 * @category events
 * @since 0.1.0
 */
export const error = "phx_error"

/**
 * A client asks on the topic `phoenix` whether the server is still there.
 *
 * @category events
 * @since 0.1.0
 */
export const heartbeat = "heartbeat"

/**
 * Everybody who is present, sent to a member that has just joined. Kept by convention.
 *
 * @category events
 * @since 0.1.0
 */
export const presenceState = "presence_state"

/**
 * Who came and who left, sent to every member. Kept by convention.
 *
 * @category events
 * @since 0.1.0
 */
export const presenceDiff = "presence_diff"

/**
 * Closes every socket of an id, when it is broadcast to the topic with that id for its name.
 *
 * @category events
 * @since 0.1.0
 */
export const disconnect = "disconnect"

/**
 * Makes a socket inside the server close, since the server shuts down. It is never sent to a client.
 *
 * @category events
 * @since 0.1.0
 */
export const drain = "phx_drain"

/**
 * How the events begin that phoenix.js raises in itself for each reply: `chan_reply_` and the ref.
 *
 * @category events
 * @since 0.1.0
 */
export const chanReplyPrefix = "chan_reply_"

/**
 * Pushed after the reply to a join that asked for it: whether the messages that follow are all that the client missed, and the newest position.
 *
 * @category events
 * @since 0.1.0
 */
export const recovery = "recovery"

/**
 * The event by which a client answers a request of the server, with `{ request_id, status, response }`. It is kept only in channels that define requests.
 *
 * @category events
 * @since 0.1.0
 */
export const requestReply = "request_reply"

/**
 * Pushed on a live channel: messages were lost between these positions.
 *
 * @category events
 * @since 0.1.0
 */
export const discontinuity = "discontinuity"

/**
 * Pushed in place of a message that the client is not to see, or after one that has no room for its position: the position alone.
 *
 * @category events
 * @since 0.1.0
 */
export const position = "position"
