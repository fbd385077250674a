/**
 * Checks configuration at ignition without providing it: for settings read later or by other code.
 *
 * 1. Every configuration and every schema is read before anything is bound; a schema is read from the root of the environment.
 * 2. All faults fail the ignition as one `ConfigError`, each with its path, so that they can be fixed in one go.
 *
 * Order: early, so that its failure is the first of the list. Later fairings ignite too, and their failures are listed.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

import { nameOr } from "../../core/Options.ts"
import * as AppConfig from "../AppConfig.ts"
import * as Fairing from "../Fairing.ts"

/**
 * A configuration that `configCheck` reads, or a schema of the environment.
 *
 * @category models
 * @since 0.1.0
 */
export type Checked = Config.Config<unknown> | Schema.ConstraintCodec<unknown, unknown>

/**
 * Options of `configCheck`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConfigCheckOptions {
  /** The name of the fairing. Default: `configCheck`. */
  readonly name?: string | undefined
}

/**
 * A fairing that checks configuration. A list of configurations and schemas takes options after it.
 *
 * **Example** (Failing before anything is bound)
 *
 * ```ts
 * import { Config, Schema } from "effect"
 * import { App } from "fairlead/app"
 * import { configCheck } from "fairlead/app/fairings"
 *
 * const mail = Schema.Struct({ MAIL_HOST: Schema.NonEmptyString, MAIL_FROM: Schema.NonEmptyString })
 *
 * const app = App.make("shop").attach(configCheck(Config.Port("METRICS_PORT"), mail))
 * ```
 *
 * @category fairings
 * @since 0.1.0
 */
export const configCheck: {
  (checked: ReadonlyArray<Checked>, options?: ConfigCheckOptions): Fairing.Fairing<never, Config.ConfigError>
  (...checked: ReadonlyArray<Checked>): Fairing.Fairing<never, Config.ConfigError>
} = (...given: ReadonlyArray<unknown>): Fairing.Fairing<never, Config.ConfigError> => {
  const [first, options] = given
  const isList = Array.isArray(first)
  const checked = (isList ? first : given) as ReadonlyArray<Checked>
  const configs = checked.map((one) => (Config.isConfig(one) ? one : AppConfig.schema(one)))
  const every = AppConfig.all(Object.fromEntries(configs.entries()))
  const name = nameOr("configCheck", isList ? (options as ConfigCheckOptions | undefined)?.name : undefined)
  return Fairing.onIgnite(name, () => Effect.asVoid(every))
}
