/**
 * The testing kit of the app part.
 *
 * @since 0.1.0
 */
export * as TestApp from "./TestApp.ts"
