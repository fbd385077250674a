/**
 * Errors that say what happened outside of the program. Internal to Fairlead.
 *
 * @since 0.1.0
 */

/**
 * Makes an error without a stack trace, which would name the event loop, and cost more than the rest of the error. For what happens with each connection: its end is
 * such an error for all that wait for something from it.
 */
export const outsideError = <E extends Error>(make: () => E): E => {
  const limit = Error.stackTraceLimit
  // It does nothing where built-in objects are frozen.
  Reflect.set(Error, "stackTraceLimit", 0)
  try {
    return make()
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit)
  }
}
