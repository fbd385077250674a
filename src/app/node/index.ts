/**
 * Applications on Node.
 *
 * @since 0.1.0
 */
export * as ConfigSources from "./ConfigSources.ts"
export * as NodeApp from "./NodeApp.ts"
