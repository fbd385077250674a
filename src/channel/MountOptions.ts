/**
 * The options of a mounted channel server. Public through `ChannelServer`.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"

import type { Origin } from "./Origin.ts"
import type { AddedSerializer } from "./Serializer.ts"

/**
 * Options of permessage-deflate.
 *
 * @category models
 * @since 0.1.0
 */
export interface CompressionOptions {
  /** The smallest message to compress, in bytes. Default: 1024. */
  readonly threshold?: number
  /** The level of zlib, 1 to 9. Default: 3. */
  readonly level?: number
}

/** Options of a handshake. */
export interface HandshakeOptions {
  /** The origins whose pages may connect. Default: the hosts of the application (`App.make(name, { hosts })`), or `host`. */
  readonly allowedOrigins?: Origin
  /** Whether a token is accepted in addition to the parameters, as the `authToken` of a Phoenix client. Default: false. */
  readonly authToken?: boolean
  /**
   * Whether frames are compressed by permessage-deflate for clients that offer it, where the platform can: `fairlead/channel/node`. No window outlives its message, so
   * that a silent socket holds no memory for it; messages that wait to be compressed count as those of a slow reader. Default: false.
   */
  readonly compression?: boolean | CompressionOptions
  /** The largest frame in bytes; a larger one closes the socket with 1009. Default: 1 MiB. */
  readonly maxFrameBytes?: number
}

/**
 * Options of long-poll, the transport of clients whose network does not let WebSockets through.
 *
 * @category models
 * @since 0.1.0
 */
export interface LongPollOptions {
  /** How long a poll waits for a message. A session without a poll for one and a half windows ends. Default: 10 seconds. */
  readonly window?: Duration.Input
  /** How many messages one request may carry. Default: 100. */
  readonly maxBatch?: number
  /** Messages beyond it are answered with the error `batch too large`, or ignored as in Phoenix. Default: `reply`. */
  readonly onExcess?: "reply" | "ignore"
  /** How many sessions there may be; beyond it a new one is refused. Default: 10,000. */
  readonly maxSessions?: number
  /** How long a token is valid. Default: 14 days. */
  readonly maxAge?: Duration.Input
  /**
   * The secret that tokens are signed with. Set the same one on all nodes: each then answers for the sessions of the others. Default: a random one, so that sessions end
   * with the process.
   */
  readonly secret?: Redacted.Redacted
}

/**
 * Limits of each socket.
 *
 * @category models
 * @since 0.1.0
 */
export interface Limits {
  /** How many topics a socket may have joined. Default: 100. */
  readonly maxChannels?: number
  /** How long a join may take before it is refused; a Phoenix client waits as long. Default: 10 seconds. */
  readonly joinTimeout?: Duration.Input
  /**
   * How long a handler of an event may take before it is interrupted and the client is answered `handler timed out`; the channel goes on. Default: as long as it
   * takes.
   */
  readonly handlerTimeout?: Duration.Input
  /** How many messages of one channel may wait for its handlers. Default: 1000. */
  readonly maxPendingMessages?: number
  /** How many bytes of one channel's messages may wait for its handlers; of a text its length. Default: 1 MiB. */
  readonly maxPendingBytes?: number
  /** The same over all channels of one socket. Default: 8 MiB. */
  readonly maxSocketPendingBytes?: number
  /** A message beyond these limits is answered with the error `busy`, or ends its channel. Other channels and heartbeats never wait. Default: `reply`. */
  readonly onBusy?: "reply" | "crash"
  /** How many bytes may wait for slow readers, over all sockets; beyond it the slowest are closed first. Default: 256 MiB. */
  readonly maxOutgoingBytes?: number
  /** How deep the JSON of a message may be. A deeper one closes the socket with 1011. Default: 64. */
  readonly maxDepth?: number
  /** How many bytes a topic, an event and a ref may have. A longer one closes the socket with 1011. Default: 255. */
  readonly maxNameBytes?: number
  /** How an undefined event is handled: by an error reply, or by the end of the channel as in Phoenix. Default: `reply`. */
  readonly onUnknownEvent?: "reply" | "crash"
  /** Serializers for versions that Phoenix does not have, or in place of Phoenix's. Default: none. */
  readonly serializers?: ReadonlyArray<AddedSerializer>
  /** What happens to a client that does not read what it is sent, and where broadcasts are intercepted more slowly than they come. */
  readonly slowReader?: {
    /** How many messages may wait for it. Default: 1000. */
    readonly maxMessages?: number
    /** How many bytes may wait for it. Default: 1 MiB. */
    readonly maxBytes?: number
    /** What happens beyond: the socket is closed with 1013, or the oldest or newest push or broadcast is dropped. Default: `close`. */
    readonly onOverflow?: "close" | "drop-oldest" | "drop-newest"
  }
}

/**
 * Options of `layer`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Limits, HandshakeOptions {
  /** Where the server is: its sockets connect to `PATH/websocket`. */
  readonly path: `/${string}`
  /** Whether clients may poll at `PATH/longpoll`, where WebSockets do not get through. Default: false. */
  readonly longPoll?: boolean | LongPollOptions
  /** How long a socket may be silent before it is closed with 1002. Default: 60 seconds. */
  readonly idleTimeout?: Duration.Input
  /** How sockets are closed when the application is to stop: so many at once, with a pause in between, so that clients do not all come back at one moment. */
  readonly drain?: {
    /** Default: 1000. */
    readonly batchSize?: number
    /** Default: 100 milliseconds. */
    readonly interval?: Duration.Input
  }
}
