/**
 * The run-time values of middleware: the constructors make them, and the builder reads them. Internal to the server part.
 *
 * @since 0.1.0
 */
import type * as Exit from "effect/Exit"

import type { Entry, Recipe } from "../core/Composite.ts"
import { kindOf } from "../core/InterceptorKind.ts"
import type { InterceptorKind } from "../core/InterceptorKind.ts"
import type { App, Request, Response } from "./HttpTypes.ts"
import type { Ending, ResponseEnd } from "./MiddlewareTypes.ts"
import type { Stage } from "./Stage.ts"

const middlewareKind = (kind: string, name: string): InterceptorKind =>
  kindOf({ part: "server", typeId: `~fairlead/server/Middleware/${name}`, kind, maker: `Middleware.${kind}` })

/** The kinds of middleware. */
export const kinds = {
  before: middlewareKind("before", "Before"),
  after: middlewareKind("after", "After"),
  pair: middlewareKind("pair", "Pair"),
  outer: middlewareKind("outer", "Outer"),
  sending: middlewareKind("sending", "Sending"),
  ended: middlewareKind("ended", "Ended")
}

/** Middleware that runs for some requests only. */
export interface Condition<V> {
  readonly predicate: (request: Request) => boolean
  readonly entry: Entry<V>
}

/** Befores of which one must let the request in, and the keys of their services. */
export interface Choice {
  readonly alternatives: ReadonlyArray<Entry<BeforeValue>>
  /** The keys that every alternative provides. */
  readonly common: ReadonlyArray<string>
  readonly all: ReadonlyArray<string>
}

/** A before: one stage, the members of a group, a before with its condition, or alternatives. */
export interface BeforeValue extends Recipe {
  readonly choice?: Choice
  readonly stage?: Stage
  readonly members?: ReadonlyArray<Entry<BeforeValue>>
  readonly condition?: Condition<BeforeValue>
}

/** An after: one stage, or an after with its condition. */
export interface AfterValue extends Recipe {
  readonly stage?: Stage
  readonly condition?: Condition<AfterValue>
}

/** A pair: it makes its two stages when it is linked, for the slot that holds the value of its before. */
export interface PairValue extends Recipe {
  readonly link: (slot: number) => LinkedPair
}

/** The stages of a pair; `failure` runs in the place of the after while a failure passes by, which goes on unchanged. */
export interface LinkedPair {
  readonly before: Stage
  readonly after: Stage
  readonly failure: Stage | undefined
}

/** An outer. One that also changes every response, or observes its end, has stages for that in the place of the outer. */
export interface OuterValue extends Recipe {
  readonly wrap: (app: App) => App
  readonly sending?: SendingValue["run"]
  /** As `sending`, inside of Effect's compression. */
  readonly sendingInside?: SendingValue["run"]
  readonly ended?: EndedValue["run"]
}

/** A sending stage. */
export interface SendingValue extends Recipe {
  readonly run: (response: Response, request: Request, ending: Ending) => unknown
  /** Whether it runs inside of Effect's compression. */
  readonly inside: boolean
}

/** An observer of the end of the response. */
export interface EndedValue extends Recipe {
  readonly run: (exit: Exit.Exit<void, unknown>, end: ResponseEnd) => unknown
}

const AroundName: unique symbol = Symbol.for("fairlead/server/Middleware/around")

/** Names an around. */
export const nameAround = <F extends (app: never) => unknown>(name: string, wrap: F): F =>
  Object.assign(wrap, { [AroundName]: name })

/** The name of an around: its own, else that of the function. */
export const aroundName = (wrap: Function): string =>
  (wrap as { readonly [AroundName]?: string })[AroundName] ?? (wrap.name === "" ? "around" : wrap.name)
