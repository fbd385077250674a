/**
 * Ready-made fairings, one a file.
 *
 * @since 0.1.0
 */
export { accessLog } from "./AccessLog.ts"
export { backgroundJob } from "./BackgroundJob.ts"
export type { BackgroundJobOptions } from "./BackgroundJob.ts"
export { banner } from "./Banner.ts"
export type { BannerOptions } from "./Banner.ts"
export { concurrencyLimit } from "./ConcurrencyLimit.ts"
export { configCheck } from "./ConfigCheck.ts"
export type { Checked, ConfigCheckOptions } from "./ConfigCheck.ts"
export { cors } from "./Cors.ts"
export { health } from "./Health.ts"
export type { HealthOptions } from "./Health.ts"
export { loadShed } from "./LoadShed.ts"
export { metrics } from "./Metrics.ts"
export { securityHeaders } from "./SecurityHeaders.ts"
export { serverTiming } from "./ServerTiming.ts"
export type { ServerTimingOptions } from "./ServerTiming.ts"
export { trustedProxy } from "./TrustedProxy.ts"
export { warmUp, WarmUpFailed } from "./WarmUp.ts"
export type { WarmUpOptions } from "./WarmUp.ts"
