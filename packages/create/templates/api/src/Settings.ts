/** The settings, read from the environment. */
import { Config, Context, Effect, Layer } from "effect"

export class Settings extends Context.Service<Settings, { readonly port: number }>()("app/Settings") {}

/** A wrong `PORT` ends the start with a message. */
export const SettingsLive = Layer.effect(
  Settings,
  Config.all({ port: Config.Int("PORT").pipe(Config.withDefault(3000)) })
)

/** The options of `NodeApp.run`. */
export const options = Effect.map(Settings, ({ port }) => ({ port }))
