/**
 * The gate before an application's handler: keeps what arrives before liftoff has ended, and turns away what arrives too late. Internal to the app part.
 *
 * @since 0.1.0
 */
import { ServerResponse } from "node:http"
import type { IncomingMessage, Server } from "node:http"
import type { Socket } from "node:net"

import { titleOf } from "../Host.ts"
import { closing } from "./NodeTraffic.ts"

const events = ["request", "checkContinue", "upgrade"] as const

type Event = (typeof events)[number]
type Listener = (...values: ReadonlyArray<any>) => void

/** The arguments of the server's events: the request, and the response or the upgraded socket. */
type ListenerArguments = readonly [
  request: IncomingMessage,
  to: ServerResponse | Socket,
  ...rest: ReadonlyArray<unknown>
]

/** The gate of a server. Internal to the app part. */
export interface Gate {
  readonly opened: () => boolean
  /** Hands the waiting requests to the listeners that `begin` adds to the server; after that the gate costs nothing. */
  readonly open: (begin: () => void) => void
  /** Lets these requests, as `GET /live`, pass at once. */
  readonly passEarly: (
    requests: ReadonlySet<string>,
    answer: (request: IncomingMessage, to: ServerResponse) => void
  ) => void
  /** Answers 503 to waiting and to later requests. */
  readonly turnAway: () => void
}

/** Puts a gate before the handler that a server is still to get. Internal to the app part. */
export const hold = (server: Server): Gate => {
  const waiting: Array<{ readonly event: Event; readonly values: ListenerArguments }> = []
  let handlers: ReadonlyMap<Event, ReadonlyArray<Listener>> | undefined
  let opened = false
  let turning = false
  let isEarly: (request: IncomingMessage) => boolean = () => false
  let answerEarly: (request: IncomingMessage, to: ServerResponse) => void = () => {}

  const listeners = () => new Map(events.map((event) => [event, server.listeners(event) as Array<Listener>]))
  const deliver = (event: Event, values: ListenerArguments) => {
    // Who hung up while waiting gets no answer.
    if (values[0].socket.destroyed) return
    for (const handler of handlers?.get(event) ?? []) handler.apply(server, [...values])
  }
  const keepers = events.map((event) => {
    const keep = (...values: ListenerArguments) => {
      const [request, to] = values
      if (handlers === undefined && to instanceof ServerResponse && isEarly(request)) return answerEarly(request, to)
      // A listener before this one may have replaced the gate just now, and those that came since do not get this event.
      if (handlers === undefined) waiting.push({ event, values })
      else deliver(event, values)
    }
    server.on(event, keep)
    return [event, keep] as const
  })
  const replace = (begin: () => void) => {
    for (const [event, keep] of keepers) server.off(event, keep)
    const before = listeners()
    begin()
    handlers = new Map(
      Array.from(listeners(), ([event, now]) => [event, now.filter((one) => !before.get(event)!.includes(one))])
    )
    for (const { event, values } of waiting.splice(0)) deliver(event, values)
  }

  return {
    opened: () => opened,
    open(begin) {
      opened = true
      replace(begin)
    },
    passEarly(requests, answer) {
      isEarly = ({ method, url }) => requests.has(titleOf(method, url))
      answerEarly = answer
    },
    turnAway() {
      if (turning) return
      turning = true
      replace(() => events.forEach((event) => server.on(event, turnAway)))
    }
  }
}

const turnAway = (...[request, to]: ListenerArguments): void => {
  if (!(to instanceof ServerResponse)) {
    to.write("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    to.destroySoon()
    return
  }
  const answer = () => {
    if (!to.headersSent) to.writeHead(503, closing).end()
  }
  if (request.complete || request.headers.expect !== undefined) return answer()
  // Closing while the body still arrives would reset the connection, and the answer would be lost with it.
  request.once("end", answer).resume()
}
