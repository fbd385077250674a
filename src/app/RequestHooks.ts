/**
 * Puts the request and response hooks of the fairings around what answers requests. Internal to the app part.
 *
 * 1. Hooks are interruptible, as routes are. A request whose hook was interrupted is answered as an interrupted route is, and the response hooks see that answer.
 * 2. Response hooks see every response as it leaves: after the stages for sending of every pipeline, and whatever the server makes of a failure.
 * 3. A response hook that dies is logged with its name: the response goes out without its change, and the later hooks run.
 * 4. After an interruption a response hook runs in a new fiber, because the fiber of the request has been interrupted. It has a second to end.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"

import { annotate } from "../core/CauseOrigin.ts"
import { isEffect } from "../core/Effects.ts"
import type { Watch } from "../core/Watch.ts"
import * as Outgoing from "../server/Outgoing.ts"
import { planOf } from "../server/OutgoingPlan.ts"
import { logDefect } from "../server/Respond.ts"
import { checkAtTerminal } from "../server/TerminalCheck.ts"
import type { Active } from "./FairingRecipe.ts"
import type { Handler } from "./Host.ts"
import { callHook, originOf, RequestWatch, watchRequest } from "./LifeWatch.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse

/** The handler with the hooks around it; without hooks it is the handler itself, with its defects logged. */
export const withHooks = (app: string, fairings: ReadonlyArray<Active>, answers: Handler): Handler => {
  // Of middleware the first attached is the outermost.
  const handler = fairings.reduceRight((inner, { hooks }) => hooks.middleware?.(inner) ?? inner, answers)
  const requests = fairings.filter(({ hooks }) => hooks.onRequest !== undefined)
  const responses = fairings.filter(({ hooks }) => hooks.onResponse !== undefined)
  const sendings = responses.map((fairing) => ({
    name: fairing.name,
    inside: false,
    run: (context: Context.Context<never>, response: Response, request: Request) =>
      afterResponse(app, fairing, Context.get(context, RequestWatch), response, request)
  }))
  // Of stages the last runs first; of hooks the first.
  const plan = planOf(app, sendings.toReversed(), [], false)
  const answer = (watch: Watch | undefined): Handler =>
    Effect.withFiber((fiber) => {
      const request = Context.getUnsafe(fiber.context, HttpServerRequest.HttpServerRequest)
      const answered = (next: Request): Handler => {
        setRequest(fiber, next)
        return handler
      }
      const ending = Effect.suspend(() => {
        const changed = beforeRequest(app, requests, watch, request)
        return isEffect(changed) ? Effect.flatMap(changed, answered) : answered(changed)
      })
      const left = (): undefined => {
        // The response hooks get the request as the last request hook left it, and the route that was found.
        if (plan !== undefined) Outgoing.refresh(plan, fiber)
        setRequest(fiber, request)
      }
      const all: Handler = Effect.onExitPrimitive(ending, left)
      return plan === undefined ? all : (Outgoing.enter(plan, fiber, () => all) as Handler)
    })
  const hooked = requests.length > 0 || responses.length > 0
  const plain = hooked ? answer(undefined) : handler
  return Effect.withFiber((fiber) => {
    checkAtTerminal(fiber)
    const watch = hooked ? watchRequest(fiber, app) : undefined
    if (watch === undefined) return plain
    // The flow ends with the response: response hooks run when the handler has ended.
    return Outgoing.watchToEnd(watch, fiber, Effect.provideService(answer(watch), RequestWatch, watch)) as Handler
  })
}

const setRequest = (fiber: Fiber.Fiber<any, any>, request: Request): void => {
  if (Context.getUnsafe(fiber.context, HttpServerRequest.HttpServerRequest) === request) return
  fiber.setContext(Context.add(fiber.context, HttpServerRequest.HttpServerRequest, request))
}

const withRequest = <A, E, R>(effect: Effect.Effect<A, E, R>, request: Request) =>
  Effect.provideService(effect, HttpServerRequest.HttpServerRequest, request)

/** The request as the hooks have left it. */
const beforeRequest = (
  app: string,
  fairings: ReadonlyArray<Active>,
  watch: Watch | undefined,
  request: Request
): Request | Effect.Effect<Request> => {
  for (const [at, fairing] of fairings.entries()) {
    const current = request
    let given: unknown
    try {
      given = callHook(watch, fairing, "request", () => fairing.hooks.onRequest!(current))
    } catch (defect) {
      return Effect.failCause(annotate(Cause.die(defect), originOf(app, fairing.name, "serve")))
    }
    if (!isEffect(given)) {
      request = (given as Request | undefined) ?? request
      continue
    }
    const hook = Effect.interruptible(withRequest(given as Effect.Effect<Request | undefined>, current))
    return Effect.flatMap(
      Effect.catchCause(hook, (cause) => Effect.failCause(annotate(cause, originOf(app, fairing.name, "serve")))),
      (changed) => {
        const next = beforeRequest(app, fairings.slice(at + 1), watch, changed ?? current)
        return isEffect(next) ? next : Effect.succeed(next)
      }
    )
  }
  return request
}

/** The response as a hook has left it. */
const afterResponse = (
  app: string,
  fairing: Active,
  watch: Watch | undefined,
  response: Response,
  request: Request
): Response | Effect.Effect<Response> => {
  const lost = (cause: Cause.Cause<never>): Effect.Effect<Response> =>
    Effect.as(logDefect(request, annotate(cause, originOf(app, fairing.name, "serve"))), response)
  let given: unknown
  try {
    given = callHook(watch, fairing, "response", () => fairing.hooks.onResponse!(response, request))
  } catch (defect) {
    return lost(Cause.die(defect))
  }
  if (!isEffect(given)) return (given as Response | undefined) ?? response
  const hook = Effect.map(given as Effect.Effect<Response | undefined>, (changed) => changed ?? response)
  let began = false
  const noted = Effect.suspend(() => {
    began = true
    return hook
  })
  return Effect.catchCause(Effect.interruptible(noted), (cause) => {
    if (!Cause.hasInterruptsOnly(cause)) return lost(cause)
    return began ? Effect.succeed(response) : Effect.catchCause(afterInterruption(hook, response), lost)
  })
}

const afterInterruption = (hook: Effect.Effect<Response>, response: Response): Effect.Effect<Response> =>
  Effect.timeoutOption(hook, "1 second").pipe(
    Effect.map(Option.getOrElse(() => response)),
    Effect.forkChild({ startImmediately: true }),
    Effect.flatMap(Fiber.join)
  )
