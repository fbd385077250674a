/**
 * What runs through a pipeline in the oracle: a flow, what stages can see, and the journal of the methods that were entered.
 */
/* oxlint-disable typescript/consistent-return -- the compiler checks that each switch covers its union */
import type { Act, Acts, Form, Key, Kind } from "./Model.ts"

/** What a stage can see in its context. */
export interface Env {
  readonly request: string
  readonly services: Partial<Record<Key | "left", string>>
}

export interface Raised {
  readonly kind: Kind
  readonly mark: string
}

/** How things stand behind a stage. */
export type Flow =
  | { readonly is: "success"; readonly response: string }
  | { readonly is: "failure"; readonly raised: Raised }
  | { readonly is: "defect"; readonly mark: string; readonly origin: string }
  /** From outside, the fiber itself ends: a defect of a finalizer, `died`, is reported, and nothing can catch it any more. */
  | { readonly is: "interrupted"; readonly outside: boolean; readonly died?: string }

/** One line of execution: each run of `both` has its own, with its own count of calls. */
export interface Branch {
  readonly run: string
  /** The number of each method's first call, so that evaluations of one pipeline can behave differently. */
  readonly offset: number
  readonly journal: Array<string | Branch>
  readonly calls: Map<string, number>
  readonly finalizers: Array<string>
}

export const going: Flow = { is: "success", response: "" }

export const visible = ({ request, services }: Env): string =>
  ` {${[
    request,
    ...Object.entries(services)
      .map(([key, value]) => `${key}=${value}`)
      .toSorted()
  ].join(" ")}}`

export const showRaised = ({ kind, mark }: Raised): string => `${kind}@${mark}`

export const outcomeOf = (flow: Flow): string => {
  switch (flow.is) {
    case "success":
      return `response ${flow.response}`
    case "failure":
      return `failure ${showRaised(flow.raised)}`
    case "defect":
      return `defect ${flow.mark}`
    case "interrupted":
      return flow.died === undefined ? "interrupted" : `defect ${flow.died}`
  }
}

export interface Call {
  readonly branch: Branch
  /** What is seen at the entry, and what is left behind. */
  env: Env
  /** The name by which a defect is reported. */
  readonly origin: string
  readonly method: string
  readonly acts: Acts
  /** An Effect reads the request from its context; a function is given it, when its kind of stage has that parameter. */
  readonly form?: Form
  readonly given?: boolean
  /** What the method was called with, besides the request. */
  readonly argument?: string
}

/** Calls a stage's method: `succeed` says what its success means. */
export const call = (entered: Call, succeed: (mark: string) => Flow): Flow => {
  const { acts, argument, branch, env, form, given, method, origin } = entered
  const count = branch.calls.get(method) ?? branch.offset
  branch.calls.set(method, count + 1)
  const act: Act = acts[Math.min(count, acts.length - 1)]!
  const mark = `${method}#${count}${branch.run}`
  const runs = act.way === "sync" || act.way === "suspend"
  const parameter = given && form !== "effect" ? ` [${env.request}]` : ""
  const seen = form === "effect" || runs ? visible(env) : ""
  branch.journal.push(mark + (argument === undefined ? "" : ` of ${argument}`) + parameter + seen)
  if (act.finalizer) branch.finalizers.unshift(mark)
  // A service that is left in the context stays for later stages; a request that is left there does not.
  if (act.leaves === "service") entered.env = { ...env, services: { ...env.services, left: mark } }
  switch (act.do) {
    case "succeed":
      return succeed(mark)
    case "fail":
    case "fail while interrupted":
      return { is: "failure", raised: { kind: act.kind, mark } }
    case "die":
    case "fail while dying":
      return { is: "defect", mark, origin }
    case "interrupt":
      if (runs) branch.journal.push(`${mark} released`)
      return { is: "interrupted", outside: runs }
  }
}

export const provide = (env: Env, keys: ReadonlyArray<Key>, mark: string): Env => ({
  ...env,
  services: { ...env.services, ...Object.fromEntries(keys.map((key) => [key, mark])) }
})

export const change = (env: Env, mark: string): Env => ({ ...env, request: `${env.request}+${mark}` })

/** Opens a line of execution beside others. */
export const fork = (branch: Branch): Branch => {
  const child: Branch = { ...branch, journal: [], calls: new Map(branch.calls), finalizers: [] }
  branch.journal.push(child)
  return child
}

/** The lines of a branch and of those inside it, in order. */
export const flatten = (
  branch: Branch
): { readonly journal: ReadonlyArray<string>; readonly finalizers: ReadonlyArray<string> } => {
  const inner = branch.journal.map((line) =>
    typeof line === "string" ? { journal: [line], finalizers: [] } : flatten(line)
  )
  return {
    journal: inner.flatMap(({ journal }) => journal),
    finalizers: [...branch.finalizers, ...inner.flatMap(({ finalizers }) => finalizers)]
  }
}
