/** The channel bench in process: `node run.ts '{"rounds":…,"sampleMillis":…}'`. Sends its samples to its parent. */
import { sample } from "../Sampling.ts"
import { cases } from "./Cases.ts"

await sample<never>({
  noOps: [],
  counting: (noOp) => noOp,
  passes: 1,
  contenders: [],
  cases,
  shapes: () => []
})
