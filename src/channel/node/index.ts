/**
 * Channels on Node.
 *
 * @since 0.1.0
 */
export * as NodeUpgrade from "./NodeUpgrade.ts"
