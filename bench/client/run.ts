/** The client bench in process: `node run.ts '{"rounds":…,"sampleMillis":…,"only":…}'`. Sends its samples to its parent. */
import { sample } from "../Sampling.ts"
import { cases, shapes } from "./Cases.ts"
import { contenders } from "./Contenders.ts"
import { counting, freshCopies } from "./Copies.ts"
import { depths } from "./Names.ts"

await sample({ noOps: await freshCopies(depths.at(-1)!), counting, passes: 2, contenders, cases, shapes })
