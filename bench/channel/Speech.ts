/** The messages of clients to the contenders, with the expected answers: so that each is checked to do its work, and frames can be counted afterwards. */
import { message } from "./Contender.ts"
import type { Name } from "./Contender.ts"

/** The frames to send, and how each of the answers begins. */
export interface Exchange {
  readonly send: ReadonlyArray<string>
  readonly gives: ReadonlyArray<string>
}

export interface Speech {
  readonly path: string
  /** The exchanges before all others. */
  readonly hello: ReadonlyArray<Exchange>
  readonly join: (topic: string) => Exchange
  readonly leave: (topic: string) => Exchange
  readonly echo: (topic: string, event: string) => Exchange
  /** Broadcasts to every member. */
  readonly shout: (topic: string) => Exchange
}

const one = (send: unknown, ...gives: ReadonlyArray<unknown>): Exchange => ({
  send: [JSON.stringify(send)],
  gives: gives.map((frame) => JSON.stringify(frame))
})

const reply = (ref: string, topic: string, response: object) => [
  "1",
  ref,
  topic,
  "phx_reply",
  { status: "ok", response }
]

const phoenix: Speech = {
  path: "/socket/websocket?vsn=2.0.0",
  hello: [],
  join: (topic) => one(["1", "1", topic, "phx_join", {}], reply("1", topic, {})),
  leave: (topic) => one(["1", "2", topic, "phx_leave", {}], reply("2", topic, {}), ["1", "1", topic, "phx_close", {}]),
  echo: (topic, event) => one(["1", "3", topic, event, message], reply("3", topic, message)),
  shout: (topic) => one(["1", "4", topic, "shout", message], [null, null, topic, "said", message])
}

/** How a frame begins that has a position as its sixth element. */
const before = (frame: ReadonlyArray<unknown>): string => JSON.stringify(frame).slice(0, -1)

const positioned: Speech = {
  ...phoenix,
  join: (topic) => ({
    send: [JSON.stringify(["1", "1", topic, "phx_join", { recover_from: null }])],
    gives: [JSON.stringify(reply("1", topic, {})), before(["1", null, topic, "recovery"])]
  }),
  shout: (topic) => ({
    send: [JSON.stringify(["1", "4", topic, "shout", message])],
    gives: [before([null, null, topic, "said", message])]
  })
}

const asked = (id: number, args: ReadonlyArray<unknown>, answer: ReadonlyArray<unknown>): Exchange => ({
  send: [`42${id}${JSON.stringify(args)}`],
  gives: [`43${id}${JSON.stringify(answer)}`]
})

const socketIo: Speech = {
  path: "/socket.io/?EIO=4&transport=websocket",
  hello: [
    { send: [], gives: ["0{"] },
    { send: ["40"], gives: ["40{"] }
  ],
  join: (topic) => asked(1, ["join", topic], []),
  leave: (topic) => asked(2, ["leave", topic], []),
  echo: (_, event) => asked(3, [event, message], [message]),
  shout: (topic) => ({
    send: [`42${JSON.stringify(["shout", topic, message])}`],
    gives: [`42${JSON.stringify(["said", message])}`]
  })
}

export const speechOf = (name: Name): Speech => {
  if (name === "socket.io") return socketIo
  return name === "Fairlead, positions" ? positioned : phoenix
}

/** One after the other, without waiting for the first. */
export const both = (a: Exchange, b: Exchange): Exchange => ({
  send: [...a.send, ...b.send],
  gives: [...a.gives, ...b.gives]
})
