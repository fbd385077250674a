/**
 * Marks client handlers at run time. Internal to the client part.
 *
 * @since 0.1.0
 */

/** The TypeId of client handlers. */
export const TypeId = "~fairlead/client/ClientHandler"
