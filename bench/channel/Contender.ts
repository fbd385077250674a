/** The work of every contender of the channel bench: it echoes, lets sockets join and leave topics, and sends to all members of a topic. */

export const names = [
  "Fairlead",
  "Fairlead, default upgrade",
  "Fairlead, positions",
  "ws",
  "ws, send to each",
  "socket.io"
] as const

export type Name = (typeof names)[number]

/** Sends the message to all members of a topic, from outside of any socket. */
export type Broadcast = (topic: string) => void

/** Serves on the port. */
export type Serve = (port: number) => Promise<Broadcast>

/** The text to echo and to broadcast. */
export const message = { text: "x".repeat(64) }

/** How many sockets are members of each topic. */
export const rooms: ReadonlyArray<number> = [100, 1000, 5000]

/** The topic that so many sockets join; the one of 0 is joined by those who ask for echoes. */
export const topicOf = (members: number): string => `room:${members}`
