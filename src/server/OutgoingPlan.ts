/**
 * The stages for a response on its way out, in the order in which they run. Internal to the server part.
 *
 * @since 0.1.0
 */
import type * as Bind from "./Bind.ts"

/** Where a stage is in the description of its pipeline; without a place it is not reported to the Probe: its owner reports it. */
interface Placed {
  readonly index?: number
}

/** A sending stage in one build. */
export interface SendingStage extends Placed, Pick<ReturnType<typeof Bind.sending>, "name" | "inside" | "run"> {}
/** An observer of the end in one build. */
export interface EndedStage extends Placed, Pick<ReturnType<typeof Bind.ended>, "name" | "run"> {}

/** The stages for a response on its way out that one composite declares. */
export interface OutgoingPlan {
  readonly composite: string
  /** Those outside of Effect's compression, in the order in which they run. */
  readonly sending: ReadonlyArray<SendingStage>
  /** Those inside of it. */
  readonly sendingInside: ReadonlyArray<SendingStage>
  readonly ended: ReadonlyArray<EndedStage>
  /** The names of the sending stages. */
  readonly names: ReadonlySet<string>
  /** The names of the observers of the end. */
  readonly endedNames: ReadonlySet<string>
  /** Whether stages of another composite with the same names replace these: not so for hooks of an application, which all run. */
  readonly replaceable: boolean
}

/** A plan of stages in declared order; `undefined` without any. The last declared runs first, as in an onion. */
export const planOf = (
  composite: string,
  sendings: ReadonlyArray<SendingStage>,
  ended: ReadonlyArray<EndedStage>,
  replaceable = true
): OutgoingPlan | undefined => {
  if (sendings.length === 0 && ended.length === 0) return undefined
  const keyOf = ({ inside, name }: SendingStage) => `${inside} ${name}`
  const latest = replaceable ? new Map(sendings.map((stage) => [keyOf(stage), stage])).values() : sendings
  const ordered = Array.from(latest).toReversed()
  const isLatest = ({ name }: EndedStage, at: number, stages: ReadonlyArray<EndedStage>) =>
    stages.findIndex((stage) => stage.name === name) === at
  return {
    composite,
    sending: ordered.filter((stage) => !stage.inside),
    sendingInside: ordered.filter((stage) => stage.inside),
    ended: replaceable ? ended.toReversed().filter(isLatest) : ended.toReversed(),
    names: new Set(sendings.map(({ name }) => name)),
    endedNames: new Set(ended.map(({ name }) => name)),
    replaceable
  }
}
