/**
 * Writes a log line for each step of a socket's life.
 *
 * 1. At Info: connects and those that were refused, joins and those that were refused, the ends of channels and sockets, with how long they took. At Warn: a channel that
 *    crashed. No payload and no parameter is among them; of a refusal there is the reason.
 * 2. At Debug: the parameters of a connect, and the messages in both directions with their payloads. Of bytes only the number is written. An unwritten line
 *    costs no formatting.
 * 3. The values of names that sound like secrets are replaced, at any depth, in parameters and JSON: `token`, `password`, `authorization` and their like, and those
 *    that `redact` adds.
 * 4. The lines of a socket have its number, counted in this process, as `fairlead.channel.socket_id`.
 *
 * Order: first of all, since it reports the result of the later handlers for a connect, a join and a reply. A message in is written as it came, one out as it goes.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import type * as Schema from "effect/Schema"

import { cast } from "../../core/Composite.ts"
import { checkOptions, nameOr } from "../../core/Options.ts"
import type * as ChannelHandler from "../ChannelHandler.ts"
import type { ConnectRequest } from "../ChannelSocket.ts"
import { handlerOf } from "../HandlerValue.ts"
import type { HandlerHooksValue } from "../HandlerValue.ts"
import type { Payload } from "../Payload.ts"
import { Joins } from "./Joining.ts"

/**
 * Options of `log`.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogOptions {
  /** Names of parameters and JSON members whose values are not written, in addition to those of rule 3. A text matches a whole name, in any case. */
  readonly redact?: ReadonlyArray<string | RegExp>
  /** How many characters of a payload are written. Default: 1000. */
  readonly maxPayloadChars?: number
  /** Its name. Default: `log`. */
  readonly name?: string
}

const secrets = /token|secret|passw|auth|cookie|session|credential|signature|api[-_]?key|private/i

const maxReason = 200

type Redact = (name: string) => boolean

const redactor =
  (more: ReadonlyArray<string | RegExp>): Redact =>
  (name) =>
    secrets.test(name) ||
    more.some((rule) =>
      typeof rule === "string" ? rule.toLowerCase() === name.toLowerCase() : name.search(rule) !== -1
    )

/** The JSON without its secrets. The wire has bounded how deep it is. */
const redacted = (json: Schema.Json, redact: Redact): Schema.Json => {
  if (typeof json !== "object" || json === null) return json
  if (Array.isArray(json)) return json.map((item: Schema.Json) => redacted(item, redact))
  // Not an assignment by name: `__proto__` is a name like any other.
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [name, redact(name) ? "[redacted]" : redacted(value, redact)])
  )
}

const shown = (payload: Payload, redact: Redact, maxPayload: number): string => {
  if (payload instanceof Uint8Array) return `${payload.length} bytes`
  const text = JSON.stringify(redacted(payload, redact))
  return text.length > maxPayload ? `${text.slice(0, maxPayload)}… (${text.length})` : text
}

type Write = (
  level: LogLevel.Severity,
  line: () => string,
  annotations?: () => Readonly<Record<string, unknown>>
) => void

const writer = (context: Context.Context<never>, socket: number): Write => {
  const minimum = Context.get(context, References.MinimumLogLevel)
  const run = Effect.runForkWith(context)
  return (level, line, annotations = () => ({})) => {
    if (LogLevel.isGreaterThan(minimum, level)) return
    const all = { "fairlead.channel.socket_id": socket, ...annotations() }
    run(Effect.annotateLogs(Effect.logWithLevel(level)(line()), all))
  }
}

/** The reason of an error reply, or of a connect that was refused: never more than a line. */
const reasonOf = (told: unknown): string => {
  const reason = typeof told === "object" && told !== null && "reason" in told ? told.reason : undefined
  return typeof reason === "string" ? JSON.stringify(reason.slice(0, maxReason)) : "without a reason"
}

const refusalOf = (cause: Cause.Cause<unknown>): string => {
  if (Cause.hasDies(cause)) return "it died"
  if (Cause.hasInterruptsOnly(cause)) return "the client was gone"
  return reasonOf(Cause.squash(cause))
}

interface Logged {
  readonly joins: Joins
  readonly write: Write
}

/**
 * Writes a log line for each step of a socket's life.
 *
 * **Example** (Logging, with one more name to redact)
 *
 * ```ts
 * import { ChannelServer } from "fairlead/channel"
 * import { log } from "fairlead/channel/handlers"
 *
 * const server = ChannelServer.make("realtime").use(log({ redact: ["iban"] }))
 * ```
 *
 * @category handlers
 * @since 0.1.0
 */
export const log = ({
  maxPayloadChars = 1000,
  name: given,
  redact: more = []
}: LogOptions = {}): ChannelHandler.ChannelHandler => {
  const name = nameOr("log", given)
  checkOptions(name).integer("maxPayloadChars", maxPayloadChars)
  const redact = redactor(more)
  return cast(handlerOf(name, () => hooksOf(redact, maxPayloadChars)))
}

const hooksOf = (redact: Redact, maxPayloadChars: number): HandlerHooksValue => {
  const sockets = new WeakMap<ConnectRequest, Logged>()
  let count = 0
  const show = (payload: Payload) => () => ({ "fairlead.channel.payload": shown(payload, redact, maxPayloadChars) })

  const connect = (connect: ConnectRequest) =>
    Effect.contextWith((context: Context.Context<never>) => {
      const clock = Context.get(context, Clock.Clock)
      const write = writer(context, ++count)
      sockets.set(connect, { write, joins: new Joins(context, () => clock.currentTimeMillisUnsafe()) })
      const params = () => ({ "fairlead.channel.params": redacted(Object.fromEntries(connect.params), redact) })
      // Each connect that has a line also has one for its end.
      return Effect.acquireRelease(
        Effect.sync(() => {
          write("Info", () => `connect over ${connect.transport}`)
          write("Debug", () => "connect with parameters", params)
        }),
        (_, exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit)) write("Info", () => `connect refused: ${refusalOf(exit.cause)}`)
          })
      )
    })

  return {
    connect,
    join: ({ payload, topic }, { request: connect }) => {
      const logged = sockets.get(connect)
      logged?.joins.ask(topic)
      logged?.write("Debug", () => `join ${JSON.stringify(topic)}`, show(payload))
    },
    incoming: ({ event, payload, topic }, { request: connect }) =>
      sockets.get(connect)?.write("Debug", () => `in ${JSON.stringify(topic)} ${JSON.stringify(event)}`, show(payload)),
    outgoing: (sent, { request: connect }) => {
      const logged = sockets.get(connect)
      if (logged === undefined) return
      const { event, kind, payload, topic } = sent
      const answer = logged.joins.answer(sent)
      if (answer !== undefined) {
        const what = answer.ok ? "" : ` refused: ${reasonOf(payload)}`
        logged.write("Info", () => `join of ${JSON.stringify(topic)}${what} after ${answer.millis}ms`)
      }
      logged.write("Debug", () => `out ${kind} ${JSON.stringify(topic)} ${JSON.stringify(event)}`, show(payload))
    },
    leave: ({ reason, topic }, { request: connect }) => {
      const logged = sockets.get(connect)
      const millis = logged?.joins.leave(topic)
      logged?.write(
        reason === "crashed" ? "Warn" : "Info",
        () => `end of ${JSON.stringify(topic)}: ${reason}${millis === undefined ? "" : ` after ${millis}ms`}`
      )
    },
    disconnect: ({ code }, { request: connect }) => {
      const logged = sockets.get(connect)
      logged?.write("Info", () => `disconnect with ${code} after ${logged.joins.millis}ms`)
    }
  }
}
