/**
 * Why an application did not ignite.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Inspectable from "effect/Inspectable"
import * as Schema from "effect/Schema"

/**
 * One step of ignition that failed: the fairing, layer or configuration, and its error.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failure<out E> {
  /**
   * The fairing's name, or what else failed: `manage(app/Database)` is the layer of that service, `manage(2)` the second managed layer, when nothing
   * names its service, `routes` is all that was mounted.
   */
  readonly step: string
  readonly error: E
  /** The whole cause of the step. */
  readonly cause: Cause.Cause<unknown>
}

/**
 * The application did not ignite, and nothing was bound. It lists every step that failed, with its error, the error's fields and the chain of its causes.
 *
 * It is generic in those errors, which is why it is no schema.
 *
 * @category errors
 * @since 0.1.0
 */
export class IgniteError<out E = unknown> extends Data.TaggedError("IgniteError")<{
  readonly app: string
  readonly failures: ReadonlyArray<Failure<E>>
  /** The services that no step provides because one failed. */
  readonly missing: ReadonlyArray<string>
}> {
  override get message(): string {
    const lines = this.failures.map(({ error, step }) => indented(`${step}: ${describe(error)}`, "  "))
    const missing = this.missing.length === 0 ? [] : [`  So nothing provides ${this.missing.join(", ")}`]
    return [`The app "${this.app}" did not ignite: nothing was bound`, ...lines, ...missing].join("\n")
  }
}

const indented = (text: string, by: string): string => text.replaceAll(/^/gm, by)

const describe = (error: unknown): string => {
  if (error instanceof IgniteDefect) return Cause.pretty(Cause.die(error.cause))
  if (typeof error !== "object" || error === null) return String(error)
  const { _tag: tag, message } = error as { readonly _tag?: unknown; readonly message?: unknown }
  const said = [tag, message].filter((part) => typeof part === "string" && part !== "").join(": ")
  const title = said === "" ? (error.constructor === Object ? "an object" : error.constructor.name) : said
  return [title, ...fieldsOf(error, said), ...causesOf(error, said)].join("\n")
}

const hidden = new Set(["_tag", "message", "cause", "name", "stack"])

/** The fields of an error that its message does not show. */
const fieldsOf = (error: object, said: string): ReadonlyArray<string> =>
  Object.entries(error).flatMap(([field, value]) => {
    if (hidden.has(field) || typeof value === "function" || field.startsWith("~")) return []
    const shown = Inspectable.toStringUnknown(value, 0).slice(0, 500)
    return said.includes(shown) ? [] : [`  ${field}: ${shown}`]
  })

const causesOf = (error: object, said: string, depth = 0): ReadonlyArray<string> => {
  const { cause } = error as { readonly cause?: unknown }
  if (cause === undefined || depth > 5) return []
  const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : Inspectable.toStringUnknown(cause, 0)
  const code = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : ""
  const deeper = typeof cause === "object" && cause !== null ? causesOf(cause, said, depth + 1) : []
  const isSaid = cause instanceof Error && cause.message !== "" && said.includes(cause.message)
  return isSaid ? deeper : [`  caused by ${text}${code}`, ...deeper]
}

/**
 * Two steps provide one service: managed layers, configuration, or what fairings provide. Provide it once, or put the replacement in `override`.
 *
 * @category errors
 * @since 0.1.0
 */
export class DuplicateService extends Schema.TaggedError<DuplicateService>()("DuplicateService", {
  service: Schema.String,
  first: Schema.String,
  second: Schema.String
}) {
  override get message(): string {
    return `${this.service} is provided by ${this.first} already, and again by ${this.second}. Provide it once, or replace the layer by override`
  }
}

/**
 * A fairing was attached during ignition, but one with its singleton key has already ignited. Attach it before the launch.
 *
 * @category errors
 * @since 0.1.0
 */
export class DuplicateSingleton extends Schema.TaggedError<DuplicateSingleton>()("DuplicateSingleton", {
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
    return "override replaces a layer that the app manages, and this one it does not. Pass the same layer as to manage"
  }
}

/**
 * Two listeners have the same name. Rename one of them.
 *
 * @category errors
 * @since 0.1.0
 */
export class DuplicateListener extends Schema.TaggedError<DuplicateListener>()("DuplicateListener", {
  listener: Schema.String
}) {
  override get message(): string {
    return `There are two listeners "${this.listener}". Rename one of them`
  }
}

/**
 * Routes are mounted on a listener that the app does not have. Declare it by `App.listen`.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownListener extends Schema.TaggedError<UnknownListener>()("UnknownListener", {
  listener: Schema.String
}) {
  override get message(): string {
    return `Routes are mounted on the listener "${this.listener}", which the app does not have. Declare it: listen("${this.listener}", { port: 9090 })`
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
 * The failures of every ignition, in addition to the errors of its steps.
 *
 * @category errors
 * @since 0.1.0
 */
export type OwnFailure =
  | DuplicateListener
  | DuplicateService
  | IgniteDefect
  | NothingToOverride
  | DuplicateSingleton
  | UnknownListener
