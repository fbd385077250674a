/**
 * Endpoints: peers that connect to each other by their ids, and hooks that decide who may.
 *
 * @since 0.1.0
 */
export * as Connection from "./Connection.ts"
export * as Datagrams from "./Datagrams.ts"
export * as Endpoint from "./Endpoint.ts"
export * as EndpointHooks from "./EndpointHooks.ts"
export * as Errors from "./Errors.ts"
export * as HookChain from "./HookChain.ts"
export * as Identity from "./Identity.ts"
export * as ProtocolRouter from "./ProtocolRouter.ts"
export * as Transport from "./Transport.ts"
