/**
 * How much slower than a quiet machine this one is now: what a bound in seconds is multiplied with, so that the neighbours of a test do not fail it.
 */
import { spawnSync } from "node:child_process"

/** What Node takes to start and end, on a quiet machine. */
const quietMillis = 50

/** At least 1. */
export const slowness = (): number => {
  const began = performance.now()
  spawnSync(process.execPath, ["-e", "0"])
  return Math.max(1, (performance.now() - began) / quietMillis)
}
