/**
 * The typed pipeline: befores, a handler, afters, and the recovery of errors by tag between them.
 *
 * 1. `Pipeline.make(name)` opens the *before phase*: `before`, `link` and `recover` run in declared order, ahead of the handler.
 * 2. `.handle(handler, …arounds)` or `.next()` opens the *after phase*: `after`, `catchTag` and the other recoveries run in declared order,
 *    behind the handler. What it gives is an ordinary Effect of a response.
 * 3. A failure goes to the next *later* stage that recovers it; the stages between are skipped, and the flow goes on behind the recoverer.
 *    It never goes back. No stage sees a defect or an interruption, save `catchDefect` and `ensure`.
 * 4. An `outer` is around all of it, wherever it is declared: the first declared is the outermost.
 *
 * The type says what is unhandled (`F`), what is provided (`P`) and what is needed (`R`). A recovery before the handler must give what the
 * failure skipped; a stage behind a recovery that comes after the handler can no longer use it. The model is Iron's chain and error flow.
 *
 * **Example** (Three stages)
 *
 * ```ts
 * import { Context, Effect, Schema } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Middleware, Pipeline } from "fairlead/server"
 *
 * class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}) {}
 * class User extends Context.Service<User, string>()("app/User") {}
 *
 * const authenticate = Middleware.before("authenticate", User, (request) =>
 *   request.headers["authorization"] === undefined ? Effect.fail(new Unauthorized()) : "Ada")
 *
 * const app = Pipeline.make("hello")
 *   .before(authenticate)
 *   .handle(Effect.map(User, (name) => HttpServerResponse.text(`Hello, ${name}`)))
 *   .catchTag("Unauthorized", () => HttpServerResponse.empty({ status: 401 }))
 * ```
 *
 * @since 0.1.0
 */
import * as Builder from "./Builder.ts"
import type { Open } from "./Phases.ts"

// What the types of pipelines are made of has a public name, so that a library that exports a pipeline can emit its declaration.
export type { Description } from "../core/Interceptor.ts"
export type { Always, ErrorOf, Given, Outside, Skip, SkippedBy, SkippedByAny, Skips, Without } from "./Failure.ts"
export type { Ambient } from "./Model.ts"
export type { Cases, Closed, Named, Open, RespondableOr, Rest } from "./Phases.ts"
export type { Wrap } from "./Terminal.ts"
export { describe, drawing, mermaid } from "./Builder.ts"
export {
  decorate,
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
