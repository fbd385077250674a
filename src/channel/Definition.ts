/**
 * A channel's definition made ready to run. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { flow } from "effect/Function"
import type * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"

import type { LayerServices } from "../core/LayerServices.ts"
import { checkOptions } from "../core/Options.ts"
import type { Definition, MessageSchemas, LeaveReason } from "./ApiTypes.ts"
import type { Retention } from "./broadcaster/Retention.ts"
import * as Codec from "./Codec.ts"
import * as Pattern from "./Pattern.ts"
import type { Payload } from "./Payload.ts"
import type { CompiledPresence, ImplementedPresence } from "./presence/Compiled.ts"
import type { PresenceOptions, PresenceSchemas } from "./PresenceTypes.ts"

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
  /** The events that its topics keep. */
  readonly retention: Retention | undefined
  readonly presence: CompiledPresence | undefined
  readonly join: CompiledMessage
  readonly incoming: ReadonlyMap<string, CompiledMessage>
  readonly outgoing: ReadonlyMap<string, Codec.PayloadCodec>
  readonly requests: ReadonlyMap<string, CompiledMessage>
  readonly topic: (params: Readonly<Record<string, unknown>>) => string
  /** The decoded parameters of a topic, or nothing when it does not match. */
  readonly params: (
    topic: string
  ) => Effect.Effect<Readonly<Record<string, unknown>>, SchemaIssue.Issue, any> | undefined
  /** An outgoing event's payload. A failure to encode is a defect: the type was right, the value is not. */
  readonly encode: (event: string, payload: unknown) => Effect.Effect<Payload, never, any>
}

type Run = (...args: ReadonlyArray<any>) => Effect.Effect<any, unknown, any>

/** The handlers of a channel, their types erased. */
export interface Handlers {
  readonly join: Run
  readonly afterJoin?: Run
  readonly on: Readonly<Record<string, Run>>
  readonly intercept?: Readonly<Record<string, Run>>
  readonly leave?: (reason: LeaveReason, member: unknown) => Effect.Effect<any, unknown, any>
  readonly presence?: (PresenceOptions & { readonly fetch?: ImplementedPresence["fetch"] }) | undefined
}

/** The service of a channel's layer. */
export interface ImplementedChannel {
  readonly compiled: Compiled
  readonly handlers: Handlers
  readonly built: Context.Context<never>
  readonly services: LayerServices
  readonly presence: ImplementedPresence | undefined
}

const message = (definition: MessageSchemas = {}): CompiledMessage => ({
  payload: Codec.of(definition.payload),
  reply: Codec.of(definition.reply),
  error: Codec.of(definition.error),
  replies: definition.reply !== undefined || definition.error !== undefined
})

/** Makes a definition ready. Throws for a mistake in its pattern, which is one in the program. */
export const compile = (text: string, definition: Definition): Compiled => {
  const pattern = Pattern.parse(text)
  const reserved = Object.keys({ ...definition.incoming, ...definition.outgoing, ...definition.requests }).find(
    (event) => event.startsWith("phx_")
  )
  if (reserved !== undefined) {
    throw checkOptions(text).invalid(
      "events",
      `"${reserved}" begins with phx_, which is for the protocol: rename the event`
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
    retention: definition.retention,
    presence: definition.presence === undefined ? undefined : compilePresence(definition.presence),
    join: message(definition.join),
    incoming: new Map(entries(definition.incoming).map(([event, definition]) => [event, message(definition)])),
    outgoing,
    requests: new Map(entries(definition.requests).map(([event, definition]) => [event, message(definition)])),
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

const isObject = (payload: Payload): payload is Schema.JsonObject =>
  typeof payload === "object" && payload !== null && !Array.isArray(payload) && !(payload instanceof Uint8Array)

const encodeObject = (schema: Schema.Constraint | undefined) => {
  const { encode } = Codec.of(schema)
  return (value: unknown) =>
    Effect.flatMap(Effect.orDie(encode(value)), (encoded) =>
      isObject(encoded) ? Effect.succeed(encoded) : Effect.die(new Error("A meta and fields encode to a JSON object"))
    )
}

const compilePresence = ({ fields, key, meta }: PresenceSchemas): CompiledPresence => ({
  encodeKey:
    key === undefined
      ? (name) => Effect.succeed(String(name))
      : flow(SchemaParser.encodeUnknownEffect(key as Schema.Codec<unknown, string>), Effect.orDie),
  decodeKey: key === undefined ? Effect.succeed : SchemaParser.decodeUnknownEffect(key),
  encodeMeta: encodeObject(meta),
  decodeMeta: Codec.of(meta).decode,
  encodeFields: encodeObject(fields)
})

const entries = <A>(record: Readonly<Record<string, A>> | undefined): ReadonlyArray<readonly [string, A]> =>
  record === undefined ? [] : Object.entries(record)

/** Where a channel's class keeps what the engine reads. Internal to the channel part. */
export const CompiledKey: unique symbol = Symbol("fairlead/channel/CompiledKey")

/** The definition of a channel's class; nothing for any other value. */
export const compiledOf = (channel: unknown): Compiled | undefined =>
  (channel as { readonly [CompiledKey]?: Compiled } | undefined)?.[CompiledKey]

/** The service that implements a channel. Internal to the channel part. */
export const keyOf = (compiled: Compiled): Context.Key<ImplementedChannel, ImplementedChannel> =>
  Context.Service<ImplementedChannel>(`fairlead/channel/ChannelApi/${compiled.pattern.text}`)
