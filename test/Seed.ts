/**
 * One seed for every property test, so that a run is the same each time and everywhere. `FAIRLEAD_SEED=random npm test` tries another one and prints
 * it where a property fails; `FAIRLEAD_SEED=… npm test` repeats that run.
 */
import * as fc from "fast-check"

const asked = process.env["FAIRLEAD_SEED"]

export const seed = asked === "random" ? Math.trunc(Math.random() * 2 ** 31) : Number(asked ?? 41)

fc.configureGlobal({ seed })
