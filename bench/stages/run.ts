/** The stages bench, in a separate process: `node run.ts '{"rounds":…,"sampleMillis":…,"only":…}'`. Sends its samples to its parent. */
import { sample } from "../Sampling.ts"
import { cases, shapes } from "./Cases.ts"
import { contenders } from "./Contenders.ts"
import { counting, freshCopies } from "./Copies.ts"
import { repeat } from "./Evaluation.ts"

await sample({
  noOps: await freshCopies(20),
  counting,
  passes: 1,
  contenders,
  cases,
  shapes: () => shapes.map((app) => repeat(app))
})
