/**
 * Measures sockets, channels and messages by Effect's `Metric`.
 *
 * 1. `channel_sockets` and `channel_joined` are how many sockets and joined channels there are; `channel_connects_refused` counts connects that failed.
 * 2. `channel_join_duration` counts joins by their `outcome`, `ok` or `error`, and `channel_socket_duration` sockets that ended by their close `code`, in milliseconds.
 * 3. `channel_messages` counts messages by `direction` and `kind`: `in` are pushes, `out` replies, pushes, and broadcasts for each member.
 * 4. What belongs to a topic has the attribute `topic`: what stands before its first colon, unless `topic` says otherwise. Never the whole topic, which a client chooses;
 *    names beyond `maxTopics`, and topics that no channel has, count as `_OTHER`. Close codes that are not registered do too.
 *
 * Order: first of all, beside `log`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"

import * as ChannelHandler from "../ChannelHandler.ts"
import type { Connect } from "../ChannelSocket.ts"
import * as Reserved from "../wire/Reserved.ts"
import { Joins } from "./Joining.ts"

/**
 * Options of `metrics`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** The name that a topic is counted by. Default: what stands before its first colon. */
  readonly topic?: (topic: string) => string
  /** How many names of topics are told apart. Default: 100. */
  readonly maxTopics?: number
}

const sockets = Metric.gauge("channel_sockets", { description: "Sockets that connect or are connected" })
const joined = Metric.gauge("channel_joined", { description: "Joined channels" })
const refused = Metric.counter("channel_connects_refused", {
  description: "Connects that a handler refused, or died of",
  incremental: true
})
const messages = Metric.counter("channel_messages", { description: "Messages from and to clients", incremental: true })
const joinDuration = Metric.timer("channel_join_duration", { description: "How long joins took to be decided" })
const socketDuration = Metric.timer("channel_socket_duration", { description: "How long sockets were connected" })

/** Those of RFC 6455 and its registry; an application has 4000 to 4999 for itself. */
const codeOf = (code: number): string => (code >= 1000 && code <= 1015 ? String(code) : "_OTHER")

const makeTopic = (name: string) => {
  const message = (direction: string, kind: string) => Metric.withAttributes(messages, { topic: name, direction, kind })
  const join = (outcome: string) => Metric.withAttributes(joinDuration, { topic: name, outcome })
  return {
    incoming: message("in", "push"),
    outgoing: { reply: message("out", "reply"), push: message("out", "push"), broadcast: message("out", "broadcast") },
    joined: Metric.withAttributes(joined, { topic: name }),
    join: { ok: join("ok"), error: join("error") }
  }
}

const firstSegment = (topic: string): string => topic.split(":", 1)[0]!

/**
 * Measures sockets, channels and messages.
 *
 * **Example** (Measuring, with rooms counted together)
 *
 * ```ts
 * import { ChannelServer } from "fairlead/channel"
 * import { metrics } from "fairlead/channel/handlers"
 *
 * const server = ChannelServer.make("realtime").use(metrics({ topic: (topic) => (topic.startsWith("room:") ? "rooms" : "others") }))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const metrics = ({
  maxTopics = 100,
  topic: nameOf = firstSegment
}: Options = {}): ChannelHandler.ChannelHandler => {
  const connected = new WeakMap<Connect, Joins>()
  const topics = new Map<string, ReturnType<typeof makeTopic>>([[Reserved.phoenix, makeTopic(Reserved.phoenix)]])
  const others = makeTopic("_OTHER")
  const metricsOf = (topic: string) => topics.get(nameOf(topic)) ?? others
  // Only a topic that a channel has gets a name: anybody may send to others.
  const learn = (topic: string): void => {
    const name = nameOf(topic)
    if (!topics.has(name) && topics.size <= maxTopics) topics.set(name, makeTopic(name))
  }

  const connect = (connect: Connect) =>
    Effect.contextWith((context: Context.Context<never>) => {
      const clock = Context.get(context, Clock.Clock)
      connected.set(connect, new Joins(context, () => clock.currentTimeMillisUnsafe()))
      sockets.modifyUnsafe(1, context)
      return Effect.addFinalizer((exit) =>
        Effect.sync(() => {
          sockets.modifyUnsafe(-1, context)
          if (Exit.isFailure(exit)) refused.updateUnsafe(1, context)
        })
      )
    })

  return ChannelHandler.make("metrics", {
    connect,
    join: ({ topic }, { connect }) => {
      learn(topic)
      connected.get(connect)?.ask(topic)
    },
    incoming: ({ topic }, { connect }) => {
      const joins = connected.get(connect)
      if (joins !== undefined) metricsOf(topic).incoming.updateUnsafe(1, joins.context)
    },
    outgoing: (sent, { connect }) => {
      const joins = connected.get(connect)
      if (joins === undefined) return
      const metrics = metricsOf(sent.topic)
      metrics.outgoing[sent.kind].updateUnsafe(1, joins.context)
      const answer = joins.answer(sent)
      if (answer === undefined) return
      const { millis, ok } = answer
      metrics.join[ok ? "ok" : "error"].updateUnsafe(Duration.millis(millis), joins.context)
      if (ok) metrics.joined.modifyUnsafe(1, joins.context)
    },
    leave: ({ topic }, { connect }) => {
      const joins = connected.get(connect)
      if (joins?.leave(topic) !== undefined) metricsOf(topic).joined.modifyUnsafe(-1, joins.context)
    },
    disconnect: ({ code }, { connect }) => {
      const joins = connected.get(connect)
      if (joins === undefined) return
      Metric.withAttributes(socketDuration, { code: codeOf(code) }).updateUnsafe(
        Duration.millis(joins.millis),
        joins.context
      )
    }
  })
}
