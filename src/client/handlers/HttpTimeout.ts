/**
 * The error of `timeouts`.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"

/**
 * A call took too long. Its effects on the server are not undone: the server may have seen the request.
 *
 * @category errors
 * @since 0.1.0
 */
export class HttpTimeout extends Schema.TaggedError<HttpTimeout>()("HttpTimeout", {
  /** Which bound it was. */
  phase: Schema.Literals(["connect", "send", "headers", "idle", "total"]),
  /** The bound, where it is known: that of connecting is the transport's. */
  duration: Schema.optionalKey(Schema.DurationFromMillis),
  method: Schema.String,
  /** Where the request went, redacted. */
  url: Schema.String
}) {
  override get message(): string {
    const bound = this.duration === undefined ? "" : ` of ${Duration.toMillis(this.duration)} ms`
    return `${this.method} ${this.url} ran into its ${this.phase} timeout${bound}: raise \`${this.phase}\` for slower servers`
  }
}
