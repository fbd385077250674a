/**
 * Tests that an interruption at any operation leaves every resource released, and that programs hold in any order that the scheduler may choose.
 *
 * @since 0.1.0
 */
export * as Simulation from "./simulation/Simulation.ts"
export * as Sweep from "./simulation/Sweep.ts"
