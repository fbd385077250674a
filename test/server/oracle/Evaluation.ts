/**
 * The inside of a stage in a real pipeline: it does what its model says at each call, and writes down the call and all it can see.
 */
/* oxlint-disable typescript/consistent-return -- the compiler checks that each switch covers its union */
import { Cause, Context, Effect, Exit, Fiber, Logger, Option, References, Scope } from "effect"
import { Headers, HttpServerRequest, HttpServerRespondable, HttpServerResponse } from "effect/http"

import { keys, partsOf } from "./Model.ts"
import type { Acts, Key, Kind } from "./Model.ts"

export type Request = HttpServerRequest.HttpServerRequest
export type Response = HttpServerResponse.HttpServerResponse

/** One evaluation of a pipeline: the interruption from outside comes when all its branches wait for it. */
export interface Evaluation {
  interrupt: () => void
  branches: number
  waiting: number
  isLate: boolean
}

/** One line of execution in an evaluation, known by a header that its requests carry. */
export interface Branch {
  readonly id: string
  readonly run: string
  readonly offset: number
  readonly evaluation: Evaluation
  readonly journal: Array<string | Branch>
  readonly calls: Map<string, number>
  readonly finalizers: Array<string>
}

const branches = new Map<string, Branch>()
let branchCount = 0

export const open = (branch: Pick<Branch, "run" | "offset" | "evaluation" | "calls">): Branch => {
  const { calls, evaluation, offset, run } = branch
  const opened: Branch = { id: String(++branchCount), run, offset, evaluation, calls, journal: [], finalizers: [] }
  branches.set(opened.id, opened)
  return opened
}

export const close = (branch: Branch): void => {
  branches.delete(branch.id)
  for (const line of branch.journal) if (typeof line !== "string") close(line)
}

const requestOf = (context: Context.Context<never>): Request =>
  Context.getUnsafe(context as Context.Context<Request>, HttpServerRequest.HttpServerRequest)

/** The branch of the fiber that runs now. */
export const here = (): Branch => branchOf(Fiber.getCurrent()!.context)

const branchOf = (context: Context.Context<never>): Branch => {
  const branch = branches.get(requestOf(context).headers["branch"] ?? "")
  if (branch === undefined) throw new Error("a stage ran after its evaluation had ended")
  return branch
}

const services = [...keys, "left" as const].map((key) => ({
  key,
  service: Context.Service<string, string>(`oracle/${key}`)
}))

export const serviceOf = (key: Key | "left"): Context.Key<string, string> =>
  services.find((one) => one.key === key)!.service

export const visible = (context: Context.Context<never>): string => {
  const seen = services.flatMap(({ key, service }) => {
    const found = Context.getOption(context, service)
    return Option.isSome(found) ? [`${key}=${found.value}`] : []
  })
  return ` {${[requestOf(context).headers["version"], ...seen.toSorted()].join(" ")}}`
}

export const changed = (request: Request, headers: Record<string, string>): Request =>
  request.modify({ headers: Headers.setAll(request.headers, headers) })

export const changedBy =
  (request: Request) =>
  (mark: string): Request =>
    changed(request, { version: `${request.headers["version"]}+${mark}` })

class Failure {
  readonly _tag: string
  readonly reason: { readonly _tag: string | undefined }
  readonly kind: Kind
  readonly mark: string
  /** A copy is not the error that was raised. */
  readonly itself = this

  constructor(kind: Kind, mark: string) {
    const [tag, reason] = partsOf(kind)
    this._tag = tag
    this.reason = { _tag: reason }
    this.kind = kind
    this.mark = mark
  }
}

class Responding extends Failure implements HttpServerRespondable.Respondable {
  [HttpServerRespondable.symbol]() {
    return Effect.succeed(respond(`respond(${this.mark})`, Number(this.reason._tag)))
  }
}

class Defect {
  readonly mark: string
  constructor(mark: string) {
    this.mark = mark
  }
}

const failureOf = (kind: Kind, mark: string): Failure =>
  kind === "Gone/404" || kind === "Down/503" ? new Responding(kind, mark) : new Failure(kind, mark)

export const showError = (error: unknown): string =>
  error instanceof Failure && error.itself === error
    ? `${error.kind}@${error.mark}`
    : `a foreign error: ${String(error)}`

export const showDefect = (defect: unknown): string => {
  if (defect instanceof Defect) return defect.mark
  if (defect instanceof Failure) return showError(defect)
  return `a foreign defect: ${defect instanceof Error ? defect.stack : String(defect)}`
}

const respond = (trail: string, status = 200): Response => HttpServerResponse.empty({ status, headers: { trail } })

export const trailOf = (response: Response): string => response.headers["trail"] ?? "no trail"

export const answering =
  (response?: Response) =>
  (mark: string): Response =>
    response === undefined
      ? respond(mark)
      : HttpServerResponse.setHeader(response, "trail", `${trailOf(response)}>${mark}`)

/** Effect's own order: a defect is more than a failure, and a failure more than an interruption. */
export const outcomeOf = (exit: Exit.Exit<Response, unknown>): string => {
  if (Exit.isSuccess(exit)) return `response ${trailOf(exit.value)}`
  const defect = exit.cause.reasons.find(Cause.isDieReason)
  if (defect !== undefined) return `defect ${showDefect(defect.defect)}`
  const failure = exit.cause.reasons.find(Cause.isFailReason)
  return failure === undefined ? "interrupted" : `failure ${showError(failure.error)}`
}

interface Call {
  readonly method: string
  readonly acts: Acts
  /** What the method was called with, besides the request. */
  readonly argument?: string
  readonly given?: Request
}

/** Calls a method as its model says; gives the plain value, throws, or gives the Effect. */
export const call = (detail: Call, succeed: (mark: string) => unknown): any => perform(detail, succeed, undefined)

/** The same as an Effect, so that even a plain value sees the context. */
export const calling = (detail: Call, succeed: (mark: string) => unknown): Effect.Effect<any, any, any> =>
  Effect.withFiber((fiber) => toEffect(perform(detail, succeed, fiber.context)))

const toEffect = (value: unknown): Effect.Effect<any, any, any> =>
  Effect.isEffect(value) ? (value as Effect.Effect<any>) : Effect.succeed(value)

const perform = (
  { acts, argument, given, method }: Call,
  succeed: (mark: string) => unknown,
  context: Context.Context<never> | undefined
): unknown => {
  const branch = here()
  const count = branch.calls.get(method) ?? branch.offset
  branch.calls.set(method, count + 1)
  const act = acts[Math.min(count, acts.length - 1)]!
  const mark = `${method}#${count}${branch.run}`
  const parameter = given === undefined ? "" : ` [${given.headers["version"]}]`
  const line = mark + (argument === undefined ? "" : ` of ${argument}`) + parameter
  const failed = () => Exit.fail(failureOf(act.kind, mark))
  const mixed = (first: Cause.Cause<unknown>) =>
    Exit.failCause(Cause.combine(first, Cause.fail(failureOf(act.kind, mark))))
  const end = (): Exit.Exit<unknown, unknown> => {
    switch (act.do) {
      case "succeed":
        return Exit.succeed(succeed(mark))
      case "fail":
        return failed()
      case "die":
        return Exit.die(new Defect(mark))
      case "fail while dying":
        return mixed(Cause.die(new Defect(mark)))
      case "fail while interrupted":
        return mixed(Cause.interrupt())
      case "interrupt":
        return Exit.interrupt()
    }
  }
  if (act.way === "plain" || act.way === "exit") {
    branch.journal.push(context === undefined ? line : line + visible(context))
    if (act.way === "exit") return end()
    if (act.do === "die") throw new Defect(mark)
    return act.do === "succeed" ? succeed(mark) : act.do === "interrupt" ? Effect.interrupt : end()
  }
  const body = Effect.withFiber((fiber) => {
    branch.journal.push(line + visible(fiber.context))
    if (act.leaves !== undefined) leave(fiber, act.leaves, mark)
    const added = act.finalizer ? finalizing(fiber.context, branch, mark) : Effect.void
    return Effect.flatMap(added, (): Effect.Effect<unknown, unknown> => {
      if (act.do === "die" && act.way === "sync") throw new Defect(mark)
      return act.do === "interrupt" ? waiting(branch, mark) : end()
    })
  })
  return act.way === "sync" ? body : Effect.flatMap(Effect.yieldNow, () => body)
}

const leave = (fiber: Fiber.Fiber<unknown, unknown>, what: "service" | "request", mark: string): void => {
  const { context } = fiber
  fiber.setContext(
    what === "service"
      ? Context.add(context, serviceOf("left"), mark)
      : Context.add(context, HttpServerRequest.HttpServerRequest, changedBy(requestOf(context))("cut"))
  )
}

const finalizing = (context: Context.Context<never>, branch: Branch, mark: string): Effect.Effect<void> =>
  Scope.addFinalizer(
    Context.getUnsafe(context as Context.Context<Scope.Scope>, Scope.Scope),
    Effect.sync(() => branch.finalizers.push(mark))
  )

const waiting = (branch: Branch, mark: string): Effect.Effect<never> => {
  const wait = Effect.callback<never>(() => {
    const { evaluation } = branch
    if (++evaluation.waiting === evaluation.branches) setImmediate(() => evaluation.interrupt())
  })
  return Effect.onInterrupt(wait, () => Effect.sync(() => branch.journal.push(`${mark} released`)))
}

/** Writes what is logged into the journal: what was responded, or where a defect came from. */
export const journalling = Logger.make(({ fiber, logLevel }) => {
  const noted: Readonly<Record<string, any>> = fiber.getRef(References.CurrentLogAnnotations)
  const what = noted["http.response.status_code"] ?? `${noted["fairlead.composite"]}/${noted["fairlead.interceptor"]}`
  branchOf(fiber.context).journal.push(`log ${logLevel} ${what}`)
})
