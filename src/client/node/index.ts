/**
 * The client part on Node: a transport over undici.
 *
 * @since 0.1.0
 */
export * as NodeTransport from "./NodeTransport.ts"
export * as SqliteKeyValueStore from "./SqliteKeyValueStore.ts"
