/**
 * Endpoints: peers that connect to each other by their ids, and hooks that decide who may.
 *
 * @since 0.1.0
 */
export * as Alpn from "./Alpn.ts"
export * as CloseCode from "./CloseCode.ts"
export * as Datagrams from "./Datagrams.ts"
export * as Endpoint from "./Endpoint.ts"
export * as EndpointAddr from "./EndpointAddr.ts"
export * as EndpointConnection from "./EndpointConnection.ts"
export * as EndpointError from "./EndpointError.ts"
export * as EndpointHooks from "./EndpointHooks.ts"
export * as EndpointId from "./EndpointId.ts"
export * as EndpointTransport from "./EndpointTransport.ts"
export * as HookChain from "./HookChain.ts"
export * as ProtocolRouter from "./ProtocolRouter.ts"
export * as SecretKey from "./SecretKey.ts"
export * as Streams from "./Streams.ts"
