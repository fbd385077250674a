/**
 * Iron's chain is the model: a small oracle, from its documented sentences, holds stages of all kinds in series.
 *
 * A before or an after has a normal method, a catch, or both. While nothing has failed, normal methods run in the order of linking; after a failure only
 * catches do, until one succeeds; the flow goes on with the next stage and never goes back. (Iron's middleware module: `Chain`, `BeforeMiddleware`,
 * `AfterMiddleware`.)
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option } from "effect"
import { HttpServerResponse } from "effect/http"
import { Middleware, Pipeline } from "fairlead/server"
import * as fc from "fast-check"

import { seed } from "../Seed.ts"
import { endOf, Name, Red, response, run } from "./Journal.ts"

/** One stage: whether its methods succeed, where it has them. */
interface Row {
  readonly normal?: boolean
  readonly catch?: boolean
}

const rows: ReadonlyArray<Row> = [
  { normal: true },
  { normal: false },
  { catch: true },
  { catch: false },
  { normal: true, catch: true },
  { normal: true, catch: false },
  { normal: false, catch: true },
  { normal: false, catch: false }
]

interface Chain {
  readonly befores: ReadonlyArray<Row>
  readonly handler: boolean
  readonly afters: ReadonlyArray<Row>
}

interface Outcome {
  readonly ran: ReadonlyArray<string>
  /** Who failed last, or answered last. */
  readonly end: string
}

/** Iron's semantics. */
const oracle = ({ afters, befores, handler }: Chain): Outcome => {
  const ran: Array<string> = []
  let failed: string | undefined
  let answer = "H"
  const step = (name: string, succeeds: boolean): void => {
    ran.push(name)
    failed = succeeds ? undefined : name
    if (succeeds) answer = name
  }
  const stage = (name: string, row: Row): void => {
    if (failed === undefined && row.normal !== undefined) step(name, row.normal)
    else if (failed !== undefined && row.catch !== undefined) step(`${name}.catch`, row.catch)
  }
  befores.forEach((row, index) => stage(`B${index}`, row))
  if (failed === undefined) step("H", handler)
  afters.forEach((row, index) => stage(`A${index}`, row))
  return { ran, end: failed ?? answer }
}

const fail = (by: string) => Exit.fail(new Red({ by }))

/** The same chain as a pipeline. */
const pipelineOf = ({ afters, befores, handler }: Chain, ran: Array<string>) => {
  const result = <A>(name: string, succeeds: boolean, value: A): Effect.Effect<A, Red> => {
    ran.push(name)
    return succeeds ? Exit.succeed(value) : fail(name)
  }
  const open = befores.reduce<any>((pipeline, row, index) => {
    const name = `B${index}`
    const onRed = () => result(`${name}.catch`, row.catch!, undefined)
    if (row.normal === undefined) return pipeline.recover("Red", onRed)
    const middleware = Middleware.before(name, () => result(name, row.normal!, undefined))
    return row.catch === undefined ? pipeline.before(middleware) : pipeline.before(middleware, { Red: onRed })
  }, Pipeline.make("chain"))
  return afters.reduce<any>(
    (pipeline, row, index) => {
      const name = `A${index}`
      const onRed = () => result(`${name}.catch`, row.catch!, response(`${name}.catch`))
      if (row.normal === undefined) return pipeline.catchTag("Red", onRed)
      const middleware = Middleware.after(name, () => result(name, row.normal!, response(name)))
      return row.catch === undefined ? pipeline.after(middleware) : pipeline.after(middleware, { Red: onRed })
    },
    open.handle(() => result("H", handler, response("H")))
  ) as Effect.Effect<HttpServerResponse.HttpServerResponse, Red>
}

const check = (chain: Chain): Effect.Effect<void> =>
  Effect.gen(function* () {
    const ran: Array<string> = []
    const end = endOf(yield* run(pipelineOf(chain, ran)))
    const actual: Outcome = { ran, end: end instanceof Red ? end.by : String(end) }
    assert.deepStrictEqual(actual, oracle(chain), JSON.stringify(chain))
  })

const series = (longest: number): ReadonlyArray<ReadonlyArray<Row>> =>
  longest === 0 ? [[]] : [[], ...series(longest - 1).flatMap((rest) => rows.map((row) => [row, ...rest]))]

const unique = (lists: ReadonlyArray<ReadonlyArray<Row>>) =>
  Array.from(new Map(lists.map((list) => [JSON.stringify(list), list])).values())

describe("Iron's chain", () => {
  it.effect("server2 2.1: every chain of up to two befores and two afters, with both methods, does as Iron's", () =>
    Effect.gen(function* () {
      const all = unique(series(2))
      for (const befores of all) {
        for (const afters of all) {
          for (const handler of [true, false]) yield* check({ befores, handler, afters })
        }
      }
    })
  )

  it.effect("server2 2.1: every chain of up to three befores, or of up to three afters, does as Iron's", () =>
    Effect.gen(function* () {
      for (const stages of unique(series(3))) {
        for (const handler of [true, false]) {
          yield* check({ befores: stages, handler, afters: [{ catch: true }] })
          yield* check({ befores: [{ normal: false }], handler, afters: stages })
          yield* check({ befores: [], handler, afters: stages })
        }
      }
    })
  )
})

describe("Iron's chain at random", () => {
  const stages = fc.array(fc.constantFrom(...rows), { maxLength: 3 })

  // The full product of three befores and three afters has 700,000 chains; the series above hold all of two, and of three on one side.
  it("server2 2.1: chains of up to three befores and three afters, all kinds in series, do as Iron's", () =>
    fc.assert(
      fc.asyncProperty(stages, fc.boolean(), stages, (befores, handler, afters) =>
        Effect.runPromise(check({ befores, handler, afters }))
      ),
      { seed, numRuns: 5000 }
    ))
})

describe("a pair", () => {
  const session = (log: Array<string>) =>
    Middleware.pair(
      "session",
      Name,
      () => "Ada",
      (answer, _, stored) => {
        log.push(`saved ${Option.getOrElse(stored, () => "nothing")}`)
        return HttpServerResponse.setHeader(answer, "trail", `${answer.headers["trail"]} saved`)
      },
      {
        onFailure: (error, _, stored) =>
          Effect.sync(() => {
            log.push(`failed ${(error as Red).by} ${Option.getOrElse(stored, () => "nothing")}`)
          })
      }
    )

  it.effect("server2 2.2: closes after every recovery, and sees the recovered response", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const app = Pipeline.make("p")
        .link(session(log))
        .handle(() => fail("H"))
        .catchTag("Red", () => response("recovered"))
      assert.strictEqual(endOf(yield* run(app)), "recovered saved")
      assert.deepStrictEqual(log, ["saved Ada"])
    })
  )

  it.effect("server2 2.2: has a method for a failure still unhandled there, which passes on by identity", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const red = new Red({ by: "H" })
      const app = Pipeline.make("p")
        .link(session(log))
        .handle(() => Exit.fail(red))
      assert.strictEqual(endOf(yield* run(app)), red)
      assert.deepStrictEqual(log, ["failed H Ada"])
    })
  )

  it.effect("server2 2.2: closes at the place of closePairs, so that later stages see its response", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const app = Pipeline.make("p")
        .link(session(log))
        .handle(response("H"))
        .closePairs()
        .after(
          Middleware.after("late", (answer) =>
            HttpServerResponse.setHeader(answer, "trail", `${answer.headers["trail"]} late`)
          )
        )
      assert.strictEqual(endOf(yield* run(app)), "H saved late")
    })
  )
})
