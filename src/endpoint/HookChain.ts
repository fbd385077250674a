/**
 * An ordered chain of endpoint hooks, given to an endpoint's layer.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

import * as Drawing from "../core/Drawing.ts"
import type { Description } from "../core/Interceptor.ts"
import * as Tagged from "../core/Tagged.ts"
import type { EndpointHooks, HooksValue } from "./EndpointHooks.ts"

const TypeId = "~fairlead/endpoint/HookChain"

/**
 * A chain of hooks that needs `R`.
 *
 * @category models
 * @since 0.1.0
 */
export interface HookChain<in out R> {
  readonly [TypeId]: typeof TypeId
  readonly name: string

  /** Adds hooks, behind those declared before. */
  use<R2>(hooks: EndpointHooks<R2>): HookChain<R | R2>

  /** Adds the hooks of another chain, as if they were used here one by one. */
  append<R2>(chain: HookChain<R2>): HookChain<R | R2>
}

type Entry =
  | { readonly _tag: "Value"; readonly name: string; readonly hooks: HooksValue }
  | {
      readonly _tag: "Service"
      readonly name: string
      readonly key: Context.Key<unknown, Tagged.Implementation<EndpointHooks<any>>>
    }

interface Value {
  readonly name: string
  readonly entries: ReadonlyArray<Entry>
}

const from = (value: Value): HookChain<never> => Object.assign(Object.create(Proto), value)

const Proto = {
  [TypeId]: TypeId,
  use(this: Value, hooks: object) {
    const id = Tagged.nameOf(hooks)
    const entry: Entry =
      id === undefined
        ? { _tag: "Value", name: (hooks as HooksValue).name, hooks: hooks as HooksValue }
        : { _tag: "Service", name: id, key: hooks as Context.Key<unknown, Tagged.Implementation<EndpointHooks<any>>> }
    return from({ ...this, entries: [...this.entries, entry] })
  },
  append(this: Value, chain: Value) {
    return from({ ...this, entries: [...this.entries, ...chain.entries] })
  }
}

/**
 * Opens a chain.
 *
 * **Example** (Two hooks)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { EndpointHooks, HookChain } from "fairlead/endpoint"
 *
 * const log = EndpointHooks.make("log", { afterHandshake: ({ remoteId }) => Effect.log(remoteId) })
 * const noStreams = EndpointHooks.make("no-streams", {
 *   onStreamOpen: () => Effect.fail(new EndpointHooks.Reject({ reason: "listen only" }))
 * })
 * const chain = HookChain.make("peers").use(log).use(noStreams)
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (name: string): HookChain<never> => from({ name, entries: [] })

/** Hooks with what their layer was built with. Internal to the endpoint part. */
export interface Bound {
  readonly hooks: HooksValue
  readonly built: Context.Context<never>
}

/** Looks the chain's hooks up. Internal to the endpoint part. */
export const bind = <R>(chain: HookChain<R>): Effect.Effect<ReadonlyArray<Bound>, never, R> =>
  Effect.contextWith((context: Context.Context<any>) =>
    Effect.succeed(
      (chain as unknown as Value).entries.map((entry): Bound => {
        if (entry._tag === "Value") return { hooks: entry.hooks, built: context }
        const { built, interceptor: hooks } = Context.get(context, entry.key)
        return { hooks: { ...(hooks as unknown as HooksValue), name: entry.name }, built }
      })
    )
  )

/**
 * The chain as data.
 *
 * @category drawing
 * @since 0.1.0
 */
export const describe = <R>(chain: HookChain<R>): Description => ({
  part: "endpoint",
  name: chain.name,
  interceptors: (chain as unknown as Value).entries.map(({ name }) => ({
    name,
    kind: "hooks",
    provides: [],
    recovers: [],
    inner: []
  }))
})

/**
 * The chain as text.
 *
 * @category drawing
 * @since 0.1.0
 */
export const drawing = <R>(chain: HookChain<R>): string => Drawing.toText(describe(chain))

/**
 * The chain as a Mermaid flowchart.
 *
 * @category drawing
 * @since 0.1.0
 */
export const mermaid = <R>(chain: HookChain<R>): string => Drawing.toMermaid(describe(chain))
