/**
 * The client part: chains of handlers over Effect's `HttpClient`.
 *
 * @since 0.1.0
 */
export * as ClientChain from "./ClientChain.ts"
export * as ClientHandler from "./ClientHandler.ts"
export { inheritHeaders, rawHeaders, setCookieLines } from "./RawHeaders.ts"
export type { HeaderPair } from "./RawHeaders.ts"
