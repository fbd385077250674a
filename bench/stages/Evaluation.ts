/** How an app is evaluated many times: in one fiber, so that what is measured is the app and not the start of fibers. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { HttpServerRequest, fromWeb } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import { PreventSchedulerYield } from "effect/References"
import * as Scope from "effect/Scope"

import { Probe } from "../../src/core/Probe.ts"
import type { Probe as ProbeService } from "../../src/core/Probe.ts"
import { Clerk } from "./NoOp.ts"

/** Evaluates a number of times, and throws unless the last answer is the handler's. */
export type Run = (times: number) => void | Promise<void>

export type Needs = HttpServerRequest | Scope.Scope | Clerk
export type App = Effect.Effect<HttpServerResponse, never, Needs>

/** The handler's status: no contender answers with it on its own account. */
export const status = 207

export const checkStatus = (answer: { readonly status: number } | undefined): void => {
  if (answer?.status !== status) throw new Error(`The handler's answer was lost: ${answer?.status}.`)
}

const services = Context.empty().pipe(
  Context.add(HttpServerRequest, fromWeb(new Request("http://127.0.0.1/"))),
  Context.add(Scope.Scope, Scope.makeUnsafe()),
  Context.add(Clerk, "clerk"),
  // A request of a server ends long before its fiber's budget of operations does; a loop of thousands would not.
  Context.add(PreventSchedulerYield, true)
)

/** Evaluates the app in one fiber. */
export const repeat = (app: App, probe?: ProbeService): Run => {
  const context = probe === undefined ? services : Context.add(services, Probe, probe)
  return (times) => {
    let left = times
    let last: HttpServerResponse | undefined
    const loop = Effect.whileLoop({
      while: () => left-- > 0,
      body: () => app,
      step: (response) => {
        last = response
      }
    })
    Effect.runSyncWith(context)(loop)
    checkStatus(last)
  }
}

/** Evaluates a function that gives its answer at once. */
export const repeatPlain =
  (answer: () => { readonly status: number }): Run =>
  (times) => {
    let last: { readonly status: number } | undefined
    for (let i = 0; i < times; i++) last = answer()
    checkStatus(last)
  }

/** Evaluates a function that gives a promise, one after the other. */
export const repeatAsync =
  (answer: () => Promise<{ readonly status: number }>): Run =>
  async (times) => {
    let last: { readonly status: number } | undefined
    for (let i = 0; i < times; i++) last = await answer()
    checkStatus(last)
  }
