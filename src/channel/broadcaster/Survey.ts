/**
 * Questions to the members of a topic, and the answers of a node.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

/**
 * A question to the members of a topic: who they are, how many they are, that one of them be kicked, or a request to the client of each.
 *
 * @category models
 * @since 0.1.0
 */
export type SurveyQuestion =
  | { readonly _tag: "Members" }
  | { readonly _tag: "Count" }
  | { readonly _tag: "Kick"; readonly id: string }
  | {
      readonly _tag: "Request"
      readonly event: string
      readonly payload: Schema.Json
      readonly timeoutMillis: number
    }

/**
 * A member as a node lists it.
 *
 * @category models
 * @since 0.1.0
 */
export interface SurveyMember {
  readonly id: string
  readonly socketId: string | null
  readonly joinedAtMillis: number
}

/**
 * What the client of a member answered: its status and response, or why there is no answer.
 *
 * @category models
 * @since 0.1.0
 */
export interface SurveyReply {
  readonly id: string
  readonly status: string
  readonly response: Schema.Json
  readonly failure: "timed out" | "channel ended" | null
}

/**
 * The answer of one node.
 *
 * @category models
 * @since 0.1.0
 */
export interface SurveyAnswer {
  /** How many members it has. */
  readonly count: number
  readonly members: ReadonlyArray<SurveyMember>
  readonly kicked: boolean
  readonly replies: ReadonlyArray<SurveyReply>
}

/**
 * The answers of all nodes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Survey {
  readonly answers: ReadonlyArray<SurveyAnswer>
  /** How many nodes did not answer in time. */
  readonly missing: number
}
