/** A recoverable topic of the bench, whose members follow positions, and what its clients say. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

import { ChannelApi } from "../../../src/channel/index.ts"
import { message } from "../Contender.ts"
import { speechOf } from "../Speech.ts"
import type { Speech } from "../Speech.ts"

const Said = Schema.Struct({ text: Schema.String })

export class Log extends ChannelApi.make("log:{id}", {
  join: { payload: Schema.Struct({ recover_from: Schema.Null }) },
  incoming: { shout: { payload: Said } },
  outgoing: { said: Said },
  retention: ChannelApi.recoverable({ maxMessages: 1000 })
}) {}

export const log = Log.layer({
  join: () => Effect.void,
  on: { shout: (said, log) => log.broadcast("said", said) }
})

export const kinds = ["ephemeral", "recoverable"] as const

export type TopicKind = (typeof kinds)[number]

/** A topic of a kind. */
export const topicOf = (kind: TopicKind, id: number): string => `${kind === "ephemeral" ? "room" : "log"}:${id}`

/** What the clients of a topic say, and what they get. */
export const speech = (kind: TopicKind): Speech => speechOf(kind === "ephemeral" ? "Fairlead" : "Fairlead, positions")

/** A message between nodes, with its payload as JSON. */
export const envelope = (): string => JSON.stringify(["said", message, null, null])
