import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"

import type { Planted } from "../nodes/MemoryState.ts"
import { faultsOf } from "./Checker.ts"
import type { History, Seen } from "./Checker.ts"
import { emptyTally, faultsOfNodes } from "./NodesSimulated.ts"
import type { Tally } from "./NodesSimulated.ts"
import { presenceFaultsOf } from "./PresenceChecker.ts"
import type { PresenceHistory, Refs, SeenPresence } from "./PresenceChecker.ts"
import { faultsOfSeed } from "./Simulated.ts"

describe("the checker of histories", () => {
  const published = [1, 2, 3, 4].map((value) => ({ value, position: `e:${value}` }))
  const joined: Seen = { _tag: "Joined", complete: true, from: "e:0", id: "e:0" }
  const got = (value: number, offset = value): Seen => ({ _tag: "Delivered", value, position: `e:${offset}` })
  const of = (...seen: ReadonlyArray<Seen>): History => ({ published, clients: [[joined, ...seen]], live: [true] })
  const gap: Seen = { _tag: "Gap", from: "e:1", to: "e:3" }

  it.each([
    ["a whole history", of(got(1), got(2), got(3), got(4)), 0],
    ["a gap that is told", of(got(1), gap, got(4)), 0],
    ["a position alone", of(got(1), { _tag: "Passed", position: "e:2" }, got(3), got(4)), 0],
    ["a silent loss", of(got(1), got(3), got(4)), 1],
    ["a loss of the last", of(got(1), got(2), got(3)), 1],
    ["a double", of(got(1), got(2), got(2), got(3), got(4)), 1],
    ["another order", of(got(2, 1), got(1, 2), got(3), got(4)), 2],
    ["an invention", of(got(1), got(2), got(3), got(4), got(9)), 3],
    ["a gap backwards", of(got(1), got(2), got(3), got(4), { _tag: "Gap", from: "e:1", to: "e:1" }), 2],
    ["another epoch that is told", of(got(1), got(2), got(3), got(4), { _tag: "Gap", from: "e:4", to: "f:0" }), 1],
    ["another epoch in silence", of(got(1), got(2), got(3), got(4), { _tag: "Passed", position: "f:1" }), 2],
    ["a message before the join", { published, clients: [[got(1)]], live: [false] }, 1],
    [
      "a position that is used twice",
      { published: [...published, { value: 5, position: "e:4" }], clients: [], live: [] },
      1
    ],
    [
      "a value that is published twice",
      { published: [...published, { value: 4, position: "e:5" }], clients: [], live: [] },
      1
    ],
    [
      "an acknowledgement without a message",
      { published, clients: [], live: [], acknowledged: [{ value: 5, position: "e:5" }] },
      1
    ]
  ] as const)("channel2 2.2: finds the faults of %s", (_, history, count) => {
    assert.lengthOf(faultsOf(history), count, faultsOf(history).join("; "))
  })
})

describe("the checker of presence", () => {
  const state: SeenPresence = { _tag: "State", refs: [["r1", "ann home"]] }
  const diff = (joins: Refs, leaves: Refs = []): SeenPresence => ({ _tag: "Diff", joins, leaves })
  const of = (truth: ReadonlyArray<string>, ...seen: ReadonlyArray<SeenPresence>): PresenceHistory => ({
    truth,
    clients: [seen],
    lists: []
  })
  const work: Refs = [["r2", "ann work"]]
  const home: Refs = [["r1", "ann home"]]

  it.each([
    ["a whole history", of(["ann work"], state, diff(work, home)), 0],
    ["a diff before the state", of(["ann home"], diff(home), state), 0],
    ["a ghost", of([], state), 1],
    ["somebody who is missing", of(["ann home", "ben home"], state), 1],
    ["an old meta", of(["ann work"], state), 1],
    ["a join that comes twice", of(["ann home"], state, diff(home)), 1],
    ["a leave without a join", of(["ann home"], state, diff([], work)), 1],
    ["a state that is missing", of(["ann home"], diff(home)), 1],
    ["a list with a ghost", { truth: [], clients: [], lists: [["ann home"]] }, 1],
    ["a position that names two changes", { truth: [], clients: [], lists: [], positions: ["e:1", "e:2", "e:2"] }, 1]
  ] as const)("nodes 3.1: finds the faults of %s", (_, history, count) => {
    assert.lengthOf(presenceFaultsOf(history), count, presenceFaultsOf(history).join("; "))
  })
})

describe("simulated histories", () => {
  it.effect("channel2 2.2: lose nothing without a discontinuity, in 200 seeds", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 200; seed++) {
        assert.deepStrictEqual(yield* faultsOfSeed(seed), [], `seed ${seed}`)
      }
    })
  )

  it.effect("nodes 3.2: on three nodes over a faulty broker, lose nothing without a discontinuity, in 200 seeds", () =>
    Effect.gen(function* () {
      const tally: Tally = { ...emptyTally }
      for (let seed = 1; seed <= 200; seed++) {
        assert.deepStrictEqual(yield* faultsOfNodes(seed, tally), [], `seed ${seed}`)
      }
      console.log(`200 histories of three nodes: ${JSON.stringify(tally)}`)
      // The faults happened.
      for (const count of Object.values(tally)) assert.isAbove(count, 100, JSON.stringify(tally))
    })
  )

  it.effect.each<Planted>([
    "uses offsets twice after a fail-over",
    "delivers other messages",
    "acknowledges without publishing",
    "replays other messages",
    "loses a published message",
    "keeps the entries of expired leases",
    "uses offsets of presence twice after a fail-over",
    "removes without a change",
    "lists without the first",
    "forgets what it put"
  ])("nodes 3.1: show the fault of a broker that %s", (planted) =>
    Effect.gen(function* () {
      let seed = 0
      let faults: ReadonlyArray<string> = []
      while (faults.length === 0 && seed < 100) faults = yield* faultsOfNodes(++seed, { ...emptyTally }, planted)
      console.log(`${planted}: seed ${seed}, ${faults[0]}`)
      assert.isNotEmpty(faults)
    })
  )
})
