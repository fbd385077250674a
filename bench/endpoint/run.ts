/** The price of hooks, in a separate process: `node run.ts '{"rounds":…,"sampleMillis":…,"only":…}'`. Sends its samples to its parent. */
import { sample } from "../Sampling.ts"
import { contenders, counting, freshCopies } from "./Contenders.ts"
import { depths } from "./Names.ts"

await sample({
  noOps: await freshCopies(depths.at(-1)!),
  counting,
  passes: 2,
  contenders,
  cases: [],
  shapes: () => []
})
