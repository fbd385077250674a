/**
 * Stages that recover failures by tag. Internal to the server part.
 *
 * @since 0.1.0
 */
import { tagOf } from "../core/Watch.ts"
import type { Request } from "./HttpTypes.ts"
import * as Stage from "./Stage.ts"

/** The stage that a before with both methods has in front of it. */
export const orRecovering = (before: ReadonlyArray<Stage.Stage>, cases: Cases): Stage.Stage => {
  const name = before.map((stage) => stage.name).join(", ")
  return recovering("recover", name, cases, { kind: "recover", jump: before.length })
}

/** Recoveries by tag. */
export type Cases = Record<string, (error: any, request: Request) => unknown>

/** A stage that recovers by tag. */
export const recovering = (
  op: "recover" | "catch",
  name: string,
  cases: Cases,
  more: { readonly jump?: number; readonly kind: string }
): Stage.Stage =>
  Stage.make(
    op,
    name,
    (error, request) => {
      const tag = tagOf(error)
      return tag !== undefined && Object.hasOwn(cases, tag) ? cases[tag]!(error, request) : Stage.Pass
    },
    { jump: more.jump ?? 0, info: { kind: more.kind, recovers: Object.keys(cases) } }
  )

/** The same recovery for each tag. */
export const casesOf = (tags: string | ReadonlyArray<string>, f: Cases[string]): Cases =>
  Object.fromEntries((typeof tags === "string" ? [tags] : tags).map((tag) => [tag, f]))

/** The name of a stage that a method added. */
export const nameOf = (method: string, cases: Cases): string => `${method}(${Object.keys(cases).join(", ")})`
