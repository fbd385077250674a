/**
 * The testing kit of the endpoint part: a network in memory whose conditions a test sets.
 *
 * @since 0.1.0
 */
export * as TestEndpoint from "./endpoint/MemoryNetwork.ts"
