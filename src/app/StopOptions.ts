/**
 * The options of a stop, and its report.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"

/**
 * How an application stops.
 *
 * @category models
 * @since 0.1.0
 */
export interface LaunchOptions {
  /** How long requests in flight have to end. Default: 2 seconds; 100 ms under `node --watch`, by `NodeApp`. */
  readonly grace?: Duration.Input
  /** How long what was interrupted has to get out, before sockets are destroyed. Default: 3 seconds; 100 ms under `node --watch`, by `NodeApp`. */
  readonly mercy?: Duration.Input
  /** How long the application still serves, not ready, after the stop began: for load balancers. Default: 0. */
  readonly readinessDelay?: Duration.Input
}

/**
 * How a stop went.
 *
 * @category models
 * @since 0.1.0
 */
export interface StopReport {
  readonly duration: Duration.Duration
  /** The interrupted or destroyed rest after grace: requests, sockets, hooks, work in the background. */
  readonly cut: ReadonlyArray<string>
}
