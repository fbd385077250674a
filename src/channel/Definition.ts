/**
 * A channel's definition made ready to run. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"

import type { Definition, Message, Reason } from "./ApiTypes.ts"
import * as Codec from "./Codec.ts"
import * as Pattern from "./Pattern.ts"
import type { Payload } from "./wire/Message.ts"

/** The codecs of one message. */
export interface CompiledMessage {
  readonly payload: Codec.PayloadCodec
  readonly reply: Codec.PayloadCodec
  readonly error: Codec.PayloadCodec
  /** Whether a success is answered. */
  readonly replies: boolean
}

/** A definition made ready to run. */
export interface Compiled {
  readonly pattern: Pattern.Pattern
  readonly definition: Definition
  readonly join: CompiledMessage
  readonly incoming: ReadonlyMap<string, CompiledMessage>
  readonly outgoing: ReadonlyMap<string, Codec.PayloadCodec>
  readonly topic: (params: Readonly<Record<string, unknown>>) => string
  /** The decoded parameters of a topic, or nothing when it does not match. */
  readonly params: (
    topic: string
  ) => Effect.Effect<Readonly<Record<string, unknown>>, SchemaIssue.Issue, any> | undefined
  /** An outgoing event's payload. What cannot be encoded is a defect: its type was right, its value is not. */
  readonly encode: (event: string, payload: unknown) => Effect.Effect<Payload, never, any>
}

type Run = (...args: ReadonlyArray<any>) => Effect.Effect<any, unknown, any>

/** What implements a channel, its types erased. */
export interface Handlers {
  readonly join: Run
  readonly afterJoin?: Run
  readonly on: Readonly<Record<string, Run>>
  readonly intercept?: Readonly<Record<string, Run>>
  readonly leave?: (member: unknown, reason: Reason) => Effect.Effect<any, unknown, any>
}

/** What a channel's layer provides. */
export interface Implementation {
  readonly compiled: Compiled
  readonly handlers: Handlers
  readonly built: Context.Context<never>
}

const message = (definition: Message = {}): CompiledMessage => ({
  payload: Codec.of(definition.payload),
  reply: Codec.of(definition.reply),
  error: Codec.of(definition.error),
  replies: definition.reply !== undefined || definition.error !== undefined
})

/** Makes a definition ready. Throws for a mistake in its pattern, which is one in the program. */
export const compile = (text: string, definition: Definition): Compiled => {
  const pattern = Pattern.parse(text)
  const reserved = Object.keys({ ...definition.incoming, ...definition.outgoing }).find((event) =>
    event.startsWith("phx_")
  )
  if (reserved !== undefined) {
    throw new TypeError(
      `The channel "${text}" defines the event "${reserved}": names that begin with phx_ are the protocol's own`
    )
  }
  const outgoing = new Map(entries(definition.outgoing).map(([event, schema]) => [event, Codec.of(schema)]))
  const params = entries(definition.params)
  const encoders = new Map(
    params.map(([name, schema]) => [name, SchemaParser.encodeSync(schema as Schema.Codec<unknown, string>)])
  )
  const decoders = params.map(([name, schema]) => [name, SchemaParser.decodeUnknownEffect(schema)] as const)
  return {
    pattern,
    definition,
    join: message(definition.join),
    incoming: new Map(entries(definition.incoming).map(([event, definition]) => [event, message(definition)])),
    outgoing,
    topic: (values) =>
      pattern.build(
        new Map(Object.entries(values).map(([name, value]) => [name, encoders.get(name)?.(value) ?? String(value)]))
      ),
    params(topic) {
      const found = pattern.match(topic)
      if (found === undefined) return undefined
      const values: Record<string, unknown> = Object.fromEntries(found)
      if (decoders.length === 0) return Effect.succeed(values)
      return Effect.as(
        Effect.forEach(decoders, ([name, decode]) =>
          Effect.map(decode(found.get(name)), (value) => {
            values[name] = value
          })
        ),
        values
      )
    },
    encode: (event, payload) => Effect.orDie((outgoing.get(event) ?? Codec.of(undefined)).encode(payload))
  }
}

const entries = <A>(record: Readonly<Record<string, A>> | undefined): ReadonlyArray<readonly [string, A]> =>
  record === undefined ? [] : Object.entries(record)
