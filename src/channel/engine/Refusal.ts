/**
 * The replies to refused clients. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as SchemaIssue from "effect/SchemaIssue"

import type { Reject } from "../../core/Reject.ts"
import type { Payload } from "../wire/Message.ts"

/** The payload of an error reply. */
export class Refusal {
  readonly payload: Payload
  constructor(payload: Payload) {
    this.payload = payload
  }
}

/** The refusal of a handler that rejected a join or a message. */
export const rejection = ({ details, reason }: Reject): Refusal => new Refusal({ ...details, reason })

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** The issue of a text in place of a `Schema.Number`, whose JSON form also has the numbers that JSON has not. */
const notFinite = /^Expected "Infinity" \| "-Infinity" \| "NaN"/

const [maxIssues, maxMessage] = [10, 200]

/** The refusal of a payload that its schema does not accept: where the faults are. It is bounded, since it may quote what the client sent. */
export const invalid = (issue: SchemaIssue.Issue): Refusal => {
  const issues = format(issue).issues.slice(0, maxIssues)
  return new Refusal({
    reason: "invalid payload",
    issues: issues.map(({ message, path }) => ({
      path: (path ?? []).map((key) => String(typeof key === "object" ? key.key : key).slice(0, maxMessage)),
      message: message.replace(notFinite, "Expected a number").slice(0, maxMessage)
    }))
  })
}
