/**
 * The presence of one joined channel. Internal to the channel part; public through `ChannelApi`.
 *
 * An entry of the engine and its end, in the scope of the channel, are registered in one uninterruptible step.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"

import type { CompiledPresence, ImplementedPresence, PresenceLimits } from "./Compiled.ts"
import type { Presence } from "./Contract.ts"
import { listOf } from "./Listing.ts"
import type { PresenceList } from "./Listing.ts"
import { AlreadyTracked, NotJoined, NotTracked, PresenceError, PresenceLimit } from "./PresenceError.ts"
import type { TopicPresence } from "./TopicPresence.ts"

/** The joined channel of a presence. */
export interface PresenceOwner {
  readonly id: string
  readonly topic: string
  readonly scope: Scope.Scope
  readonly isOpen: boolean
  /** The time, in milliseconds. */
  now(): number
}

const encoder = new TextEncoder()

/** The presence of a member. */
export class MemberPresence {
  private readonly owner: PresenceOwner
  private readonly compiled: CompiledPresence
  private readonly limits: PresenceLimits
  private readonly built: Context.Context<never>
  private readonly engine: Presence["Service"]
  private readonly view: TopicPresence
  /** The refs of the tracked keys. */
  private readonly tracked = new Map<string, string>()
  private refs = 0
  private changes = 0
  private windowFromMillis = -Infinity
  private endsWithScope = false

  constructor(
    owner: PresenceOwner,
    { compiled, limits }: ImplementedPresence,
    built: Context.Context<never>,
    engine: Presence["Service"],
    view: TopicPresence
  ) {
    this.owner = owner
    this.compiled = compiled
    this.limits = limits
    this.built = built
    this.engine = engine
    this.view = view
  }

  /** Makes the member present under a key. */
  track(key: unknown, meta: unknown): Effect.Effect<void, PresenceError> {
    return this.change(key, meta, false)
  }

  /** Replaces the meta of a key. */
  update(key: unknown, meta: unknown): Effect.Effect<void, PresenceError> {
    return this.change(key, meta, true)
  }

  /** Ends the presence of a key; without one, of all keys. */
  untrack(key?: unknown): Effect.Effect<void> {
    if (key === undefined) return this.untrackAll
    return Effect.flatMap(this.encodedKey(key), (name) =>
      Effect.uninterruptible(Effect.suspend(() => (this.tracked.delete(name) ? this.remove([name]) : Effect.void)))
    )
  }

  /** Who is present, as this node knows it. */
  get list(): Effect.Effect<PresenceList<unknown, unknown>> {
    return Effect.provideContext(
      Effect.suspend(() => listOf(this.owner.topic, this.compiled, this.view.snapshot)),
      this.built as Context.Context<any>
    )
  }

  /** The same as the JSON of `presence_state`. */
  get state(): Effect.Effect<Schema.JsonObject> {
    return this.view.state
  }

  private get untrackAll(): Effect.Effect<void> {
    return Effect.uninterruptible(
      Effect.suspend(() => {
        const keys = Array.from(this.tracked.keys())
        this.tracked.clear()
        return keys.length === 0 ? Effect.void : this.remove(keys)
      })
    )
  }

  private remove(keys: ReadonlyArray<string>): Effect.Effect<void> {
    return this.engine.remove(
      this.owner.topic,
      keys.map((key) => this.idOf(key))
    )
  }

  private change(key: unknown, meta: unknown, isUpdate: boolean): Effect.Effect<void, PresenceError> {
    const encoded = Effect.all([this.encodedKey(key), this.encodedMeta(meta)])
    return Effect.flatMap(encoded, ([name, value]) =>
      Effect.uninterruptible(Effect.suspend(() => this.put(name, value, isUpdate)))
    )
  }

  private put(key: string, meta: Schema.JsonObject, isUpdate: boolean): Effect.Effect<void, PresenceError> {
    const { engine, owner, tracked } = this
    const previousRef = tracked.get(key)
    const failed = (reason: PresenceError["reason"]) => new PresenceError({ topic: owner.topic, key, reason })
    const fault = this.faultOf(previousRef, meta, isUpdate)
    if (fault !== undefined) return Effect.fail(failed(fault))
    const ref = `${owner.id}.${(++this.refs).toString(36)}`
    tracked.set(key, ref)
    const entry = { id: this.idOf(key), key, ref, previousRef, meta }
    const putting = Effect.catch(engine.put(owner.topic, entry), (unavailable) => {
      // The engine undoes what it could not finish.
      if (tracked.get(key) === ref) {
        if (previousRef === undefined) tracked.delete(key)
        else tracked.set(key, previousRef)
      }
      return Effect.fail(failed(unavailable))
    })
    if (this.endsWithScope) return putting
    this.endsWithScope = true
    return Effect.andThen(Scope.addFinalizer(owner.scope, this.untrackAll), putting)
  }

  private faultOf(
    previousRef: string | undefined,
    meta: Schema.JsonObject,
    isUpdate: boolean
  ): PresenceError["reason"] | undefined {
    const { maxChanges, maxKeys, maxMetaBytes, windowMillis } = this.limits
    if (!this.owner.isOpen) return new NotJoined()
    if (isUpdate && previousRef === undefined) return new NotTracked()
    if (!isUpdate && previousRef !== undefined) return new AlreadyTracked()
    if (!isUpdate && this.tracked.size >= maxKeys) return new PresenceLimit({ option: "maxKeys", limit: maxKeys })
    if (encoder.encode(JSON.stringify(meta)).length > maxMetaBytes) {
      return new PresenceLimit({ option: "maxMetaBytes", limit: maxMetaBytes })
    }
    const now = this.owner.now()
    if (now - this.windowFromMillis >= windowMillis) {
      this.windowFromMillis = now
      this.changes = 0
    }
    if (this.changes >= maxChanges) {
      const retryAfterMillis = this.windowFromMillis + windowMillis - now
      return new PresenceLimit({ option: "maxChanges", limit: maxChanges, retryAfterMillis })
    }
    this.changes++
    return undefined
  }

  private idOf(key: string): string {
    return `${this.owner.id}/${key}`
  }

  private encodedKey(key: unknown): Effect.Effect<string> {
    return this.provided(this.compiled.encodeKey(key))
  }

  private encodedMeta(meta: unknown): Effect.Effect<Schema.JsonObject> {
    return this.provided(this.compiled.encodeMeta(meta))
  }

  private provided<A>(effect: Effect.Effect<A, never, any>): Effect.Effect<A> {
    return Effect.provideContext(effect, this.built as Context.Context<any>)
  }
}
