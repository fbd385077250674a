/**
 * What a pipeline means, as a plain left fold over its stages: no Effect, no loop with jumps, nothing of the interpreter.
 *
 * A flow is a success, a typed failure, a defect or an interruption. Each stage takes the flow that the stages before it left, and gives
 * the next. The fold writes down every method that is entered, with what it could see.
 */
/* oxlint-disable typescript/consistent-return -- the compiler checks that each switch covers its union */
import { call, change, flatten, fork, going, outcomeOf, provide, showRaised, visible } from "./Flow.ts"
import type { Branch, Call, Env, Flow, Raised } from "./Flow.ts"
import { partsOf } from "./Model.ts"
import type { Acts, After, Before, Outer, Pipeline, Plain, Rescue, Tag, Wrap } from "./Model.ts"

/** What one evaluation of a pipeline did. */
export interface Result {
  readonly journal: ReadonlyArray<string>
  readonly outcome: string
  /** The scope's finalizers, in the order in which they ran. */
  readonly finalizers: ReadonlyArray<string>
  /** What is seen around the pipeline once it has ended. */
  readonly left: string
}

type App = (env: Env, branch: Branch) => Flow

/** The full name of a stage, by which its defects are reported. */
type Naming = (name: string) => string

interface State {
  readonly env: Env
  /** What the pipeline itself was given: all that is certain, so that it is what an ensure sees. */
  readonly outside: Env
  readonly flow: Flow
  readonly stored: ReadonlyArray<string | undefined>
}

/** Calls a method in a state: what it leaves in the context stays, whatever it comes to. */
const calling = (
  state: State,
  detail: Omit<Call, "env">,
  succeed: (mark: string) => Flow,
  next: (env: Env, mark: string) => Env = (env) => env
): State => {
  const entered: Call = { ...detail, env: state.env }
  let done: string | undefined
  const flow = call(entered, (mark) => {
    done = mark
    return succeed(mark)
  })
  return { ...state, flow, env: done === undefined ? entered.env : next(entered.env, done) }
}

const goOn = (): Flow => going

/** A before that is not skipped. Several befores in a group are that many stages. */
const plain = (stage: Plain, state: State, branch: Branch, origin: Naming): State => {
  switch (stage.is) {
    case "before": {
      const { acts, form, id } = stage
      const provided = stage.provides === undefined ? [] : [stage.provides]
      return calling(
        state,
        { branch, origin: origin(id), method: `${id}.before`, acts, form, given: true },
        goOn,
        (env, mark) => provide(env, provided, mark)
      )
    }
    case "request": {
      const { acts, id } = stage
      return calling(state, { branch, origin: origin(id), method: `${id}.before`, acts, given: true }, goOn, change)
    }
    case "group":
      return stage.members.reduce(
        (state, member) =>
          state.flow.is === "success" ? plain(member, state, branch, (name) => origin(`${stage.id}/${name}`)) : state,
        state
      )
  }
}

const isOf = (tags: ReadonlyArray<Tag>, raised: Raised): boolean => tags.includes(partsOf(raised.kind)[0])

/** A recovery before the handler: gives what was skipped, and the flow goes on behind it. */
const rescued = (rescue: Rescue | undefined, name: string, state: State, branch: Branch): State => {
  const { flow } = state
  if (rescue === undefined || flow.is !== "failure" || !isOf(rescue.tags, flow.raised)) return state
  return calling(
    state,
    { branch, origin: name, method: `${rescue.id}.recover`, acts: rescue.acts, argument: showRaised(flow.raised) },
    goOn,
    (env, mark) => provide(env, rescue.supplies, mark)
  )
}

/** The names of a before's stages, by which its cases are known. */
const namesOf = (stage: Plain, prefix = ""): ReadonlyArray<string> =>
  stage.is === "group"
    ? stage.members.flatMap((member) => namesOf(member, `${prefix}${stage.id}/`))
    : [prefix + stage.id]

const before = (stage: Before, state: State, branch: Branch, origin: Naming): State => {
  const isGoing = state.flow.is === "success"
  switch (stage.is) {
    case "step":
      return isGoing
        ? plain(stage.stage, state, branch, origin)
        : rescued(stage.cases, origin(namesOf(stage.stage).join(", ")), state, branch)
    case "recover":
      return rescued(stage.rescue, origin(`recover(${stage.rescue.tags.join(", ")})`), state, branch)
    case "pair": {
      const { acts, id } = stage
      const provided = stage.provides === undefined ? [] : [stage.provides]
      let stored: string | undefined
      const end = isGoing
        ? calling(state, { branch, origin: origin(id), method: `${id}.before`, acts, given: true }, goOn, (env, mark) =>
            provide(env, provided, (stored = mark))
          )
        : state
      return { ...end, stored: [...state.stored, stored] }
    }
    case "outer":
      return state
  }
}

const answering =
  (response = "") =>
  (mark: string): Flow => ({ is: "success", response: response === "" ? mark : `${response}>${mark}` })

/** A recovery behind the handler: whether it takes the failure, and what it then does. */
const catching = (stage: After, raised: Raised): { readonly acts: Acts; readonly name: string } | undefined => {
  const [tag, reason] = partsOf(raised.kind)
  switch (stage.is) {
    case "catchTag":
      return stage.tags.includes(tag) ? { acts: stage.acts, name: `catchTag(${stage.tags.join(", ")})` } : undefined
    case "catchTags": {
      const found = stage.cases.find((one) => one.tag === tag)
      return found && { acts: found.acts, name: `catchTags(${stage.cases.map((one) => one.tag).join(", ")})` }
    }
    case "catch":
      return { acts: stage.acts, name: "catch" }
    case "catchReason":
      return tag === "Split" && reason !== undefined && stage.reasons.includes(reason)
        ? { acts: stage.acts, name: `catchReason(Split, ${stage.reasons.join(", ")})` }
        : undefined
    default:
      return undefined
  }
}

const after = (stage: After, state: State, branch: Branch, origin: Naming): State => {
  const { flow } = state
  switch (stage.is) {
    case "after": {
      if (flow.is !== "success") return state
      const { acts, id } = stage
      return calling(
        state,
        { branch, origin: origin(id), method: `${id}.after`, acts, given: true, argument: flow.response },
        answering(flow.response)
      )
    }
    case "respond": {
      if (flow.is !== "failure") return state
      const [tag, status] = partsOf(flow.raised.kind)
      if (tag !== "Gone" && tag !== "Down") return state
      branch.journal.push(`log ${tag === "Down" ? "Error" : "Info"} ${status}`)
      return { ...state, flow: { is: "success", response: `respond(${flow.raised.mark})` } }
    }
    case "catchDefect": {
      if (flow.is !== "defect") return state
      const { acts, id } = stage
      branch.journal.push(`log Error ${flow.origin}`)
      return calling(
        state,
        { branch, origin: origin("catchDefect"), method: `${id}.defect`, acts, argument: flow.mark },
        answering()
      )
    }
    case "ensure":
      return { ...state, flow: ensure(stage, state, branch, origin(stage.id)) }
    case "outer":
      return state
    default: {
      const taken = flow.is === "failure" ? catching(stage, flow.raised) : undefined
      if (flow.is !== "failure" || taken === undefined) return state
      const { acts, name } = taken
      return calling(
        state,
        { branch, origin: origin(name), method: `${stage.id}.catch`, acts, argument: showRaised(flow.raised) },
        answering()
      )
    }
  }
}

/** A finalizer changes nothing, unless it dies: then a failure that was on its way is a defect too, and stays the first. */
const ensure = (
  stage: { readonly id: string; readonly acts: Acts },
  { flow, outside }: State,
  branch: Branch,
  origin: string
): Flow => {
  const { acts, id } = stage
  const own = call({ branch, env: outside, origin, method: `${id}.ensure`, acts, argument: outcomeOf(flow) }, goOn)
  if (own.is !== "defect") return flow
  switch (flow.is) {
    case "success":
      return own
    case "failure":
      return { ...own, mark: showRaised(flow.raised) }
    case "defect":
      return flow
    case "interrupted":
      return flow.outside ? { ...flow, died: flow.died ?? own.mark } : own
  }
}

/** A pipeline's stages without its outers. `rest` stands in the handler's place when the pipeline was opened with `next()`. */
const stagesOf =
  (pipeline: Pipeline, origin: Naming, rest: App | undefined): App =>
  (env, branch) => {
    const befores = pipeline.befores.flatMap(repeated)
    const start: State = { env, outside: env, flow: going, stored: [] }
    const ready = befores.reduce((state, stage) => before(stage, state, branch, origin), start)
    const handled = ready.flow.is === "success" ? handle(pipeline, ready, branch, origin, rest) : ready
    const answered = pipeline.afters
      .flatMap(repeated)
      .reduce((state, stage) => after(stage, state, branch, origin), handled)
    // Pairs close at the end, when every recovery has run.
    return befores
      .filter((stage) => stage.is === "pair")
      .reduce((state, { after: acts, id }, slot) => {
        const { flow } = state
        if (flow.is !== "success") return state
        const argument = `${flow.response} and ${state.stored[slot] ?? "none"}`
        return calling(
          state,
          { branch, origin: origin(id), method: `${id}.after`, acts, given: true, argument },
          answering(flow.response)
        )
      }, answered).flow
  }

const repeated = <A>(stage: A & { readonly times?: number }): ReadonlyArray<A> =>
  Array.from({ length: stage.times ?? 1 }, () => stage)

const handle = (
  { arounds, handler }: Pipeline,
  state: State,
  branch: Branch,
  origin: Naming,
  rest: App | undefined
): State => {
  if (handler.is === "next") return { ...state, flow: rest!(state.env, branch) }
  const own = (state: State, branch: Branch): State => {
    if (handler.is === "nested") return { ...state, flow: meaning(handler.pipeline)(state.env, branch) }
    const { acts, form, id } = handler
    const detail = { branch, origin: origin("handler"), method: `${id}.handle`, acts, form, given: true }
    return calling(state, detail, answering())
  }
  if (arounds.length === 0) return own(state, branch)
  const inner: App = (env, branch) => own({ ...state, env }, branch).flow
  const app = arounds.reduce((app, wrap) => wrapped(wrap, app, origin), inner)
  return { ...state, flow: app(state.env, branch) }
}

const wrapped =
  (wrap: Wrap, app: App, origin: Naming): App =>
  (env, branch) => {
    branch.journal.push(`${wrap.id}${visible(env)}`)
    const own = (acts: Acts, argument: string, succeed: (mark: string) => Flow) =>
      call({ branch, env, origin: origin(wrap.id), method: `${wrap.id}.${wrap.is}`, acts, argument }, succeed)
    switch (wrap.is) {
      case "observe": {
        const flow = app(env, branch)
        branch.journal.push(`${wrap.id} saw ${outcomeOf(flow)}${visible(env)}`)
        return flow
      }
      case "retry": {
        const flow = app(env, branch)
        return flow.is === "failure" ? app(env, branch) : flow
      }
      case "twice": {
        const flow = app(env, branch)
        return flow.is === "success" ? app(env, branch) : flow
      }
      case "both": {
        const [first, second] = [fork(branch), fork(branch)]
        const flow = app(env, first)
        app(env, second)
        return flow
      }
      case "provide":
        return app(provide(env, [wrap.key], wrap.id + branch.run), branch)
      case "changeRequest":
        return app(change(env, wrap.id + branch.run), branch)
      case "answer":
        return own(wrap.acts, "nothing", answering())
      case "ahead": {
        const flow = own(wrap.acts, "nothing", goOn)
        return flow.is === "success" ? app(env, branch) : flow
      }
      case "behind": {
        const flow = app(env, branch)
        return flow.is === "success" ? own(wrap.acts, flow.response, answering(flow.response)) : flow
      }
      case "turn": {
        const flow = app(env, branch)
        return flow.is === "failure" ? own(wrap.acts, showRaised(flow.raised), answering()) : flow
      }
      case "pipeline":
        return meaning(wrap.pipeline, app)(env, branch)
    }
  }

const isOuter = (stage: Before | After): stage is Outer => stage.is === "outer"

/** Outers wrap everything, wherever they are declared; the first declared is the outermost. */
const meaning = (pipeline: Pipeline, rest?: App): App => {
  const origin: Naming = (name) => `${pipeline.id}/${name}`
  return [...pipeline.befores, ...pipeline.afters]
    .filter(isOuter)
    .reduceRight((app, outer) => wrapped(outer.wrap, app, origin), stagesOf(pipeline, origin, rest))
}

/** What one evaluation must do. `run` tells evaluations apart; `offset` is the number of each method's first call. */
export const predict = (pipeline: Pipeline, run = "", offset = 0): Result => {
  const env: Env = { request: `request${run}`, services: {} }
  const branch: Branch = { run, journal: [], calls: new Map(), finalizers: [], offset }
  const outcome = outcomeOf(meaning(pipeline)(env, branch))
  return { ...flatten(branch), outcome, left: visible(env) }
}
