/**
 * Says at the start of a whole run how long it takes, and at its end which share each part had, which points were swept, and which tests passed only when they were
 * run again.
 */
import type { Reporter, TestModule } from "vitest/node"

import type { SweptPoints } from "./Sweeping.ts"
import { yields } from "./Yields.ts"

/** The parts that the files of `test` belong to. */
const partOf = ({ relativeModuleId }: TestModule): string => /^test\/([\w-]+)\//.exec(relativeModuleId)?.[1] ?? "other"

/** Fewer files than this were chosen by hand. */
const wholeRun = 6

/** The reporters of a suite: `FAIRLEAD_REPORT` names a file for a report as JSON too. */
export const reportersOf = (announcement: string): Array<"default" | Reporter | ["json", { outputFile: string }]> => {
  const outputFile = process.env["FAIRLEAD_REPORT"]
  const shares = new PartShares(announcement)
  // The default reporter prints the failures: they come last, where a reader looks first.
  return outputFile === undefined ? [shares, "default"] : [shares, "default", ["json", { outputFile }]]
}

/** Reports shares of the time and swept points. */
class PartShares implements Reporter {
  private readonly announcement: string

  constructor(announcement: string) {
    this.announcement = announcement
  }

  onTestRunStart(specifications: ReadonlyArray<unknown>): void {
    if (specifications.length >= wholeRun) console.log(this.announcement)
  }

  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const swept = sweptPoints(modules)
    if (swept.length > 0) console.log(pointsTable(swept))
    if (modules.length >= wholeRun) console.log(sharesTable(modules))
    const flaky = flakyTests(modules)
    if (flaky.length > 0) console.log(["Failed at first, passed when run again:", ...flaky].join("\n"))
  }
}

interface NamedPoints extends SweptPoints {
  readonly name: string
}

const sweptPoints = (modules: ReadonlyArray<TestModule>): ReadonlyArray<NamedPoints> =>
  modules.flatMap((module) =>
    [...module.children.allTests()].flatMap((test) => {
      const { swept } = test.meta()
      return swept === undefined ? [] : [{ ...swept, name: test.name }]
    })
  )

const flakyTests = (modules: ReadonlyArray<TestModule>): ReadonlyArray<string> =>
  modules.flatMap((module) =>
    [...module.children.allTests()]
      .filter((test) => test.diagnostic()?.flaky === true)
      .map((test) => {
        const [error] = test.result().errors ?? []
        return `  ${module.relativeModuleId} > ${test.fullName}: ${error?.message ?? "no message"}`
      })
  )

const pointsTable = (swept: ReadonlyArray<NamedPoints>): string => {
  const lines = swept.map(({ broken, name, points }) => `  ${points.join(" ").padEnd(36)} ${broken} broken  ${name}`)
  const total = swept.reduce((sum, { points }) => sum + points.reduce((all, each) => all + each, 0), 0)
  const broken = swept.reduce((sum, each) => sum + each.broken, 0)
  return [
    `Swept ${total} points in ${swept.length} sweeps, ${broken} broken (points for each number of operations between yields: ${yields.join(", ")}):`,
    ...lines
  ].join("\n")
}

const sharesTable = (modules: ReadonlyArray<TestModule>): string => {
  const shares = new Map<string, number>()
  for (const module of modules) {
    const { collectDuration, duration } = module.diagnostic()
    const part = partOf(module)
    shares.set(part, (shares.get(part) ?? 0) + collectDuration + duration)
  }
  const total = [...shares.values()].reduce((sum, each) => sum + each, 0)
  const lines = [...shares]
    .toSorted(([, a], [, b]) => b - a)
    .map(
      ([part, millis]) =>
        `  ${part.padEnd(12)} ${(millis / 1000).toFixed(0).padStart(6)} s ${((100 * millis) / total).toFixed(0).padStart(4)} %`
    )
  return ["Time of the tests by part, summed over both workers:", ...lines].join("\n")
}
