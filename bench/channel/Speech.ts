/** What clients say to the contenders, and what they must hear: so that each is checked to do its work, and frames can be counted afterwards. */
import { message } from "./Contender.ts"
import type { Name } from "./Contender.ts"

/** What is sent, and how each of the frames begins that answer it. */
export interface Exchange {
  readonly send: ReadonlyArray<string>
  readonly gives: ReadonlyArray<string>
}

export interface Speech {
  readonly path: string
  /** What comes before all else. */
  readonly hello: ReadonlyArray<Exchange>
  readonly join: (topic: string) => Exchange
  readonly leave: (topic: string) => Exchange
  readonly echo: (topic: string, event: string) => Exchange
  /** Broadcasts: every member is given that. */
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

export const speechOf = (name: Name): Speech => (name === "socket.io" ? socketIo : phoenix)

/** One after the other, without waiting for the first. */
export const both = (a: Exchange, b: Exchange): Exchange => ({
  send: [...a.send, ...b.send],
  gives: [...a.gives, ...b.gives]
})
