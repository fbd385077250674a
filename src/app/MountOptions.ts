/**
 * The options of routes and of further listeners.
 *
 * @since 0.1.0
 */

/**
 * Where routes are mounted.
 *
 * @category models
 * @since 0.1.0
 */
export interface MountOptions {
  /** The listener, by its name in `App.listen`. Default: the application's own. */
  readonly listener?: string | undefined
  /** Whether they are served during liftoff too, before all other requests. Their paths have no parameters then. Default: false. */
  readonly duringLiftoff?: boolean | undefined
}

/**
 * Where a further listener listens.
 *
 * @category models
 * @since 0.1.0
 */
export interface ListenerOptions {
  /** Default: 0, a free port. */
  readonly port?: number
  /** Default: every address of the machine. */
  readonly host?: string
  /** The path of a unix socket, in place of a port. */
  readonly path?: string
}
