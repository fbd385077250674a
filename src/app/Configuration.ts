/**
 * Configuration whose faults are reported all at once.
 *
 * Effect's `Config.all` and `Config.schema` end at the first fault: who starts a service with three wrong settings starts it four times. The configurations
 * made here read everything, and fail with one `ConfigError` that lists every fault with its path.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"

type Values<Configs> = { readonly [K in keyof Configs]: Configs[K] extends Config.Config<infer A> ? A : never }

/**
 * All of the given configurations, as a record. What is absent is a fault too: give it a default where it may be.
 *
 * **Example** (Every wrong setting at once)
 *
 * ```ts
 * import { Config, Context } from "effect"
 * import { App, Configuration } from "fairlead/app"
 *
 * class Settings extends Context.Service<Settings, { readonly port: number; readonly data: string }>()("app/Settings") {}
 *
 * const app = App.make("shop").configure(
 *   Settings,
 *   Configuration.all({
 *     port: Config.Port("PORT").pipe(Config.withDefault(3000)),
 *     data: Config.NonEmptyString("SHOP_DATA")
 *   })
 * )
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const all = <const Configs extends Readonly<Record<string, Config.Config<unknown>>>>(
  configs: Configs
): Config.Config<Values<Configs>> => {
  const read = Object.entries(configs).map(([name, config]) =>
    Config.map(outcomeOf(config), (outcome) => [name, outcome] as const)
  )
  const joined = Config.flatMap(Config.all(read), (outcomes) => {
    const errors = outcomes.flatMap(([, outcome]) => (Result.isFailure(outcome) ? [outcome.failure] : []))
    if (errors.length > 0) return Config.fail(joinedCause(errors))
    return Config.succeed(
      Object.fromEntries(
        outcomes.flatMap(([name, outcome]) => (Result.isSuccess(outcome) ? [[name, outcome.success]] : []))
      )
    )
  })
  return joined as Config.Config<Values<Configs>>
}

/**
 * What a schema says, read from `path` on: every field of a struct is read for itself, then the whole, for its own checks.
 *
 * @category constructors
 * @since 0.1.0
 */
export const schema = <T>(
  codec: Schema.ConstraintCodec<T, unknown>,
  path: string | ConfigProvider.Path = []
): Config.Config<T> => {
  const whole = Config.schema(codec, path)
  const fields = fieldsOf(codec)
  if (fields.length < 2) return whole
  const alone = fields.map(([name, field]) => [name, Config.schema(Schema.Struct({ [name]: field }), path)] as const)
  return Config.flatMap(all(Object.fromEntries(alone)), () => whole)
}

const fieldsOf = (codec: unknown): ReadonlyArray<readonly [string, Schema.ConstraintCodec<unknown, unknown>]> => {
  const { fields } = codec as { readonly fields?: Readonly<Record<string, Schema.ConstraintCodec<unknown, unknown>>> }
  return fields === undefined ? [] : Object.entries(fields)
}

const outcomeOf = <A>(config: Config.Config<A>): Config.Config<Result.Result<A, Config.ConfigError>> =>
  Config.orElse(Config.map(config, Result.succeed), (error) => Config.succeed(Result.fail(error)))

// A source that cannot be read comes first: what it would have said is not known.
const joinedCause = (errors: ReadonlyArray<Config.ConfigError>): Config.ConfigError["cause"] => {
  const issues: Array<SchemaIssue.Issue> = []
  for (const { cause } of errors) {
    if (cause._tag === "SourceError") return cause
    issues.push(cause.issue)
  }
  const [first, ...rest] = issues
  return new Schema.SchemaError(new SchemaIssue.Composite(Schema.Unknown.ast, [first!, ...rest]))
}
