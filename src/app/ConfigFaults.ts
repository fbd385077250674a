/**
 * The faults of a configuration, each with its path and, where the provider knows it, its source. Internal to the app part.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

import { isSecretName } from "../core/heads/SecretNames.ts"

type Issue = SchemaIssue.Issue
type Path = ReadonlyArray<PropertyKey>

interface Fault {
  readonly path: Path
  readonly issue: Issue
}

/** The provider's content at the path of a fault. */
interface FoundText {
  readonly isSet: boolean
  readonly text: string | undefined
  readonly source: string | undefined
}

/**
 * The segment that turns a path into the question for its source: a provider that knows the sources of its values answers with the source's name. Providers that
 * others wrap, such as by `ConfigProvider.nested`, answer too. Internal to the app part.
 */
export const sourceSegment = "~fairlead/app/source"

/** The configuration as a value or its error. Internal to the app part. */
export const outcomeOf = <A>(config: Config.Config<A>): Config.Config<Result.Result<A, Config.ConfigError>> =>
  Config.orElse(Config.map(config, Result.succeed), (error) => Config.succeed(Result.fail(error)))

/** The configuration, whose error names the source of each fault. Internal to the app part. */
export const withSources = <A>(config: Config.Config<A>): Config.Config<A> =>
  Config.flatMap(outcomeOf(config), (outcome) =>
    Result.isSuccess(outcome)
      ? Config.succeed(outcome.success)
      : Config.flatMap(faultsIn([outcome.failure]), Config.fail)
  )

/** All faults as one cause. A missing variable is one fault, whatever its schema tried. Internal to the app part. */
export const faultsIn = (errors: ReadonlyArray<Config.ConfigError>): Config.Config<Config.ConfigError["cause"]> => {
  const issues: Array<Issue> = []
  for (const { cause } of errors) {
    // A source that cannot be read comes first: its other faults are unknown.
    if (cause._tag === "SourceError") return Config.succeed(cause)
    issues.push(cause.issue)
  }
  const faults = issues.flatMap((issue) => faultsOf(issue, []))
  return Config.flatMap(prefix, (prefix) =>
    Config.map(
      Config.all(faults.map(({ path }) => lookUp(path.slice(prefix.length)))),
      (found): Config.ConfigError["cause"] => {
        const unset = new Set<string>()
        const reported = faults.flatMap(({ issue, path }, index): ReadonlyArray<Issue> => {
          const here = found[index]!
          if (path.length === 0) return [issue]
          if (here.isSet) return [new SchemaIssue.Pointer(path, withSource(path, issue, here))]
          const name = path.join(".")
          if (unset.has(name)) return []
          unset.add(name)
          return [new SchemaIssue.Pointer(path, new SchemaIssue.InvalidValue({ message: `${name} is not set` }))]
        })
        const [first, ...rest] = reported
        return new Schema.SchemaError(new SchemaIssue.Composite(Schema.Unknown.ast, [first!, ...rest]))
      }
    )
  )
}

/** The issues that name their source: they go through `all` and `configure`, one inside the other. */
const sourced = new WeakSet<Issue>()

const format = SchemaIssue.makeFormatterDefault()

const withSource = (path: Path, issue: Issue, { source, text }: FoundText): Issue => {
  if (sourced.has(issue)) return issue
  const message = format(issue)
  // A filter of the application may quote the value.
  const isSecret = path.some((segment) => isSecretName(String(segment), "json"))
  const shown = isSecret && text ? message.replaceAll(text, "<redacted>") : message
  if (source === undefined && shown === message) return issue
  const named = new SchemaIssue.InvalidValue({ message: source === undefined ? shown : `${shown} (from ${source})` })
  sourced.add(named)
  return named
}

const faultsOf = (issue: Issue, path: Path): ReadonlyArray<Fault> => {
  if (issue._tag === "Pointer") return faultsOf(issue.issue, [...path, ...issue.path])
  return issue._tag === "Composite" ? issue.issues.flatMap((inner) => faultsOf(inner, path)) : [{ path, issue }]
}

const textAt = (path: ConfigProvider.Path): Config.Config<string | undefined> =>
  Config.orElse(
    Config.map(Config.schema(Schema.String, path), (text): string | undefined => text),
    () => Config.succeed(undefined)
  )

/** Looks a path up: a text, a list or an object. */
const lookUp = (path: Path): Config.Config<FoundText> => {
  const at = path.map(String)
  const shapes = [Schema.Struct({}), Schema.Array(Schema.String), Schema.Array(Schema.Struct({}))]
  const isShape = shapes.reduce<Config.Config<boolean>>(
    (found, shape) => Config.flatMap(found, (is) => (is ? Config.succeed(true) : isOf(shape, at))),
    Config.succeed(false)
  )
  return Config.map(
    Config.all({ text: textAt(at), isShape, source: textAt([sourceSegment, ...at]) }),
    ({ isShape, source, text }) => ({ isSet: (text ?? "") !== "" || (text === undefined && isShape), text, source })
  )
}

const isOf = (shape: Schema.ConstraintCodec<unknown, unknown>, path: ConfigProvider.Path): Config.Config<boolean> =>
  Config.orElse(
    Config.map(Config.schema(shape, path), () => true),
    () => Config.succeed(false)
  )

/** The path that `Config.nested` put before all others: the paths of faults begin with it. */
const prefix: Config.Config<Path> = Config.map(outcomeOf(Config.schema(Schema.Never, "none")), (outcome) => {
  if (Result.isSuccess(outcome) || outcome.failure.cause._tag === "SourceError") return []
  return faultsOf(outcome.failure.cause.issue, [])[0]?.path.slice(0, -1) ?? []
})
