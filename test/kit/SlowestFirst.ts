/** The order of the files of a whole run: the slowest first, since one that begins last would run alone at the end. */
import { BaseSequencer } from "vitest/node"
import type { TestSpecification } from "vitest/node"

/** The order for these files, with the slowest first; all others follow in vitest's own order. */
export const slowestFirst = (slowest: ReadonlyArray<string>): typeof BaseSequencer =>
  class extends BaseSequencer {
    override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
      const rank = ({ moduleId }: TestSpecification): number => {
        const at = slowest.findIndex((file) => moduleId.endsWith(`/${file}`))
        return at === -1 ? slowest.length : at
      }
      return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
    }
  }
