/**
 * The driver against the oracle, on random chains. `FAIRLEAD_SEED=… npx vitest run test/client/property.test.ts` repeats a run, `FAIRLEAD_RUNS` says how
 * many chains are tried, and `FAIRLEAD_SHRINK=no` gives the first counterexample instead of the smallest.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"

import { seed } from "../Seed.ts"
import { build, evaluate } from "./oracle/Build.ts"
import { chains, show } from "./oracle/Model.ts"
import type { Chain } from "./oracle/Model.ts"
import { predict } from "./oracle/Oracle.ts"
import type { Result } from "./oracle/Oracle.ts"

const runs = Number(process.env["FAIRLEAD_RUNS"] ?? 10_000)
const endOnFailure = process.env["FAIRLEAD_SHRINK"] === "no"
console.log(`FAIRLEAD_SEED=${seed} repeats these random chains`)

/** Tries a property on random chains. A counterexample is shown as the chain it is, with all that differs. */
const holds = async (numRuns: number, property: (chain: Chain) => Promise<void>) => {
  const found = await fc.check(fc.asyncProperty(chains, property), { seed, numRuns, endOnFailure })
  if (!found.failed) return assert.strictEqual(found.numRuns, numRuns)
  const [chain] = found.counterexample ?? []
  const heading = `the driver disagrees with the oracle, FAIRLEAD_SEED=${seed}; the smallest of the chains:`
  throw new Error([heading, chain === undefined ? "" : show(chain), String(found.errorInstance)].join("\n\n"))
}

/** Compares as text, so that the message holds both in full. */
const assertSame = (actual: unknown, expected: unknown): void => {
  const [found, foretold] = [actual, expected].map((value) => JSON.stringify(value, null, 2))
  if (found !== foretold) throw new Error(`the oracle foretells\n${foretold}\nand the driver does\n${found}`)
}

/** What random chains must often come to: else a test of them would prove little. */
const mustOccur: Record<string, (result: Result, chain: Chain) => boolean> = {
  response: ({ outcome }) => outcome.startsWith("response"),
  "a typed failure": ({ outcome }) => /^failure [ABC] of/.test(outcome),
  "a transport error": ({ outcome }) => outcome.startsWith("failure transport"),
  "a defect": ({ outcome }) => outcome.includes("defect"),
  "two causes": ({ outcome }) => outcome.includes(" + "),
  interrupted: ({ outcome }) => outcome === "interrupted",
  "too many follow-ups": ({ outcome }) => outcome.includes("TooMany"),
  "a spent body": ({ outcome }) => outcome.includes("BodyNotReplayable"),
  "a halt": ({ journal }) => journal.some((line) => /halted by h/.test(line)),
  "a recover": ({ journal }) => journal.some((line) => line.includes(".recover")),
  "a third cycle": ({ journal }) => journal.some((line) => /\.run 3/.test(line)),
  "a taken follow-up": ({ journal }) => journal.some((line) => /\.take h/.test(line)),
  "an inner request": ({ journal }) => journal.some((line) => line.includes(".inner")),
  "an aborted network": ({ released }) => released.some((line) => line.startsWith("network ")),
  "a released response": ({ released }) => released.some((line) => line.includes("!")),
  "a released request body": ({ released }) => released.includes("request body")
}

describe("the driver", () => {
  it("client 1: the driver agrees with the oracle on 10,000 random chains: order, who is entered, outcome, releases, follow-ups", async () => {
    const seen = new Map<string, number>()
    await holds(runs, async (chain) => {
      const expected = predict(chain)
      assertSame(await evaluate(build(chain), chain), expected)
      for (const [what, occurs] of Object.entries(mustOccur)) {
        if (occurs(expected, chain)) seen.set(what, (seen.get(what) ?? 0) + 1)
      }
    })
    assert.deepStrictEqual(
      Object.keys(mustOccur).filter((what) => (seen.get(what) ?? 0) < runs / 200),
      []
    )
  })

  it("client 5: concurrent calls of one client never mix: each does what the oracle says of it alone", () =>
    holds(runs / 10, async (chain) => {
      const client = build(chain)
      const paths = ["a", "b", "c", "d", "e", "f"]
      const results = await Promise.all(
        paths.map(async (path, number) => {
          for (let turn = 0; turn < number % 3; turn++) await new Promise(setImmediate)
          return evaluate(client, chain, path)
        })
      )
      assertSame(
        results,
        paths.map((path) => predict(chain, path))
      )
    }))
})
