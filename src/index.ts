/**
 * Fairlead's root: what all parts share. The parts have their own entry points, such as `fairlead/server`.
 *
 * @since 0.1.0
 */
export * from "./core/index.ts"
