/**
 * The steps of an application, before they run. Internal to the app part.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"

import { isServiceKey } from "../core/ServiceClass.ts"
import type { Implementation, ServiceKey } from "../core/ServiceClass.ts"
import type { FairingRecipe } from "./FairingRecipe.ts"

/** A step of an application, with its types erased. Internal to the app part. */
export interface Step {
  readonly kind: "attach" | "manage" | "configure" | "override" | "listen" | "mount" | "serve"
  readonly values: ReadonlyArray<unknown>
}

/** A step that waits for its turn. Internal to the app part. */
export interface Queued extends Step {
  /** Its name in failures. */
  readonly label: string
  /** Its place in the description; nothing for a step that a fairing has added. */
  readonly index?: number
}

/** An attached fairing: a value, or a class. Internal to the app part. */
export type AttachedFairing = FairingRecipe | ServiceKey<FairingRecipe>

/** The steps with the names that failures call them. Internal to the app part. */
export const labelled = (steps: ReadonlyArray<Step>): ReadonlyArray<Queued> => {
  const seen = new Map<string, number>()
  return steps.map((step, index) => {
    const number = (seen.get(step.kind) ?? 0) + 1
    seen.set(step.kind, number)
    return { ...step, index, label: labelOf(step, number) }
  })
}

/** The name of a step in failures. Internal to the app part. */
export const labelOf = ({ kind, values: [first] }: Step, number: number): string => {
  if (kind === "attach")
    return isServiceKey<FairingRecipe>(first as AttachedFairing)
      ? (first as ServiceKey<FairingRecipe>).key
      : (first as FairingRecipe).name
  if (kind === "configure") return `configure(${(first as Context.Key<unknown, unknown>).key})`
  return kind === "listen" ? `listen(${String(first)})` : `${kind}(${number})`
}

/** The steps without the singletons of which a later one has the same key: the last attached stays, at its own position. Internal to the app part. */
export const withoutReplaced = (steps: ReadonlyArray<Queued>, context: Context.Context<never>): Array<Queued> => {
  const keys = steps.map((step) => singletonOf(step, context))
  return steps.filter((_, index) => keys[index] === undefined || keys.lastIndexOf(keys[index]) === index)
}

// The key of a class-tagged fairing is known as soon as its layer is built.
const singletonOf = ({ kind, values: [given] }: Step, context: Context.Context<never>): string | undefined => {
  if (kind !== "attach") return undefined
  const fairing = given as AttachedFairing
  if (!isServiceKey<FairingRecipe>(fairing)) return fairing.hooks.singleton
  const implementation = context.mapUnsafe.get(fairing.key) as Implementation<FairingRecipe> | undefined
  return implementation?.interceptor.hooks.singleton
}
