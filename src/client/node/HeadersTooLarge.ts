/**
 * The error for a response whose head is larger than allowed.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The head of a response is larger than `maxHeaderBytes` of the transport. It is the cause of an `HttpClientError`.
 *
 * @category errors
 * @since 0.1.0
 */
export class HeadersTooLarge extends Schema.TaggedError<HeadersTooLarge>()("HeadersTooLarge", {
  maxHeaderBytes: Schema.Number,
  method: Schema.String,
  /** Where the request went, redacted. */
  url: Schema.String
}) {
  override get message(): string {
    return `The response to ${this.method} ${this.url} has more than ${this.maxHeaderBytes} bytes of headers: raise \`maxHeaderBytes\` if that is meant`
  }
}
