/**
 * The app part: fairings, and an application's life from ignition to shutdown.
 *
 * @since 0.1.0
 */
export * as App from "./App.ts"
export * as AppConfig from "./AppConfig.ts"
export * as Fairing from "./Fairing.ts"
export * as RequestLocal from "./RequestLocal.ts"
