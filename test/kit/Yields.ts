/**
 * The schedules under which each sweep runs.
 */

/** How many operations a fiber executes before it yields by itself; 2048 is Effect's default. */
export const yields = process.env["FAIRLEAD_SWEEPS"] === "all" ? [2048, 1, 2, 3, 5, 8] : [2048, 3]
