/** The work of every contender of the endpoint bench over its transport: it connects, echoes, opens streams and sends bytes. */

export const names = ["Fairlead over iroh", "raw binding", "raw binding, its arrays", "Fairlead in memory"] as const

export type Name = (typeof names)[number]

export const disciplines = ["connect", "echo", "stream", "bytes"] as const

export type Discipline = (typeof disciplines)[number]

/** Does it again and again, until `next` has had enough. */
export type Work = (next: () => boolean) => Promise<void>

/** Where an acceptor is. */
export interface Address {
  readonly id: string
  readonly addrs: ReadonlyArray<string>
}

/** Accepts connections: bytes on a stream of both directions go back; one of a single direction is read to its end and acknowledged by one back. */
export type Accept = () => Promise<Address>

export interface Dialer {
  /** Connects and closes. */
  readonly connect: Work
  /** Sends the message over a stream that stays open, and waits until it is back. */
  readonly echo: Work
  /** Opens a stream, sends the message and its end, and reads both back. */
  readonly stream: Work
  /** Sends a chunk over one stream; at the end waits until all have been read. */
  readonly bytes: Work
}

export type Dial = (to: Address) => Promise<Dialer>

export const protocol = "bench/1"

export const message = new TextEncoder().encode("sixteen bytes ok")

export const chunk = new Uint8Array(65_536).fill(7)

/** Only this machine's loopback. */
export const bind = ["127.0.0.1:0", "[::1]:0"]

/** The message may come back in pieces. */
export const checkEcho = (size: number): void => {
  if (size !== message.length) throw new Error(`${size} bytes came back, not ${message.length}.`)
}
