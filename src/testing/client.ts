/**
 * The testing kit of the client part.
 *
 * @since 0.1.0
 */
export * as TestClient from "./TestClient.ts"
