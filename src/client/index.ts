/**
 * The client part: chains of handlers over Effect's `HttpClient`.
 *
 * @since 0.1.0
 */
export * as ClientChain from "./ClientChain.ts"
export * as ClientHandler from "./ClientHandler.ts"
export * as RawHeaders from "./RawHeaders.ts"
