/**
 * Tests what connects to peers: a network in memory whose weather a test makes.
 *
 * @since 0.1.0
 */
export { layer, layerDatagrams, layerNetwork, layerTransport, MemoryNetwork } from "./endpoint/MemoryNetwork.ts"
export type { Options, Weather } from "./endpoint/MemoryNetwork.ts"
