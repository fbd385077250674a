/**
 * Ready-made fairings, one a file.
 *
 * @since 0.1.0
 */
export { backgroundJob } from "./BackgroundJob.ts"
export type { Options as BackgroundJobOptions } from "./BackgroundJob.ts"
export { banner } from "./Banner.ts"
export type { Options as BannerOptions } from "./Banner.ts"
export { configCheck } from "./ConfigCheck.ts"
export type { Checked } from "./ConfigCheck.ts"
export { counter } from "./Counter.ts"
export type { Options as CounterOptions } from "./Counter.ts"
export { health } from "./Health.ts"
export type { Options as HealthOptions } from "./Health.ts"
export { requestTimer } from "./RequestTimer.ts"
export type { Options as RequestTimerOptions } from "./RequestTimer.ts"
export { warmUp, WarmUpFailed } from "./WarmUp.ts"
export type { Options as WarmUpOptions } from "./WarmUp.ts"
