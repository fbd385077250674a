/**
 * Who is present, for the two channels of this example. It is a list in the memory of one node, and no more: it knows no other node, and forgets
 * what it is not told to forget.
 *
 * Each change is a diff to the topic: an update is one that has both the new meta, with `phx_ref_prev`, and the old.
 */
import { randomUUID } from "node:crypto"

import { Context, Effect, Layer, Schema } from "effect"

import type { Fields } from "./Payload.ts"

/** A meta of a key: what the application tells, and its `phx_ref`. */
type Meta = Fields

/** Keys, each with its metas: what Phoenix's clients call a state. */
type State = Readonly<Record<string, { readonly metas: ReadonlyArray<Meta> }>>

/** What a diff is on the wire. */
export const Diff = Schema.Struct({ joins: Schema.JsonObject, leaves: Schema.JsonObject })

/** A joined channel that is present. */
interface Present {
  readonly topic: string
  readonly broadcast: (event: "presence_diff", diff: typeof Diff.Type) => Effect.Effect<void>
}

interface Entry {
  readonly key: string
  readonly meta: Meta
}

const one = (key: string, meta: Meta): State => Object.fromEntries([[key, { metas: [meta] }]])

const make = Effect.sync(() => {
  const topics = new Map<string, Map<Present, Entry>>()

  const put = (member: Present, entry: Entry): void => {
    const entries = topics.get(member.topic) ?? new Map<Present, Entry>()
    topics.set(member.topic, entries.set(member, entry))
  }

  /** Tracks a member under a key, or replaces what it told of itself. */
  const track = (member: Present, key: string, told: Meta): Effect.Effect<void> =>
    Effect.suspend(() => {
      const old = topics.get(member.topic)?.get(member)
      const phx_ref = randomUUID()
      const entry: Entry =
        old === undefined
          ? { key, meta: { ...told, phx_ref } }
          : { key: old.key, meta: { ...told, phx_ref, phx_ref_prev: old.meta["phx_ref"] ?? null } }
      put(member, entry)
      const leaves = old === undefined ? {} : one(old.key, old.meta)
      return member.broadcast("presence_diff", { joins: one(entry.key, entry.meta), leaves })
    })

  /** Replaces what a member told of itself; one that is not present cannot. */
  const update = (member: Present, told: Meta) =>
    Effect.suspend(() => {
      const entry = topics.get(member.topic)?.get(member)
      return entry === undefined ? Effect.die(new Error("nothing is tracked")) : track(member, entry.key, told)
    })

  /** The member is present no more. */
  const untrack = (member: Present): Effect.Effect<void> =>
    Effect.suspend(() => {
      const entries = topics.get(member.topic)
      const entry = entries?.get(member)
      if (entries === undefined || entry === undefined) return Effect.void
      entries.delete(member)
      if (entries.size === 0) topics.delete(member.topic)
      return member.broadcast("presence_diff", { joins: {}, leaves: one(entry.key, entry.meta) })
    })

  /** All who are present. */
  const list = (topic: string): Effect.Effect<State> =>
    Effect.sync(() => {
      const metas = new Map<string, Array<Meta>>()
      for (const { key, meta } of topics.get(topic)?.values() ?? []) {
        metas.set(key, [...(metas.get(key) ?? []), meta])
      }
      return Object.fromEntries(Array.from(metas, ([key, metas]) => [key, { metas }]))
    })

  return { track, update, untrack, list }
})

/** Who is present in which topic. */
export class Tracker extends Context.Service<Tracker, Effect.Success<typeof make>>()("phoenix-conformance/Tracker") {}

export const layer: Layer.Layer<Tracker> = Layer.effect(Tracker, make)
