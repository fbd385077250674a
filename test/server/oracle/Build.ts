/**
 * Makes a real pipeline of a model and runs it without a socket, with a result of the same shape as the oracle's.
 *
 * The types of a random pipeline are not known: here, and only here, pipelines are built untyped.
 */
/* oxlint-disable typescript/consistent-return -- the compiler checks that each switch covers its union */
import { Context, Effect, Exit, Fiber, Logger } from "effect"
import { HttpServerRequest } from "effect/http"
import { Probe } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"

import {
  answering,
  call,
  calling,
  changed,
  changedBy,
  close,
  here,
  journalling,
  open,
  outcomeOf,
  serviceOf,
  showDefect,
  showError,
  trailOf,
  visible
} from "./Evaluation.ts"
import type { Branch, Evaluation, Request, Response } from "./Evaluation.ts"
import type { After, Before, Pipeline as Model, Plain, Rescue, Wrap } from "./Model.ts"
import type { Result } from "./Oracle.ts"

type App = Effect.Effect<Response, any, any>

const middleware = Middleware as Record<
  "before" | "pair" | "every" | "around" | "outer",
  (...parts: ReadonlyArray<unknown>) => any
>

const itself = (mark: string): string => mark

const plain = (stage: Plain): any => {
  switch (stage.is) {
    case "before": {
      const detail = { method: `${stage.id}.before`, acts: stage.acts }
      const run =
        stage.form === "effect"
          ? calling(detail, itself)
          : (request: Request) => call({ ...detail, given: request }, itself)
      return middleware.before(stage.id, ...(stage.provides === undefined ? [] : [serviceOf(stage.provides)]), run)
    }
    case "request":
      return Middleware.mapRequest(stage.id, (request) =>
        call({ method: `${stage.id}.before`, acts: stage.acts, given: request }, changedBy(request))
      )
    case "group":
      return middleware.every(stage.id, ...stage.members.map(plain))
  }
}

const rescuing = (rescue: Rescue) => (error: unknown) => {
  const supply = (mark: string) =>
    rescue.supplies.reduce<Context.Context<any>>(
      (context, key) => Context.add(context, serviceOf(key), mark),
      Context.empty() as Context.Context<any>
    )
  const given = call({ method: `${rescue.id}.recover`, acts: rescue.acts, argument: showError(error) }, supply)
  return Effect.isEffect(given) ? given : Exit.succeed(given)
}

const casesOf = <A>(tags: ReadonlyArray<string>, run: A): Record<string, A> =>
  Object.fromEntries(tags.map((tag) => [tag, run]))

const before = (pipeline: any, stage: Before): any => {
  switch (stage.is) {
    case "step": {
      const linked = plain(stage.stage)
      const { cases } = stage
      const more = cases === undefined ? [] : [casesOf(cases.tags, rescuing(cases))]
      return again(stage.times, pipeline, (to) => to.before(linked, ...more))
    }
    case "recover": {
      const { tags } = stage.rescue
      return pipeline.recover(tags.length === 1 ? tags[0] : tags, rescuing(stage.rescue))
    }
    case "pair": {
      const run = (request: Request) => call({ method: `${stage.id}.before`, acts: stage.acts, given: request }, itself)
      const after = (response: Response, request: Request, stored: { readonly value?: string }) =>
        call(
          {
            method: `${stage.id}.after`,
            acts: stage.after,
            argument: `${trailOf(response)} and ${stored.value ?? "none"}`,
            given: request
          },
          answering(response)
        )
      const linked = middleware.pair(
        stage.id,
        ...(stage.provides === undefined ? [] : [serviceOf(stage.provides)]),
        run,
        after
      )
      return again(stage.times, pipeline, (to) => to.link(linked))
    }
    case "outer":
      return outer(pipeline, stage.wrap)
  }
}

const again = (times: number, pipeline: any, link: (to: any) => any): any =>
  Array.from({ length: times }).reduce((to) => link(to), pipeline)

const catching = (stage: { readonly id: string }, acts: Parameters<typeof call>[0]["acts"]) => (error: unknown) =>
  call({ method: `${stage.id}.catch`, acts, argument: showError(error) }, answering())

const after = (pipeline: any, stage: After): any => {
  switch (stage.is) {
    case "after": {
      const linked = Middleware.after(stage.id, (response, request) =>
        call(
          { method: `${stage.id}.after`, acts: stage.acts, argument: trailOf(response), given: request },
          answering(response)
        )
      )
      return again(stage.times, pipeline, (to) => to.after(linked))
    }
    case "catchTag":
      return pipeline.catchTag(stage.tags.length === 1 ? stage.tags[0] : stage.tags, catching(stage, stage.acts))
    case "catchTags":
      return pipeline.catchTags(Object.fromEntries(stage.cases.map(({ acts, tag }) => [tag, catching(stage, acts)])))
    case "catch":
      return pipeline.catch(catching(stage, stage.acts))
    case "catchReason":
      return pipeline.catchReason("Split", stage.reasons, (_: unknown, error: unknown) =>
        catching(stage, stage.acts)(error)
      )
    case "respond":
      return pipeline.respond()
    case "catchDefect":
      return pipeline.catchDefect((defect: unknown) =>
        call({ method: `${stage.id}.defect`, acts: stage.acts, argument: showDefect(defect) }, answering())
      )
    case "ensure":
      return pipeline.onExit(stage.id, (exit: Exit.Exit<Response, unknown>) => {
        const ended = call(
          { method: `${stage.id}.ensure`, acts: stage.acts, argument: outcomeOf(exit) },
          () => undefined
        )
        return Effect.isEffect(ended) ? ended : Exit.void
      })
    case "outer":
      return outer(pipeline, stage.wrap)
  }
}

const outer = (pipeline: any, wrap: Wrap): any =>
  pipeline.outer(middleware.outer(wrap.id, ...(wrap.is === "provide" ? [serviceOf(wrap.key)] : []), wrapping(wrap)))

/** How often each around and outer was linked. */
const links = new WeakMap<Wrap, number>()
export const linksOf = (wrap: Wrap): number => links.get(wrap) ?? 0

const wrapping =
  (wrap: Wrap) =>
  (app: App): App => {
    links.set(wrap, linksOf(wrap) + 1)
    const inner = doing(wrap, app)
    return Effect.withFiber((fiber) => {
      here().journal.push(wrap.id + visible(fiber.context))
      return inner
    })
  }

const doing = (wrap: Wrap, app: App): App => {
  const method = `${wrap.id}.${wrap.is}`
  const own = (detail: Omit<Parameters<typeof call>[0], "method">, succeed: (mark: string) => unknown): App =>
    Effect.suspend(() => {
      const done = call({ ...detail, method }, succeed)
      return Effect.isEffect(done) ? (done as App) : Effect.succeed(done)
    })
  switch (wrap.is) {
    case "observe":
      return Effect.onExit(app, (exit) =>
        Effect.withFiber((fiber) => {
          here().journal.push(`${wrap.id} saw ${outcomeOf(exit)}${visible(fiber.context)}`)
          return Effect.void
        })
      )
    case "retry":
      return Effect.catch(app, () => app)
    case "twice":
      return Effect.flatMap(app, () => app)
    case "both":
      return Effect.suspend(() => both(app, here()))
    case "provide":
      return Effect.suspend(() => Effect.provideService(app, serviceOf(wrap.key), wrap.id + here().run))
    case "changeRequest":
      return Effect.updateService(app, HttpServerRequest.HttpServerRequest, (request) =>
        changedBy(request)(wrap.id + here().run)
      )
    case "answer":
      return own({ acts: wrap.acts, argument: "nothing" }, answering())
    case "ahead":
      return Effect.flatMap(own({ acts: wrap.acts, argument: "nothing" }, itself), () => app)
    case "behind":
      return Effect.flatMap(app, (response) =>
        own({ acts: wrap.acts, argument: trailOf(response) }, answering(response))
      )
    case "turn":
      return Effect.catch(app, (error) => own({ acts: wrap.acts, argument: showError(error) }, answering()))
    case "pipeline":
      return (Pipeline.wrap as any)(build(wrap.pipeline))(app)
  }
}

/** Runs an app twice at the same time, each run in a branch of its own; the first run's outcome counts. */
const both = (app: App, branch: Branch): App => {
  const { evaluation } = branch
  const fork = (): App => {
    const child = open({ ...branch, calls: new Map(branch.calls) })
    branch.journal.push(child)
    return Effect.updateService(app, HttpServerRequest.HttpServerRequest, (request) =>
      changed(request, { branch: child.id })
    )
  }
  const ended = Effect.sync(() => void evaluation.branches--)
  evaluation.branches++
  return Effect.flatMap(
    Effect.all([Effect.ensuring(Effect.exit(fork()), ended), Effect.ensuring(Effect.exit(fork()), ended)], {
      concurrency: 2
    }),
    ([first]) => {
      evaluation.branches++
      return first
    }
  )
}

/** The real pipeline of a model. */
export const build = (model: Model): App => {
  const { handler } = model
  const opened = model.befores.reduce(before, Pipeline.make(model.id) as any)
  const detail = handler.is === "handler" ? { method: `${handler.id}.handle`, acts: handler.acts } : undefined
  const handled =
    handler.is === "next"
      ? opened.next()
      : opened.handle(
          handler.is === "nested"
            ? build(handler.pipeline)
            : handler.form === "effect"
              ? calling(detail!, answering())
              : Object.defineProperty((request: Request) => call({ ...detail!, given: request }, answering()), "name", {
                  value: "handler"
                }),
          ...model.arounds.map((wrap) => middleware.around(wrap.id, wrapping(wrap)))
        )
  return model.afters.reduce(after, handled)
}

const flatten = (branch: Branch): Pick<Result, "journal" | "finalizers"> => {
  const inner = branch.journal.map((line) =>
    typeof line === "string" ? { journal: [line], finalizers: [] } : flatten(line)
  )
  return {
    journal: inner.flatMap(({ journal }) => journal),
    finalizers: [...branch.finalizers, ...inner.flatMap(({ finalizers }) => finalizers)]
  }
}

/** Evaluates an app once, in a fiber and a scope of its own. */
export const evaluate = async (
  app: App,
  {
    offset = 0,
    probe,
    run = ""
  }: { readonly run?: string; readonly offset?: number; readonly probe?: Probe.Probe } = {}
): Promise<Result> => {
  const evaluation: Evaluation = { interrupt: () => undefined, branches: 1, waiting: 0, isLate: false }
  const branch = open({ run, offset, evaluation, calls: new Map() })
  const request = HttpServerRequest.fromWeb(
    new Request("http://localhost/", { headers: { branch: branch.id, version: `request${run}` } })
  )
  let outcome = "never ended"
  let left = ""
  const observed = Effect.onExit(app, (exit) =>
    Effect.withFiber((fiber) => {
      outcome = outcomeOf(exit)
      left = visible(fiber.context)
      return Effect.void
    })
  )
  const fiber = Effect.runFork(
    Effect.scoped(observed as Effect.Effect<Response, unknown, Request>).pipe(
      Effect.provideService(HttpServerRequest.HttpServerRequest, request),
      Effect.provideService(Logger.CurrentLoggers, new Set([journalling])),
      Effect.provideService(Probe.Probe, probe)
    )
  )
  evaluation.interrupt = () => fiber.interruptUnsafe()
  const deadline = setTimeout(() => {
    evaluation.isLate = true
    fiber.interruptUnsafe()
  }, 2000)
  await Effect.runPromise(Fiber.await(fiber))
  clearTimeout(deadline)
  close(branch)
  return evaluation.isLate
    ? { journal: ["it does not end"], outcome, finalizers: [], left }
    : { ...flatten(branch), outcome, left }
}
