/**
 * The presence of an implementation. Public through `ChannelApi`.
 *
 * @since 0.1.0
 */
import type { Answers, Any, Params } from "./ApiTypes.ts"
import type { Topic } from "./Pattern.ts"
import type { PresenceFields, PresenceKey, PresenceOptions } from "./PresenceTypes.ts"

/**
 * The presence of an implementation: its limits, and `fetch`, which adds fields to keys in states and diffs.
 *
 * @category models
 * @since 0.1.0
 */
export interface PresenceImplementation<C extends Any, F> extends PresenceOptions {
  /**
   * Returns the fields of keys, such as names and pictures from a database. It is called once for each diff and each batch of states, and may take 5 seconds. Keys have
   * no fields when it takes longer or dies.
   */
  readonly fetch?: (
    keys: ReadonlyArray<PresenceKey<C["definition"]>>,
    topic: { readonly topic: Topic<C["pattern"]>; readonly params: Params<C> }
  ) => F & Answers<F, ReadonlyMap<PresenceKey<C["definition"]>, PresenceFields<C["definition"]>>, never>
}
