/**
 * Checks configuration at ignition, without providing it: for what is read later, or by somebody else.
 *
 * 1. Every configuration and every schema given is read before anything is bound; a schema is read from the root of the environment.
 * 2. All faults of all of them fail the ignition as one `ConfigError`, each with its path: nobody mends one setting only to learn of the next.
 *
 * Order: early, so that its answer stands first in the list of failures. Later fairings ignite all the same, so their failures are listed too.
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"

import * as Configuration from "../Configuration.ts"
import * as Fairing from "../Fairing.ts"

/**
 * What `configCheck` reads: a configuration, or a schema of the environment.
 *
 * @category models
 * @since 0.1.0
 */
export type Checked = Config.Config<unknown> | Schema.ConstraintCodec<unknown, unknown>

/**
 * A fairing that checks configuration.
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
export const configCheck = (...checked: ReadonlyArray<Checked>): Fairing.Fairing<never, Config.ConfigError> => {
  const configs = checked.map((one) => (Config.isConfig(one) ? one : Configuration.schema(one)))
  const every = Configuration.all(Object.fromEntries(configs.entries()))
  return Fairing.onIgnite("config-check", () => Effect.asVoid(every))
}
