/**
 * The client part on Node: a transport over undici.
 *
 * @since 0.1.0
 */
export { freshConnection } from "./FreshConnection.ts"
export * as NodeTransport from "./NodeTransport.ts"
export { informational } from "./ResponseHead.ts"
export type { Informational } from "./ResponseHead.ts"
export { nodeCodings } from "../handlers/node/NodeCodings.ts"
