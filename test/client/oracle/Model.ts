/**
 * Chains of client handlers as data, and random ones.
 */
import * as fc from "fast-check"

const tags = ["A", "B", "C"] as const
export type Tag = (typeof tags)[number]

/** How a method gives what it gives: as a plain value, an Exit, an Effect that ends synchronously, or one that suspends first. */
const forms = ["plain", "exit", "sync", "suspend"] as const
export type Form = (typeof forms)[number]

interface Act<Does extends string> {
  readonly does: Does
  readonly tag: Tag
  readonly form: Form
}

/** What a run does: `both` gives state and changes the request, `inner` makes a request of its own, `hang` waits for an interruption. */
export type RunAct = Act<"nothing" | "change" | "state" | "both" | "count" | "halt" | "fail" | "die" | "inner" | "hang">

/** What an afterResponse does: `rescue` responds to failures only; `followUpInstead` recovers the failure; `followUpChanged` sends on the changed request; `followUpFresh` has a body of its own. */
export type AfterAct = Act<
  | "nothing"
  | "count"
  | "respond"
  | "rescue"
  | "followUp"
  | "followUpInstead"
  | "followUpChanged"
  | "followUpFresh"
  | "take"
  | "fail"
  | "die"
  | "inner"
  | "hang"
>

/** A handler: what each of its methods does at attempt 1, 2 and so on, and nothing beyond. */
export interface Handler {
  readonly is: "handler"
  readonly id: string
  readonly run: ReadonlyArray<RunAct> | undefined
  readonly after: ReadonlyArray<AfterAct> | undefined
}

export interface Recover {
  readonly is: "recover"
  readonly id: string
  readonly catches: Tag | "transport"
  readonly act: Act<"respond" | "fail" | "die">
}

export type Entry = Handler | Recover

const sends = ["response", "error", "die", "hang"] as const
type Send = (typeof sends)[number]

const bodies = ["none", "bytes", "stream", "declared", "raw"] as const
export type Body = (typeof bodies)[number]

export interface Chain {
  readonly entries: ReadonlyArray<Entry>
  /** What the network does at its first, second and so on request; a response beyond. */
  readonly network: ReadonlyArray<Send>
  readonly body: Body
  readonly maxFollowUps: number
  /** From here on the entries come by `append`. */
  readonly appended: number
}

/** What a method does at an attempt. */
export const actAt = <A extends Act<string>>(acts: ReadonlyArray<A>, attempt: number): A["does"] | undefined =>
  acts[attempt - 1]?.does

const pick = <const D extends string>(weights: Record<D, number>): fc.Arbitrary<Act<D>> =>
  fc.record({
    does: fc.oneof(
      ...(Object.keys(weights) as Array<D>).map((does) => ({ weight: weights[does], arbitrary: fc.constant(does) }))
    ),
    tag: fc.constantFrom(...tags),
    form: fc.constantFrom(...forms)
  })

const runActs: fc.Arbitrary<RunAct> = pick({
  nothing: 8,
  change: 6,
  state: 5,
  both: 4,
  count: 3,
  halt: 3,
  fail: 3,
  die: 1,
  inner: 2,
  hang: 1
})

const afterActs: fc.Arbitrary<AfterAct> = pick({
  nothing: 10,
  count: 3,
  respond: 3,
  rescue: 4,
  followUp: 4,
  followUpInstead: 3,
  followUpChanged: 2,
  followUpFresh: 2,
  take: 3,
  fail: 4,
  die: 2,
  inner: 2,
  hang: 1
})

const acts = <A>(act: fc.Arbitrary<A>) =>
  fc.option(fc.array(act, { minLength: 1, maxLength: 3 }), { nil: undefined, freq: 6 })

type Nameless<E> = E extends { readonly id: string } ? Omit<E, "id"> : never

const entry: fc.Arbitrary<Nameless<Entry>> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ is: fc.constant("handler"), run: acts(runActs), after: acts(afterActs) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      is: fc.constant("recover"),
      catches: fc.constantFrom(...tags, "transport"),
      act: pick({ respond: 4, fail: 2, die: 1 })
    })
  }
)

/** Random chains of up to eight entries. */
export const chains: fc.Arbitrary<Chain> = fc.record({
  entries: fc
    .array(entry, { maxLength: 8 })
    .map((entries) => entries.map((entry, at): Entry => ({ ...entry, id: `h${at}` }))),
  network: fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constant("response") },
      { weight: 3, arbitrary: fc.constant("error") },
      { weight: 1, arbitrary: fc.constantFrom("die", "hang") }
    ),
    { maxLength: 3 }
  ),
  body: fc.constantFrom(...bodies),
  maxFollowUps: fc.constantFrom(0, 1, 2, 5),
  appended: fc.nat(8)
})

const showActs = (acts: ReadonlyArray<Act<string>> | undefined): string =>
  acts === undefined
    ? "absent"
    : acts.map(({ does, form, tag }) => `${does}${does === "fail" ? ` ${tag}` : ""} (${form})`).join(", ")

/** A chain for a reader. */
export const show = ({ appended, body, entries, maxFollowUps, network }: Chain): string =>
  [
    `body ${body}, at most ${maxFollowUps} follow-ups, appended from ${appended}`,
    ...entries.map((entry) =>
      entry.is === "handler"
        ? `${entry.id}: run ${showActs(entry.run)}; afterResponse ${showActs(entry.after)}`
        : `${entry.id}: recover ${entry.catches} by ${showActs([entry.act])}`
    ),
    `network: ${network.join(", ")}`
  ].join("\n")
