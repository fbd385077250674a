/**
 * What a client is told when it is refused. Internal to the channel part.
 *
 * @since 0.1.0
 */
import * as SchemaIssue from "effect/SchemaIssue"

import type { Refused } from "../ChannelHandler.ts"
import type { Payload } from "../wire/Message.ts"

/** The payload of an error reply. */
export class Refusal {
  readonly payload: Payload
  constructor(payload: Payload) {
    this.payload = payload
  }
}

/** That of a handler's `Refused`. */
export const refusalOf = ({ details, reason }: Refused): Refusal => new Refusal({ ...details, reason })

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const [maxIssues, maxMessage] = [10, 200]

/** That of a payload which is not what the definition says: where the faults are. It is bounded, since it may quote what the client sent. */
export const invalid = (issue: SchemaIssue.Issue): Refusal => {
  const issues = format(issue).issues.slice(0, maxIssues)
  return new Refusal({
    reason: "invalid payload",
    issues: issues.map(({ message, path }) => ({
      path: (path ?? []).map((key) => String(typeof key === "object" ? key.key : key).slice(0, maxMessage)),
      message: message.slice(0, maxMessage)
    }))
  })
}
