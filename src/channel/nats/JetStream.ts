/**
 * The part of the API of JetStream that the engine uses, as its requests in JSON. Internal to the NATS engine.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"

import { ConnectionFault } from "./Connection.ts"
import type { Connection } from "./Connection.ts"

/** A request that JetStream refused. */
class JetStreamFault extends Data.TaggedError("JetStreamFault")<{
  readonly code: number
  readonly message: string
}> {}

/** Its error codes. */
export const Codes = {
  noMessage: 10_037,
  streamNameInUse: 10_058,
  noStream: 10_059,
  wrongLastSequence: 10_071
} as const

type Fault = ConnectionFault | JetStreamFault

/** A stored message. */
export interface StoredMessage {
  readonly sequence: number
  readonly atMillis: number
  /** The engine's own header. */
  readonly header: string
  readonly body: string
}

/** Messages of a subject, and the time of the server. */
export interface ReadMessages<M = StoredMessage> {
  readonly nowMillis: number
  readonly messages: ReadonlyArray<M>
}

/** The header in which the engine keeps the place of a message. */
export const placeHeader = "Fairlead"

interface Reply {
  readonly error?: { readonly err_code?: number; readonly code?: number; readonly description?: string }
  readonly seq?: number
  readonly created?: string
  readonly name?: string
  readonly num_pending?: number
  readonly message?: {
    readonly seq: number
    readonly data?: string
    readonly hdrs?: string
    readonly time: string
  }
}

const textOf = (base64: string | undefined): string =>
  base64 === undefined ? "" : Result.getOrElse(Base64.decodeString(base64), () => "")

/** The numbers of a delivered message: its sequence, its time, and how many follow. */
const deliveredOf = (reply: string | undefined) => {
  const tokens = reply?.split(".") ?? []
  // Later servers put the domain and the account first.
  const first = tokens.length > 9 ? 7 : 5
  const [sequence, , nanos, pending] = tokens.slice(first, first + 4).map(Number)
  return { sequence: sequence ?? 0, atMillis: Math.floor((nanos ?? 0) / 1e6), pending: pending ?? 0 }
}

/** How a stream is. Durations are in milliseconds. */
export interface StreamConfig {
  readonly name: string
  readonly subject: string
  /** Where each stored message is published. */
  readonly republish?: string
  readonly storage: "file" | "memory"
  readonly replicas: number
  readonly maxAgeMillis: number
  readonly maxMessagesPerSubject: number
  readonly maxBytes: number
}

const configOf = (config: StreamConfig): string =>
  JSON.stringify({
    name: config.name,
    subjects: [config.subject],
    retention: "limits",
    discard: "old",
    storage: config.storage,
    num_replicas: config.replicas,
    max_age: config.maxAgeMillis * 1e6,
    max_msgs: -1,
    max_msgs_per_subject: config.maxMessagesPerSubject,
    max_bytes: config.maxBytes,
    max_consumers: -1,
    allow_rollup_hdrs: true,
    ...(config.republish === undefined ? {} : { republish: { src: config.subject, dest: config.republish } })
  })

/** Requests to JetStream. */
export class JetStream {
  private readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  /** Makes a stream, or changes it to a configuration. */
  make(config: StreamConfig): Effect.Effect<void, Fault> {
    const text = configOf(config)
    const made = this.asked(`STREAM.CREATE.${config.name}`, text)
    return Effect.asVoid(
      Effect.catch(made, (fault) =>
        isCode(fault, Codes.streamNameInUse) ? this.asked(`STREAM.UPDATE.${config.name}`, text) : Effect.fail(fault)
      )
    )
  }

  /** Makes a stream unless it exists. */
  keep(config: StreamConfig): Effect.Effect<void, Fault> {
    return Effect.asVoid(
      Effect.catch(this.asked(`STREAM.INFO.${config.name}`, ""), (fault) =>
        isCode(fault, Codes.noStream) ? this.make(config) : Effect.fail(fault)
      )
    )
  }

  /** Stores a message if the last one of its subject has this sequence, 0 where there is no message. Returns its sequence. */
  store(subject: string, body: string, header: string, last: number | undefined): Effect.Effect<number, Fault> {
    const fields: Array<readonly [string, string]> = header === "" ? [] : [[placeHeader, header]]
    if (last !== undefined) fields.push(["Nats-Expected-Last-Subject-Sequence", String(last)])
    return Effect.flatMap(this.connection.request(subject, body, fields), (answer) =>
      Effect.map(replyOf(answer.string()), ({ seq = 0 }) => seq)
    )
  }

  /** The last message of a subject. */
  last(stream: string, subject: string): Effect.Effect<StoredMessage | undefined, Fault> {
    const asked = this.asked(`STREAM.MSG.GET.${stream}`, JSON.stringify({ last_by_subj: subject }))
    return Effect.matchEffect(asked, {
      onFailure: (fault) => (isCode(fault, Codes.noMessage) ? Effect.succeed(undefined) : Effect.fail(fault)),
      onSuccess: ({ message }) => {
        if (message === undefined) return Effect.succeed(undefined)
        const [, header = ""] = /^Fairlead: ?(.*?)\r?$/m.exec(textOf(message.hdrs)) ?? []
        return Effect.succeed({
          sequence: message.seq,
          atMillis: Date.parse(message.time),
          header,
          body: textOf(message.data)
        })
      }
    })
  }

  /** The messages of a subject between two sequences. */
  read(stream: string, subject: string, from: number, to: number): Effect.Effect<ReadMessages, Fault> {
    return Effect.suspend(() => {
      const messages: Array<StoredMessage> = []
      let nowMillis = 0
      let refused: JetStreamFault | undefined
      const ask = (inbox: string) => {
        const config = {
          deliver_subject: inbox,
          deliver_policy: from > 1 ? "by_start_sequence" : "all",
          ...(from > 1 ? { opt_start_seq: from } : {}),
          ack_policy: "none",
          replay_policy: "instant",
          filter_subject: subject,
          inactive_threshold: 5e9,
          mem_storage: true,
          num_replicas: 1
        }
        const made = this.asked(`CONSUMER.CREATE.${stream}`, JSON.stringify({ stream_name: stream, config }))
        return Effect.matchEffect(made, {
          onFailure: (fault) => {
            if (fault._tag === "ConnectionFault") return Effect.fail(fault)
            refused = fault
            return Effect.succeed(false)
          },
          onSuccess: ({ created = "", num_pending = 0 }) => {
            nowMillis = Date.parse(created)
            return Effect.succeed(num_pending > 0 || messages.length > 0)
          }
        })
      }
      const collected = this.connection.collect(ask, (message) => {
        const { atMillis, pending, sequence } = deliveredOf(message.reply)
        if (sequence <= to) {
          const header = message.headers?.get(placeHeader) ?? ""
          messages.push({ sequence, atMillis, header, body: message.string() })
        }
        return pending === 0 || sequence >= to
      })
      return Effect.flatMap(collected, () =>
        refused === undefined ? Effect.succeed({ nowMillis, messages }) : Effect.fail(refused)
      )
    })
  }

  /** Removes all but the newest messages of a subject. */
  purge(stream: string, subject: string, keep: number): Effect.Effect<void, Fault> {
    return Effect.asVoid(this.asked(`STREAM.PURGE.${stream}`, JSON.stringify({ filter: subject, keep })))
  }

  /** Removes one message. */
  remove(stream: string, sequence: number): Effect.Effect<void, Fault> {
    return Effect.asVoid(this.asked(`STREAM.MSG.DELETE.${stream}`, JSON.stringify({ seq: sequence, no_erase: true })))
  }

  private asked(operation: string, text: string): Effect.Effect<Reply, Fault> {
    return Effect.flatMap(this.connection.request(`$JS.API.${operation}`, text), (answer) => replyOf(answer.string()))
  }
}

/** Whether JetStream refused with a code. */
export const isCode = (fault: Fault, code: number): boolean => fault._tag === "JetStreamFault" && fault.code === code

const replyOf = (text: string): Effect.Effect<Reply, Fault> => {
  let reply: Reply
  try {
    reply = JSON.parse(text) as Reply
  } catch (cause) {
    return Effect.fail(new ConnectionFault({ message: "an answer of JetStream is not JSON", cause }))
  }
  const { error } = reply
  if (error === undefined) return Effect.succeed(reply)
  return Effect.fail(
    new JetStreamFault({ code: error.err_code ?? error.code ?? 0, message: error.description ?? "refused" })
  )
}
