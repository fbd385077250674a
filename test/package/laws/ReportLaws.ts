/** The laws of a call: its defects, its interruption, its flow in the Probe, and the names that it shows. */
import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Layer } from "effect"
import { Interceptor, Probe } from "fairlead"
import { Sweep } from "fairlead/testing/simulation"

import { logsOf } from "../../server/Logs.ts"
import type { Line } from "../../server/Logs.ts"
import { passes } from "./Adapter.ts"
import type { Adapter, Call, Run } from "./Adapter.ts"
import { infosOf, journalOf, serviceOf, watching } from "./Law.ts"
import type { Law } from "./Law.ts"

/** What a part did with a defect: the names in its log lines, or those in the cause that the caller got. */
const reportsOf = (part: Adapter, lines: ReadonlyArray<Line>, exit: Exit.Exit<unknown, unknown>) => {
  const logged = lines
    .filter(({ cause }) => Cause.hasDies(cause))
    .map(({ annotations }) => ["part", "composite", "interceptor"].map((key) => annotations[`fairlead.${key}`]))
  if (part.defects === "log") return logged
  assert.deepStrictEqual(logged, [])
  const origin = Exit.isFailure(exit) ? Interceptor.causeOrigin(exit.cause) : undefined
  return [[origin?.part, origin?.composite, origin?.interceptor]]
}

export const defects: Law = {
  name: "8: a defect is reported once, with part, composite and interceptor",
  holds: (part) =>
    Effect.gen(function* () {
      const X = serviceOf(part)
      const id: string = X.key
      const crash = (): never => {
        throw new Error("oh")
      }
      for (const run of [() => Effect.die("oh"), crash, () => Effect.andThen(Effect.yieldNow, Effect.die("oh"))]) {
        const broken = part.make("broken", run)
        for (const [interceptor, layer, name] of [
          [broken, undefined, "broken"],
          [X, X.layer(broken), id]
        ] as const) {
          const composed = part.composite({ name: "c", interceptors: [interceptor] })
          const called = Effect.scoped(Effect.flatMap(part.build(composed, layer), Effect.exit))
          const { events, result } = yield* watching(logsOf(called))
          const reported = events.filter(({ outcome, phase }) => outcome === "defect" && phase !== "flow")
          const names = [part.part, "c", name]
          assert.deepStrictEqual(
            reported.map(({ composite, interceptor, part }) => [part, composite, interceptor]),
            [names]
          )
          const [exit, lines] = Exit.isSuccess(result) ? result.value : assert.fail(String(result.cause))
          assert.deepStrictEqual(reportsOf(part, lines, exit), [names])
        }
      }
    })
}

/** The flows of a composite that begin and do not end. */
const openFlows = (events: ReadonlyArray<Probe.Event>): ReadonlyArray<number> => {
  const flows = events.filter(({ composite, phase }) => composite === "c" && phase === "flow")
  const begun = flows.filter(({ type }) => type === "start").map(({ flow }) => flow)
  return begun.filter((flow) => flows.filter((event) => event.flow === flow && event.type === "end").length !== 1)
}

interface Held {
  readonly call: Call
  readonly slots: { taken: number; waiting: number }
  readonly events: Array<Probe.Event>
}

export const interruption: Law = {
  name: "9: an interruption at any operation leaves state as if the call had not begun, or had ended",
  holds: (part) =>
    Effect.gen(function* () {
      let events: Array<Probe.Event> = []
      const X = serviceOf(part)
      const swept = Sweep.interrupt({
        make: Effect.gen(function* () {
          const slots = { taken: 0, waiting: 0 }
          // A slot until the end of the call, and a place in a queue meanwhile.
          const holding = part.make("slot", () =>
            Effect.asVoid(
              Effect.acquireRelease(
                Effect.sync(() => slots.taken++),
                () => Effect.sync(() => slots.taken--)
              )
            )
          )
          const waiting = part.stateful(
            "queue",
            () => () =>
              Effect.acquireUseRelease(
                Effect.sync(() => slots.waiting++),
                () => Effect.yieldNow,
                () => Effect.sync(() => slots.waiting--)
              )
          )
          const composed = part.composite({ name: "c", interceptors: [holding, X] })
          const call = yield* part.build(composed, X.layer(waiting))
          events = []
          return { call: Effect.scoped(call), slots, events }
        }),
        call: ({ call }: Held) => call,
        after: ({ call, events, slots }: Held) =>
          Effect.gen(function* () {
            assert.isTrue(yield* passes(call))
            // The other side of a connection may hear of its end later.
            for (let round = 0; round < 100 && openFlows(events).length > 0; round++) yield* Effect.yieldNow
            assert.deepStrictEqual(slots, { taken: 0, waiting: 0 })
            assert.deepStrictEqual(openFlows(events), [])
          })
      } as never)
      const { broken, points } = yield* Effect.provideService(swept, Probe.Probe, {
        report: (event) => void events.push(event)
      })
      assert.isAbove(points, 0)
      assert.deepStrictEqual(broken, [])
    }) as never
}

export const flows: Law = {
  name: "12: each flow of the Probe opens and closes once, with balanced starts and ends",
  holds: (part) =>
    Effect.gen(function* () {
      const runs: ReadonlyArray<Run> = [
        () => undefined,
        () => Effect.yieldNow,
        () => Effect.die("oh"),
        () => Effect.interrupt
      ]
      for (const run of runs) {
        const { events } = yield* watching(Effect.scoped(journalOf(part, part.make("a", run))))
        const own = events.filter((event) => event.part === part.part && event.composite === "c")
        const keyOf = ({ flow, interceptor, phase }: Probe.Event) => `${flow} ${phase} ${interceptor}`
        const open: Array<string> = []
        for (const event of own) {
          if (event.type === "start") open.push(keyOf(event))
          else open.splice(open.lastIndexOf(keyOf(event)), 1)
        }
        assert.deepStrictEqual(open, [])
        const numbers = new Set(own.map(({ flow }) => flow))
        assert.isAbove(numbers.size, 0)
        for (const number of numbers) {
          const ofFlow = own.filter(({ flow }) => flow === number)
          const types = ofFlow.filter(({ phase }) => phase === "flow").map(({ type }) => type)
          assert.deepStrictEqual(types, ["start", "end"])
          assert.deepStrictEqual([ofFlow[0]!.phase, ofFlow.at(-1)!.phase], ["flow", "flow"])
        }
        const called = own.find(({ interceptor, phase }) => interceptor === "a" && phase !== "flow")
        const infos = infosOf(part.composite({ name: "c", interceptors: [part.make("a", run)] }))
        assert.strictEqual(infos[called!.index]?.name, "a")
      }
    })
}

export const names: Law = {
  name: "15: a name is the export's, or the given one; a class-tagged interceptor has its class id in Probe, logs and keys, and its implementation's name in a description",
  holds: (part) =>
    Effect.gen(function* () {
      for (const [name, make] of Object.entries(part.readyMade)) {
        const nameOf = (options?: object) => (Interceptor.describe(make(options) as any) as { name: string }).name
        assert.deepStrictEqual([nameOf(), nameOf({ name: "other" })], [name, "other"])
      }
      const X = serviceOf(part)
      const id: string = X.key
      const sites: Array<string> = []
      const layer = X.layer(
        part.stateful("impl", (site) => {
          sites.push(`${site.composite}/${site.name}`)
          return () => Effect.die("oh")
        })
      )
      const composed = part.composite({ name: "c", interceptors: [X] })
      const called = Effect.scoped(Effect.flatMap(part.build(composed, layer), Effect.exit))
      const { events, result } = yield* watching(logsOf(called))
      const own = events.filter(({ composite, phase }) => composite === "c" && phase !== "flow")
      const inProbe = own.map(({ interceptor }) => interceptor)
      assert.include(inProbe, id)
      assert.notInclude(inProbe, "impl")
      assert.include(sites, `c/${id}`)
      const [exit, lines] = Exit.isSuccess(result) ? result.value : assert.fail(String(result.cause))
      assert.deepStrictEqual(reportsOf(part, lines, exit), [[part.part, "c", id]])

      const services = yield* Layer.build(layer)
      const [before, after] = [
        Interceptor.describe<Interceptor.Description>(composed),
        Interceptor.describeIn<Interceptor.Description, unknown>(composed, services)
      ].map(({ interceptors }) => interceptors.find(({ service }) => service === id))
      assert.deepInclude(before, { name: id, service: id })
      assert.deepInclude(after, { name: "impl", service: id })
      assert.include(Interceptor.toText(Interceptor.describeIn(composed, services)), `implements ${id}`)
    }) as never
}
