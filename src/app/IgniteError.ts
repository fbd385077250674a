/**
 * Why an application did not ignite.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Schema from "effect/Schema"

/**
 * One step of ignition that failed: the fairing, layer or configuration, and its error.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure<out E> {
  /** The fairing's name, or what else failed: `manage(2)` is the second layer given to `manage`, `routes` is all that was mounted. */
  readonly step: string
  readonly error: E
}

/**
 * The application did not ignite, and nothing was bound. It lists every step that failed, with its error.
 *
 * It is generic in those errors, which is why it is no schema.
 *
 * @category errors
 * @since 0.1.0
 */
export class IgniteError<out E = unknown> extends Data.TaggedError("IgniteError")<{
  readonly app: string
  readonly failures: ReadonlyArray<Failure<E>>
}> {
  override get message(): string {
    const lines = this.failures.map(({ error, step }) => `  ${step}: ${describe(error)}`)
    return [`The app "${this.app}" did not ignite: nothing was bound`, ...lines].join("\n")
  }
}

const describe = (error: unknown): string => {
  if (typeof error !== "object" || error === null) return String(error)
  const { _tag: tag, message } = error as { readonly _tag?: unknown; readonly message?: unknown }
  const parts = [tag, message].filter((part) => typeof part === "string" && part !== "")
  return parts.length === 0 ? "failed without a message" : parts.join(": ")
}

/**
 * A service was managed or configured twice. Manage it once, or put the replacement in `override`.
 *
 * @category errors
 * @since 0.1.0
 */
export class DuplicateService extends Schema.TaggedError<DuplicateService>()("DuplicateService", {
  service: Schema.String,
  first: Schema.String
}) {
  override get message(): string {
    return `${this.service} is already managed by ${this.first}. Manage it once, or replace it by override`
  }
}

/**
 * A fairing was attached during ignition, but one with its singleton key has already ignited. Attach it before the launch.
 *
 * @category errors
 * @since 0.1.0
 */
export class SingletonIgnited extends Schema.TaggedError<SingletonIgnited>()("SingletonIgnited", {
  key: Schema.String,
  fairing: Schema.String
}) {
  override get message(): string {
    return `A fairing with the key "${this.key}" has already ignited, so "${this.fairing}" cannot replace it. Attach it before the launch`
  }
}

/**
 * An override names a layer that the app does not manage.
 *
 * @category errors
 * @since 0.1.0
 */
export class NothingToOverride extends Schema.TaggedError<NothingToOverride>()("NothingToOverride", {}) {
  override get message(): string {
    return "override replaces a layer that the app manages, and this one it does not. Pass the very layer that was given to manage"
  }
}

/**
 * A step died. The defect is its cause.
 *
 * @category errors
 * @since 0.1.0
 */
export class IgniteDefect extends Schema.TaggedError<IgniteDefect>()("IgniteDefect", { cause: Schema.Defect() }) {
  override get message(): string {
    return this.cause instanceof Error ? this.cause.message : String(this.cause)
  }
}

/**
 * What every ignition may fail with beside the errors of its own steps.
 *
 * @category errors
 * @since 0.1.0
 */
export type OwnFailure = DuplicateService | SingletonIgnited | NothingToOverride | IgniteDefect
