/**
 * An attack on a server that others use: they notice nothing, and nothing of it is left.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

import { assert } from "@effect/vitest"
import { Effect } from "effect"
import type { Scope } from "effect"

import * as Raw from "./Raw.ts"
import { serving } from "./Served.ts"
import type { Served, Setting } from "./Served.ts"

export interface Target extends Served {
  /** A client that keeps the rules sends, and gets its answer. */
  readonly works: Effect.Effect<void>
  /** What the client that keeps the rules has got of broadcasts to `room:calm`. */
  readonly heard: () => ReadonlyArray<unknown>
}

const figures = (served: Served) =>
  Effect.map(served.held, (held) => {
    const { connects, fibers, handlers, joined, members, sockets, topics } = served.counts
    const { size } = served.hub.sockets
    const lanes = served.lanes()
    return { connects, connections: size, fibers, handlers, held, joined, lanes, members, sockets, topics: topics.size }
  })

/** Waits for a condition. It is asked often, so that no time need be right; what it was at the end is told when it never holds. */
export const eventually = <A>(what: Effect.Effect<A>, holds: (value: A) => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let left = 4000; ; left--) {
      const value = yield* what
      if (holds(value)) return
      if (left === 0) assert.fail(JSON.stringify(value))
      yield* Effect.sleep(5)
    }
  })

const neighbour = (served: Served) =>
  Effect.gen(function* () {
    const raw = yield* Raw.joined(served.port, "room:calm")
    let ref = 1
    const works = Effect.suspend(() => {
      const mine = String(++ref)
      raw.send(Raw.push("room:calm", "echo", { mine }, mine))
      return Effect.map(raw.answer(mine), (answer) =>
        assert.deepStrictEqual(answer, { status: "ok", response: { mine } })
      )
    })
    const heard = () =>
      raw
        .messages()
        .filter((message) => message[3] === "said")
        .map((message) => message[4])
    return { works, heard }
  })

/** The figures of a server that has stopped; fibers and connections may still say goodbye. */
const nothing = { connects: 0, connections: 0, handlers: 0, joined: 0, lanes: 0, members: 0, sockets: 0, topics: 0 }

/** The TCP servers and sockets that keep this process alive. */
const handles = () => process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length

/**
 * Runs an attack. Its connections end with it. Afterwards this process gets a SIGTERM while the server's other client stays: no socket, lane, scope, hook or
 * subscription is left, the server closes, and none of its TCP handles keeps the process alive.
 */
export const attacked = (
  attack: (target: Target) => Effect.Effect<void, never, Scope.Scope>,
  setting?: Setting
): Effect.Effect<void> =>
  Effect.gen(function* () {
    const before = handles()
    yield* rowOf(attack, setting)
    yield* eventually(Effect.sync(handles), (left) => left <= before)
  }).pipe(Effect.orDie)

const rowOf = (attack: (target: Target) => Effect.Effect<void, never, Scope.Scope>, setting: Setting | undefined) =>
  Effect.gen(function* () {
    const served = yield* serving(setting)
    const calm = yield* neighbour(served)
    yield* calm.works
    const before = yield* figures(served)
    yield* Effect.scoped(attack({ ...served, ...calm }))
    yield* calm.works
    yield* eventually(figures(served), (now) => JSON.stringify(now) === JSON.stringify(before))
    yield* served.stop
    yield* eventually(figures(served), (now) => JSON.stringify({ ...now, ...nothing }) === JSON.stringify(now))
  }).pipe(Effect.scoped)

setFlagsFromString("--expose-gc")
const gc: () => void = runInNewContext("gc")

/** What the process holds, garbage collected. */
export const memory = (): number => {
  gc()
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}
