/**
 * Configuration whose faults are reported all at once.
 *
 * Effect's `Config.all` and `Config.schema` end at the first fault: a service with three wrong settings is started four times. The configurations made here
 * read everything, and fail with one `ConfigError` that lists every fault with its path and, over `ConfigSources`, its source.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import type * as ConfigProvider from "effect/ConfigProvider"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

import { faultsIn, outcomeOf } from "./ConfigFaults.ts"

type ConfigValues<Configs> = { readonly [K in keyof Configs]: Configs[K] extends Config.Config<infer A> ? A : never }

/**
 * All of the configurations, as a record. A missing value is a fault too, unless its configuration has a default.
 *
 * **Example** (Every wrong setting at once)
 *
 * ```ts
 * import { Config, Context } from "effect"
 * import { App, AppConfig } from "fairlead/app"
 *
 * class Settings extends Context.Service<Settings, { readonly port: number; readonly data: string }>()("app/Settings") {}
 *
 * const app = App.make("shop").configure(
 *   Settings,
 *   AppConfig.all({
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
): Config.Config<ConfigValues<Configs>> => {
  const read = Object.entries(configs).map(([name, config]) =>
    Config.map(outcomeOf(config), (outcome) => [name, outcome] as const)
  )
  const joined = Config.flatMap(Config.all(read), (outcomes) => {
    const errors = outcomes.flatMap(([, outcome]) => (Result.isFailure(outcome) ? [outcome.failure] : []))
    if (errors.length > 0) return Config.flatMap(faultsIn(errors), Config.fail)
    return Config.succeed(
      Object.fromEntries(
        outcomes.flatMap(([name, outcome]) => (Result.isSuccess(outcome) ? [[name, outcome.success]] : []))
      )
    )
  })
  return joined as Config.Config<ConfigValues<Configs>>
}

/**
 * Reads a schema from `path` on: first each field of a struct alone, then the whole for its own checks.
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
