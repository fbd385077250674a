/**
 * The typed pipeline: befores, a handler, afters, and the recovery of errors by tag between them.
 *
 * 1. `Pipeline.make(name)` opens the *before phase*: `before`, `link` and `recover` run in declared order, before the handler.
 * 2. `.handle(handler, …arounds)` or `.next()` opens the *after phase*: `after`, `catchTag` and the other recoveries run in declared order,
 *    after the handler. The result is an ordinary Effect of a response.
 * 3. A failure goes to the next *later* stage that recovers it; the stages between are skipped, and the flow goes on after the recoverer.
 *    It never goes back. No stage sees a defect or an interruption, save `catchDefect` and `onExit`.
 * 4. An `outer` is around all of it, wherever it is declared: the first declared is the outermost.
 *
 * The type has the unhandled errors (`F`), the provided services (`P`) and the required ones (`R`). A recovery before the handler must supply the
 * services that the failure skipped; a stage after a later recovery can no longer use them. The model is Iron's chain and error flow.
 *
 * **Example** (Three stages)
 *
 * ```ts
 * import { Context, Effect, Schema } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Middleware, Pipeline, RequestView } from "fairlead/server"
 *
 * class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}) {}
 * class User extends Context.Service<User, string>()("app/User") {}
 *
 * const authenticate = Middleware.before("authenticate", User, RequestView.header("x-user", () => new Unauthorized()))
 *
 * const app = Pipeline.make("hello")
 *   .before(authenticate)
 *   .handle(Effect.map(User, (name) => HttpServerResponse.text(`Hello, ${name}`)))
 *   .catchTag("Unauthorized", () => HttpServerResponse.empty({ status: 401 }))
 * ```
 *
 * @since 0.1.0
 */
import type * as Types from "effect/Types"

import * as Builder from "./Builder.ts"
import type { ErrorOf, Given, Rest } from "./PipelineState.ts"
import type { Open, Stateful } from "./PipelineTypes.ts"

// The parts of the types of pipelines have public names, so that a library that exports a pipeline can emit its declaration.
export type * as State from "./PipelineState.ts"
export type { Ambient } from "./HttpTypes.ts"
export type { Cases, Closed, Named, Open, RespondableOr, Stateful } from "./PipelineTypes.ts"
export type { TakenAtBuild, Wrap } from "./Terminal.ts"
export { isPipeline } from "./Builder.ts"
export {
  layerHttpServer,
  globalMiddleware,
  middleware,
  routes,
  serve,
  toWebHandler,
  toWebHandlerLayer,
  wrap
} from "./Terminal.ts"

/**
 * Opens a pipeline. The name is seen in logs, drawings, events and reports of defects.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: (name: string) => Open<never, never, never> = Builder.make

/**
 * The unhandled errors of a pipeline as a plain union, without the services that each skipped.
 *
 * @category models
 * @since 0.1.0
 */
export type ErrorsOf<X> = X extends Stateful<never, infer F, unknown> ? Exclude<ErrorOf<F>, Types.unhandled> : never

/**
 * The services that a pipeline provides to its handler, or certainly provides to its next after.
 *
 * @category models
 * @since 0.1.0
 */
export type ProvidedBy<X> = X extends Stateful<infer P, unknown, unknown> ? Given<P> : never

/**
 * The services that a pipeline needs from outside, without the rest of the app.
 *
 * @category models
 * @since 0.1.0
 */
export type NeededBy<X> = X extends Stateful<never, unknown, infer R> ? Exclude<R, Rest<never, unknown>> : never
