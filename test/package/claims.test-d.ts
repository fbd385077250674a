/**
 * Sentences of the pages that make claims about types. A title names the page and quotes the sentence; `claims.test.ts` looks for the quotation.
 */
import { Context, Effect, Layer, Schema } from "effect"
import { HttpMiddleware, HttpRouter, HttpServerResponse } from "effect/http"
import { App } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"
import { Middleware, Pipeline } from "fairlead/server"
import { expectTypeOf, test } from "vitest"

class SignedOut extends Schema.TaggedError<SignedOut>()("SignedOut", {}) {}
class CurrentUser extends Context.Service<CurrentUser, { readonly name: string }>()("claims/CurrentUser") {}

const empty = HttpServerResponse.empty()
const login = Middleware.before("login", CurrentUser, () => Effect.fail(new SignedOut()))
const me = Effect.map(CurrentUser, ({ name }) => HttpServerResponse.text(name))
const open = Pipeline.make("me").before(login).handle(me)

test("README.md: Remove the line with `catchTag`, and the last line no longer compiles", () => {
  NodeApp.run(App.make("hello").serve(open.catchTag("SignedOut", () => empty)))
  // @ts-expect-error SignedOut is left
  NodeApp.run(App.make("hello").serve(open))
})

test("README.md: a pipeline with an unhandled error does not compile", () => {
  // @ts-expect-error SignedOut is left
  Pipeline.toWebHandler(open)
})

test("README.md: a handler that needs `CurrentUser` does not compile before it", () => {
  const early = Pipeline.make("me")
    .handle(me)
    .catch(() => empty)
  // @ts-expect-error CurrentUser is not provided
  NodeApp.run(App.make("a").serve(early))
  // @ts-expect-error there is no `before` after the handler
  void early.before
})

test("docs/start.md: Forget the Layer, and `NodeApp.run` does not compile", () => {
  const app = App.make("chat").mount(HttpRouter.add("GET", "/me", me))
  // @ts-expect-error CurrentUser is missing
  NodeApp.run(app)
  NodeApp.run(
    App.make("chat")
      .manage(Layer.succeed(CurrentUser, { name: "Ada" }))
      .mount(HttpRouter.add("GET", "/me", me))
  )
})

test("docs/start.md: `mount` accepts a route only when each of them is handled", () => {
  App.make("chat")
    .manage(Layer.succeed(CurrentUser, { name: "Ada" }))
    // @ts-expect-error SignedOut is left
    .mount(HttpRouter.add("GET", "/me", Effect.fail(new SignedOut())))
})

test("docs/start.md: Remove `.before(login)`, and the service appears in the requirements of the pipeline", () => {
  expectTypeOf<Effect.Services<typeof open>>().not.toExtend<CurrentUser>()
  const without = Pipeline.make("me").handle(me)
  expectTypeOf<CurrentUser>().toExtend<Effect.Services<typeof without>>()
})

test("AGENTS.md: It compiles as an app only when no error is left", () => {
  App.make("a").serve(open.catchTag("SignedOut", () => empty))
  // @ts-expect-error SignedOut is left
  NodeApp.run(App.make("a").serve(open))
})

test("docs/errors.md: a needless recovery does not compile", () => {
  // @ts-expect-error nothing raises NotThere
  open.catchTag("NotThere", () => empty)
})

test("docs/coming-from.md: an around as it is: `.handle(handler, HttpMiddleware.cors())`", () => {
  // @ts-expect-error an outer has a name
  Pipeline.make("a").outer(HttpMiddleware.cors())
  Pipeline.make("a").outer(Middleware.outer("cors", HttpMiddleware.cors())).handle(empty)
  Pipeline.make("a").handle(empty, HttpMiddleware.cors())
  Pipeline.make("a").handle(empty, Middleware.around("cors", HttpMiddleware.cors()))
})

test("docs/coming-from.md: `Pipeline.toWebHandlerLayer(pipeline, layer)` returns `{ handler, dispose }`", () => {
  const made = Pipeline.toWebHandlerLayer(Pipeline.make("a").handle(empty), Layer.empty)
  expectTypeOf(made.dispose).toEqualTypeOf<() => Promise<void>>()
  expectTypeOf(made.handler(new Request("http://localhost"))).toEqualTypeOf<Promise<Response>>()
})
