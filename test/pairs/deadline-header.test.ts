/** The contract of `deadlineHeader` between its two ends: the client says how long it waits, and the server works no longer. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { HttpClient, HttpClientRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { ClientChain } from "fairlead/client"
import { deadlineHeader as sending, retry, timeouts } from "fairlead/client/handlers"
import { Middleware, Pipeline } from "fairlead/server"
import { deadlineHeader, ResponseTimeout } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { clientOf } from "./Pair.ts"

const header = "x-request-timeout-ms"

/** A server whose work takes `work`, and the headers that it got. */
const setup = (work: Effect.Effect<HttpServerResponse.HttpServerResponse>) =>
  Effect.gen(function* () {
    const ended: Array<string> = []
    const handler = Effect.onExit(work, (exit) => Effect.sync(() => ended.push(exit._tag)))
    const server = yield* TestServer.make(Pipeline.make("slow").outer(deadlineHeader()).handle(handler))
    const { client, statuses } = clientOf(server)
    const sent: Array<string | undefined> = []
    const noting = HttpClient.mapRequest(client, (request) => {
      sent.push(request.headers[header])
      return request
    })
    return { server, client: noting, sent, statuses, ended }
  })

const get = HttpClientRequest.get("http://slow.test/")

describe("the pair of deadlines", () => {
  it.effect("the server ends its work when the client stops to wait", () =>
    Effect.gen(function* () {
      const { client, ended, sent } = yield* setup(Effect.never)
      const chain = ClientChain.make("c")
        .use(timeouts({ total: "2 seconds" }))
        .use(sending())
      const call = yield* Effect.forkChild(Effect.exit(ClientChain.over(chain, client).execute(get)), {
        startImmediately: true
      })
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(ended, [])
      yield* TestClock.adjust("1 millis")
      // Both ends are at their limit: the call fails, or has the 504 of the server in the same millisecond.
      const exit = yield* Fiber.join(call)
      if (exit._tag === "Success") assert.strictEqual(exit.value.status, 504)
      assert.deepStrictEqual([sent, ended], [["2000"], ["Failure"]])
    })
  )

  it.effect("each retry sends the time that is left", () =>
    Effect.gen(function* () {
      const failing = Effect.delay(Effect.succeed(HttpServerResponse.empty({ status: 503 })), "1 second")
      const { client, sent, statuses } = yield* setup(failing)
      const chain = ClientChain.make("c")
        .use(timeouts({ total: "5 seconds" }))
        .use(retry({ times: 2 }))
        .use(sending())
      const call = yield* Effect.forkChild(ClientChain.over(chain, client).execute(get), { startImmediately: true })
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(call)
      assert.deepStrictEqual([sent.length, statuses], [3, [503, 503, 503]])
      // Each has at least the second less that the attempt before it took.
      const left = sent.map(Number)
      assert.strictEqual(left[0], 5000)
      for (const attempt of [1, 2]) assert.isAtMost(left[attempt]!, left[attempt - 1]! - 1000)
    })
  )

  it.effect("without a total there is no header, and one of the caller stays", () =>
    Effect.gen(function* () {
      const { client, sent } = yield* setup(Effect.succeed(HttpServerResponse.empty()))
      const chain = ClientChain.over(ClientChain.make("c").use(timeouts()).use(sending()), client)
      yield* chain.execute(get)
      yield* chain.execute(HttpClientRequest.setHeader(get, header, "70"))
      assert.deepStrictEqual(sent, [undefined, "70"])
    })
  )

  it.effect("the server ignores words and numbers beyond its limit, and answers 504 after the deadline", () =>
    Effect.gen(function* () {
      const { ended, server } = yield* setup(Effect.delay(Effect.succeed(HttpServerResponse.empty()), "1 second"))
      const status = (value: string) =>
        Effect.gen(function* () {
          const reply = yield* Effect.forkChild(server.get("/", { headers: { [header]: value } }), {
            startImmediately: true
          })
          yield* TestClock.adjust("1 second")
          return (yield* Fiber.join(reply)).status
        })
      for (const value of ["", "-1", "1e3", "0x10", "1.5", "NaN", "99999999999", "9".repeat(40), "1001"]) {
        assert.strictEqual(yield* status(value), 204, value)
      }
      assert.deepStrictEqual(new Set(ended.splice(0)), new Set(["Success"]))
      for (const value of ["0", "999"]) assert.strictEqual(yield* status(value), 504, value)
    })
  )

  it.effect("a stream is cut at the deadline, and its producer is released", () =>
    Effect.gen(function* () {
      const ends: Array<Exit.Exit<void, unknown>> = []
      const released = yield* Deferred.make<void>()
      const producer = Stream.ensuring(
        Stream.concat(Stream.make(new TextEncoder().encode("part")), Stream.never),
        Effect.asVoid(Deferred.succeed(released, undefined))
      )
      const server = yield* TestServer.make(
        Pipeline.make("slow")
          .ended(Middleware.ended("ends", (exit) => void ends.push(exit)))
          .outer(deadlineHeader())
          .handle(HttpServerResponse.stream(producer))
      )
      const { body, status } = yield* server.open("GET", "/", { headers: { [header]: "1000" } })
      assert.strictEqual(status, 200)
      const received: Array<string> = []
      const read = yield* Effect.forkChild(
        Effect.exit(
          Stream.runForEach(body, (part) => Effect.sync(() => received.push(new TextDecoder().decode(part))))
        ),
        { startImmediately: true }
      )
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual([read.pollUnsafe(), ends], [undefined, []])
      yield* TestClock.adjust("1 millis")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(read)))
      assert.deepStrictEqual(received, ["part"])
      yield* Deferred.await(released)
      const [end] = ends
      assert.isTrue(end !== undefined && Exit.isFailure(end))
      const failure = Cause.squash((end as Exit.Failure<void, unknown>).cause)
      assert.instanceOf(failure, ResponseTimeout)
      assert.deepInclude(failure, { phase: "total", status: 504 })
    })
  )

  it("rejects an empty name", () => {
    assert.throws(() => sending({ name: " " }), InvalidOption)
    assert.throws(() => deadlineHeader({ name: "" }), InvalidOption)
  })
})
