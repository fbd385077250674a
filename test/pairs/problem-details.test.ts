/** The contract of `problemDetails` between its two ends: the server's problems are the client's typed errors. */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse, HttpServerResponse, ProblemDetails } from "effect/http"
import { TestClock } from "effect/testing"
import { InvalidOption, Reject } from "fairlead"
import { ClientChain } from "fairlead/client"
import type { ClientHandler } from "fairlead/client"
import { problemDetails as reading, ProblemError, retry } from "fairlead/client/handlers"
import { Pipeline } from "fairlead/server"
import { problemDetails } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { clientOf } from "./Pair.ts"

class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", { item: Schema.String }) {}

const errors = {
  "https://shop.test/out-of-stock": ({ item }: ProblemDetails.ProblemDetails) => new OutOfStock({ item: String(item) })
}

const option = { interceptor: "stock", option: "name", description: "is empty" }

const get = HttpClientRequest.get("http://shop.test/orders?token=secret")

/** The outcome of a call to a server with these responses, one after another. */
const outcomeOf = (...answers: ReadonlyArray<HttpServerResponse.HttpServerResponse | Reject>) =>
  Effect.gen(function* () {
    const left = [...answers]
    const next = Effect.suspend(() => {
      const answer = left.length > 1 ? left.shift()! : left[0]!
      return answer instanceof Reject ? Effect.fail(answer) : Effect.succeed(answer)
    })
    const app = Pipeline.make("shop").sending(problemDetails()).handle(next).respond()
    const { client } = clientOf(yield* TestServer.make(app))
    const chain = ClientChain.make("c")
      .use(reading({ errors }))
      .use(retry({ times: 2 }))
    const call = yield* Effect.forkChild(Effect.result(ClientChain.over(chain, client).execute(get)), {
      startImmediately: true
    })
    yield* TestClock.adjust("1 minute")
    const result = yield* Fiber.join(call)
    return result._tag === "Success" ? result.success : result.failure
  })

describe("the pair of problem details", () => {
  it.effect("an error without a body is a ProblemError with its status and title", () =>
    Effect.gen(function* () {
      const error = yield* outcomeOf(HttpServerResponse.empty({ status: 404 }))
      assert.instanceOf(error, ProblemError)
      assert.deepStrictEqual(error.problem, { type: "about:blank", status: 404, title: "Not Found" })
      assert.strictEqual(error.message, "GET http://shop.test/orders?token=REDACTED was answered with 404: Not Found")
    })
  )

  it.effect("a Reject has its reason in the detail, where it is exposed", () =>
    Effect.gen(function* () {
      const error = yield* outcomeOf(new Reject({ reason: "taken", status: 409, expose: true }))
      assert.instanceOf(error, ProblemError)
      assert.deepStrictEqual([error.status, JSON.stringify(error.problem).includes("taken")], [409, true])
    })
  )

  it.effect("a known type is its own error, absolute or relative", () =>
    Effect.gen(function* () {
      const problem = (type: string) => ProblemDetails.toResponse({ type, status: 422, item: "tea" })
      const known = yield* outcomeOf(problem("https://shop.test/out-of-stock"))
      assert.deepStrictEqual(known, new OutOfStock({ item: "tea" }))
      assert.instanceOf(yield* outcomeOf(problem("https://shop.test/other")), ProblemError)
      const client = HttpClient.make((request) =>
        Effect.succeed(
          HttpClientResponse.fromWeb(
            request,
            Response.json(
              { type: "/out-of-stock", item: "tea" },
              { status: 422, headers: { "content-type": "application/problem+json" } }
            )
          )
        )
      )
      const chain = ClientChain.over(ClientChain.make("c").use(reading({ errors })), client)
      const error = yield* Effect.flip(chain.execute(HttpClientRequest.get("https://shop.test/a/b")))
      assert.instanceOf(error, OutOfStock)
    })
  )

  it.effect("a problem that retry sends again is no error, and the last one is", () =>
    Effect.gen(function* () {
      const busy = HttpServerResponse.empty({ status: 503 })
      const ok = yield* outcomeOf(busy, HttpServerResponse.empty())
      assert.strictEqual((ok as HttpClientResponse.HttpClientResponse).status, 204)
      const error = yield* outcomeOf(busy)
      assert.deepStrictEqual([error instanceof ProblemError, (error as ProblemError).status], [true, 503])
    })
  )

  it.effect("other responses stay; a problem that cannot be read is blank", () =>
    Effect.gen(function* () {
      const text = yield* outcomeOf(HttpServerResponse.text("no", { status: 400 }))
      assert.strictEqual((text as HttpClientResponse.HttpClientResponse).status, 400)
      for (const body of ["", "{", "[]", "null", '"a"', `{"title":"${"x".repeat(70_000)}"}`]) {
        const answer = HttpServerResponse.text(body, { status: 400, contentType: ProblemDetails.contentType })
        const error = yield* outcomeOf(answer)
        assert.instanceOf(error, ProblemError, body.slice(0, 10))
        assert.deepInclude(error.problem, { type: "about:blank", status: 400 }, body.slice(0, 10))
      }
    })
  )

  it.effect("members of a wrong type are left out, and extensions stay", () =>
    Effect.gen(function* () {
      const answer = HttpServerResponse.text('{"type":7,"title":[],"status":"x","detail":"why","more":1}', {
        status: 400,
        contentType: ProblemDetails.contentType
      })
      const error = yield* outcomeOf(answer)
      assert.deepStrictEqual((error as ProblemError).problem, { type: "about:blank", detail: "why", more: 1 })
    })
  )

  it("has the errors in its type, and rejects options that cannot work", () => {
    expectTypeOf(reading({ errors })).toEqualTypeOf<ClientHandler.ClientHandler<ProblemError | OutOfStock>>()
    expectTypeOf(reading()).toEqualTypeOf<ClientHandler.ClientHandler<ProblemError>>()
    const inferred = reading({
      errors: {
        "/stock": ({ item }) => new OutOfStock({ item: String(item) }),
        "/name": () => new InvalidOption(option)
      }
    })
    expectTypeOf(inferred).toEqualTypeOf<ClientHandler.ClientHandler<ProblemError | OutOfStock | InvalidOption>>()
    // @ts-expect-error A function of something else than a problem
    reading({ errors: { "/stock": (item: number) => new OutOfStock({ item: String(item) }) } })
    assert.throws(() => reading({ maxBytes: 0 }), InvalidOption)
    assert.throws(() => reading({ name: "" }), InvalidOption)
  })
})
