/**
 * The server part: typed pipelines of middleware for HTTP requests.
 *
 * @since 0.1.0
 */
export * as HeaderValue from "./HeaderValue.ts"
export * as Middleware from "./Middleware.ts"
export * as Pipeline from "./Pipeline.ts"
export * as RequestView from "./RequestView.ts"
