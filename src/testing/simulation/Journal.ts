/**
 * The events and logs of a simulated run as lines: equal runs have equal lines. Internal to the simulation kit.
 */
import * as Context from "effect/Context"
import type * as Logger from "effect/Logger"

import type * as Probe from "../../core/Probe.ts"
import type { SimulatedClock } from "./SimulatedClock.ts"

/** The lines of a run. */
export class Journal {
  readonly lines: Array<string> = []
  private readonly clock: SimulatedClock
  /** Flows are counted in the whole process: here they count from 1. */
  private readonly flows = new Map<unknown, number>()

  constructor(clock: SimulatedClock) {
    this.clock = clock
  }

  write(text: string): void {
    this.lines.push(`${this.clock.currentTimeMillisUnsafe()} ms ${text}`)
  }

  /** Consumes the events of all interpreters. */
  readonly probe: Probe.Probe = {
    report: (event) => {
      const { composite, part, ...rest } = event
      const fields = Object.entries(rest).flatMap(([name, value]) => this.field(name, value))
      this.write(`${part} "${composite}" ${fields.join(" ")}`)
    }
  }

  readonly logger: (options: Logger.Options<unknown>) => void = ({ logLevel, message }) => {
    const texts = (Array.isArray(message) ? message : [message]).map(textOf)
    this.write(`log ${logLevel}: ${texts.join(" ").split("\n", 1)[0]}`)
  }

  private field(name: string, value: unknown): ReadonlyArray<string> {
    if (value === undefined || name === "at") return []
    if (name === "flow" || name === "parent") return [`${name} ${this.flow(value)}`]
    return [`${name} ${textOf(value)}`]
  }

  private flow(value: unknown): number {
    let flow = this.flows.get(value)
    if (flow === undefined) this.flows.set(value, (flow = this.flows.size + 1))
    return flow
  }
}

const textOf = (value: unknown): string => {
  if (typeof value === "string") return value
  if (value instanceof Error) return value.message
  return JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? Number(each) : each)) ?? "undefined"
}

/** Writes a line into the journal of the run. */
export const Note: Context.Reference<(text: string) => void> = Context.Reference<(text: string) => void>(
  "fairlead/testing/simulation/Note",
  { defaultValue: () => () => {} }
)
