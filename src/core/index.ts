/**
 * The common ground of all parts of Fairlead: the description of interceptors, their observation and their drawing.
 *
 * @since 0.1.0
 */
export * as Interceptor from "./Interceptor.ts"
export * as Probe from "./Probe.ts"
export * as ProbeMetrics from "./ProbeMetrics.ts"
export * as ProbeSpans from "./ProbeSpans.ts"
export * as Shutdown from "./Shutdown.ts"
export { InvalidOption } from "./InvalidOption.ts"
export { Reject } from "./Reject.ts"
