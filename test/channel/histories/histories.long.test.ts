import { assert, it } from "@effect/vitest"
import { Effect } from "effect"

import { faultsOfNodes } from "./NodesSimulated.ts"
import { faultsOfSeed } from "./Simulated.ts"

it.effect("channel2 2.2: simulated histories lose nothing without a discontinuity, in 10,000 seeds", () =>
  Effect.gen(function* () {
    for (let seed = 1; seed <= 10_000; seed++) {
      assert.deepStrictEqual(yield* faultsOfSeed(seed), [], `seed ${seed}`)
    }
  })
)

it.effect(
  "nodes 3.2: histories of three nodes over a faulty broker lose nothing without a discontinuity, in 10,000 seeds",
  () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 10_000; seed++) {
        assert.deepStrictEqual(yield* faultsOfNodes(seed), [], `seed ${seed}`)
      }
    })
)
