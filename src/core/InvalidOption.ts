/**
 * The error of a factory that was called with an option that cannot work.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A factory was called with an option that cannot work. It is thrown at once, so that the stack points at the mistake, and is in no error type.
 *
 * **Example** (A limit of NaN)
 *
 * ```ts
 * import { InvalidOption } from "fairlead"
 * import { hedge } from "fairlead/client/handlers"
 *
 * try {
 *   hedge({ maxAttempts: Number("three") })
 * } catch (error) {
 *   if (error instanceof InvalidOption) console.log(error.message)
 * }
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidOption extends Schema.TaggedError<InvalidOption>("fairlead/InvalidOption")("InvalidOption", {
  /** The name of the interceptor or composite that was being made. */
  interceptor: Schema.String,
  /** The option, by its name in the source. */
  option: Schema.String,
  /** The value, and the allowed ones. */
  description: Schema.String
}) {
  override get message(): string {
    return `${this.interceptor}: option ${this.option}: ${this.description}`
  }
}
