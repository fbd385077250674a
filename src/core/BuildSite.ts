/**
 * The place where an interceptor with state is built.
 *
 * @since 0.1.0
 */

/**
 * Where an instance of an interceptor is made.
 *
 * @category models
 * @since 0.1.0
 */
export interface BuildSite {
  /** The name of the composite. */
  readonly composite: string
  /** The name of the interceptor there: the id of its class, for a class-tagged one. */
  readonly name: string
}
