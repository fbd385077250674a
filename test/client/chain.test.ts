/**
 * The rules of an exchange, one by one, over a transport without a socket.
 */
import { Readable } from "node:stream"

import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Option, Schema, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"

class Refused extends Schema.TaggedError<Refused>()("Refused", { by: Schema.String }) {}
class Broken extends Schema.TaggedError<Broken>()("Broken", { by: Schema.String }) {}

const url = "http://localhost/"
const answer = (status: number): ClientHandler.Response =>
  HttpClientResponse.fromWeb(HttpClientRequest.get(url), new Response("text", { status }))

/** A network that answers 200 and notes what it gets. */
const network = () => {
  const got: Array<ClientHandler.Request> = []
  const client = HttpClient.make((request) => Effect.sync(() => (got.push(request), answer(200))))
  return { got, client }
}

const unreachable = HttpClient.make((request) =>
  Effect.fail(new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) }))
)

const queueing = (name: string, attempts = 1) =>
  ClientHandler.make(name, {
    afterResponse: (_, { attempt, original }) =>
      attempt <= attempts ? ClientHandler.followUp(original, name) : undefined
  })

/** Notes the outcome that reaches it. */
const watching = () => {
  const saw: Array<ClientHandler.Outcome> = []
  return { saw, handler: ClientHandler.make("watching", { afterResponse: (outcome) => void saw.push(outcome) }) }
}

const failing = (by: string) => ClientHandler.make(by, { afterResponse: () => Effect.fail(new Broken({ by })) })

describe.each([
  ["plain values", <A>(value: A): A | Effect.Effect<A> => value],
  ["Exits", <A>(value: A): A | Effect.Effect<A> => Exit.succeed(value)],
  ["Effects that suspend", <A>(value: A): A | Effect.Effect<A> => Effect.as(Effect.yieldNow, value)]
] as const)("20,000 handlers that return %s", (_, give) => {
  it.effect("client 1: run in order out and in reverse back, without an overflow", () =>
    Effect.gen(function* () {
      const many = 20_000
      let next = 0
      const handler = ClientHandler.make("counting", {
        run: () => give(ClientHandler.proceedWith(next++)),
        afterResponse: (__, _, state) => {
          assert.strictEqual(Option.getOrThrow(state), --next)
          return give(undefined)
        }
      })
      let chain = ClientChain.make("deep")
      for (let count = 0; count < many / 100; count++) {
        let part = ClientChain.make("part")
        for (let count = 0; count < 100; count++) part = part.use(handler)
        chain = chain.append(part)
      }
      const response = yield* chain.pipe(ClientChain.over(network().client)).get(url)
      assert.strictEqual(response.status, 200)
      assert.strictEqual(next, 0)
    })
  )
})

describe("a halt", () => {
  it.effect("client 2: skips the network and the later runs, and every afterResponse knows that and by whom", () =>
    Effect.gen(function* () {
      const journal: Array<string> = []
      const noting = (name: string, run: () => ClientHandler.Halt | ClientHandler.Proceed<string>) =>
        ClientHandler.make(name, {
          run,
          afterResponse: (_, { haltedBy }, state) =>
            void journal.push(`${name} ${haltedBy} ${Option.getOrElse(state, () => "not entered")}`)
        })
      const { client, got } = network()
      const response = yield* ClientChain.make("halt")
        .use(noting("first", () => ClientHandler.proceedWith("state of first")))
        .use(noting("halting", () => ClientHandler.halt(answer(203))))
        .use(noting("last", () => ClientHandler.proceedWith("never")))
        .pipe(ClientChain.over(client))
        .get(url)
      assert.strictEqual(response.status, 203)
      assert.deepStrictEqual(got, [])
      assert.deepStrictEqual(journal, [
        "last halting not entered",
        "halting halting not entered",
        "first halting state of first"
      ])
    })
  )

  it.effect("client 2: destroys a Node stream that was to be sent", () =>
    Effect.gen(function* () {
      const body = new Readable({ read: () => {} })
      const halting = ClientHandler.make("halting", { run: () => ClientHandler.halt(answer(203)) })
      const request = HttpClientRequest.post(url).pipe(HttpClientRequest.setBody(HttpBody.raw(body)))
      yield* ClientChain.make("halt").use(halting).pipe(ClientChain.over(network().client)).execute(request)
      assert.isTrue(body.destroyed)
    })
  )

  it.effect("client 2: keeps the unsent body for a follow-up that carries it", () =>
    Effect.gen(function* () {
      const { client, got } = network()
      const halting = ClientHandler.make("halting", {
        run: ({ attempt }) => (attempt === 1 ? ClientHandler.halt(answer(401)) : undefined)
      })
      const body = new ReadableStream({ start: (controller) => controller.close() })
      const request = HttpClientRequest.post(url).pipe(HttpClientRequest.setBody(HttpBody.raw(body)))
      yield* ClientChain.make("halt")
        .use(queueing("again"))
        .use(halting)
        .pipe(ClientChain.over(client))
        .execute(request)
      assert.strictEqual(got[0]?.body._tag === "Raw" && got[0].body.body, body)
    })
  )
})

describe("a failure", () => {
  it.effect("client 3: of a run is the outcome of the way back, and can be recovered", () =>
    Effect.gen(function* () {
      const refusing = ClientHandler.make("refusing", { run: () => Effect.fail(new Refused({ by: "refusing" })) })
      const rescuing = ClientHandler.make("rescuing", {
        afterResponse: (outcome) => (outcome._tag === "Failure" ? ClientHandler.respond(answer(299)) : undefined)
      })
      const { saw, handler } = watching()
      const { client, got } = network()
      const response = yield* ClientChain.make("c")
        .use(rescuing)
        .use(handler)
        .use(refusing)
        .pipe(ClientChain.over(client))
        .get(url)
      assert.strictEqual(response.status, 299)
      assert.deepStrictEqual(got, [])
      assert.deepStrictEqual(saw, [{ _tag: "Failure", cause: Cause.fail(new Refused({ by: "refusing" })) }])
    })
  )

  it.effect("client 3: in an afterResponse does not skip the outer ones, and the causes are combined", () =>
    Effect.gen(function* () {
      const defect = new Error("defect")
      const throwing = ClientHandler.make("throwing", {
        afterResponse: () => {
          throw defect
        }
      })
      const { saw, handler } = watching()
      const chain = ClientChain.make("c")
        .use(handler)
        .use(failing("outer"))
        .use(throwing)
        .use(handler)
        .use(failing("inner"))
      const exit = yield* Effect.exit(chain.pipe(ClientChain.over(network().client)).get(url))
      const inner = new Broken({ by: "inner" })
      const causes = saw.map((outcome) =>
        (outcome._tag === "Failure" ? outcome.cause.reasons : []).map((reason) =>
          Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : reason
        )
      )
      assert.deepStrictEqual(causes, [[inner], [inner, defect, new Broken({ by: "outer" })]])
      assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.length === 3)
    })
  )

  it.effect("client 3: a recover catches its class from everything declared after it and from the transport", () =>
    Effect.gen(function* () {
      const chain = ClientChain.make("c").recover(HttpClientError.HttpClientError, () => answer(504))
      assert.strictEqual((yield* chain.pipe(ClientChain.over(unreachable)).get(url)).status, 504)
    })
  )

  it.effect("client 3: the failure of a recover replaces the caught one", () =>
    Effect.gen(function* () {
      const chain = ClientChain.make("c")
        .recover(Broken, ({ by }) => Effect.fail(new Refused({ by })))
        .use(failing("inner"))
      const exit = yield* Effect.exit(chain.pipe(ClientChain.over(network().client)).get(url))
      assert.deepStrictEqual(exit, Exit.fail(new Refused({ by: "inner" })))
    })
  )

  it.effect("client 3: a recover lets a cause with a defect pass", () =>
    Effect.gen(function* () {
      const dying = ClientHandler.make("dying", { afterResponse: () => Effect.die("defect") })
      const chain = ClientChain.make("c")
        .recover(Broken, () => answer(200))
        .use(dying)
        .use(failing("inner"))
      const exit = yield* Effect.exit(chain.pipe(ClientChain.over(network().client)).get(url))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )

  it.effect("client 3: of an afterResponse is caught by a recover that the way out did not reach", () =>
    Effect.gen(function* () {
      const halting = ClientHandler.make("halting", { run: () => ClientHandler.halt(answer(203)) })
      const chain = ClientChain.make("c")
        .use(halting)
        .recover(Broken, () => answer(299))
        .use(failing("inner"))
      assert.strictEqual((yield* chain.pipe(ClientChain.over(network().client)).get(url)).status, 299)
    })
  )

  it.effect("client 3: of a run declared before a recover is not caught by it", () =>
    Effect.gen(function* () {
      const refusing = ClientHandler.make("refusing", { run: () => Effect.fail(new Refused({ by: "run" })) })
      const chain = ClientChain.make("c")
        .use(refusing)
        .recover(Refused, () => answer(299))
        .use(ClientHandler.make("inner", { run: () => Effect.fail(new Refused({ by: "inner" })) }))
      const error = yield* Effect.flip(chain.pipe(ClientChain.over(network().client)).get(url))
      assert.deepStrictEqual(error, new Refused({ by: "run" }))
    })
  )
})

describe("a follow-up", () => {
  it.effect("client 4: is queued by the last writer, who sees the earlier one", () =>
    Effect.gen(function* () {
      const { client, got } = network()
      const saw: Array<string | undefined> = []
      const outer = ClientHandler.make("outer", {
        afterResponse: (_, { attempt, followUpReason, original, queued }) => {
          saw.push(followUpReason, queued?.reason)
          const next = HttpClientRequest.setUrl(original, `${url}outer`)
          return attempt === 1 ? ClientHandler.followUp(next, "outer") : undefined
        }
      })
      yield* ClientChain.make("c").use(outer).use(queueing("inner")).pipe(ClientChain.over(client)).get(url)
      assert.deepStrictEqual(
        got.map((request) => request.url),
        [url, `${url}outer`]
      )
      assert.deepStrictEqual(saw, ["request", "inner", "outer", undefined])
    })
  )

  it.effect("client 4: is not sent when an outer handler takes it", () =>
    Effect.gen(function* () {
      const { client, got } = network()
      const taken: Array<string | undefined> = []
      const taking = ClientHandler.make("taking", {
        afterResponse: (_, { takeQueued }) => void taken.push(takeQueued()?.reason, takeQueued()?.reason)
      })
      yield* ClientChain.make("c").use(taking).use(queueing("inner")).pipe(ClientChain.over(client)).get(url)
      assert.deepStrictEqual(taken, ["inner", undefined])
      assert.strictEqual(got.length, 1)
    })
  )

  it.effect("client 4: is beaten by an unhandled failure, and not by the one that it recovers", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        ClientChain.make("c").use(queueing("q")).pipe(ClientChain.over(unreachable)).get(url)
      )
      assert.isTrue(HttpClientError.isHttpClientError(error))
      const instead = ClientHandler.make("instead", {
        afterResponse: (outcome, { attempt, original }) =>
          outcome._tag === "Failure" && attempt < 4 ? ClientHandler.followUpInstead(original, "down") : undefined
      })
      let calls = 0
      const flaky = HttpClient.make((request) =>
        Effect.suspend(() => (++calls < 4 ? unreachable.execute(request) : Effect.succeed(answer(200))))
      )
      assert.strictEqual((yield* ClientChain.make("c").use(instead).pipe(ClientChain.over(flaky)).get(url)).status, 200)
      assert.strictEqual(calls, 4)
    })
  )

  it.effect("client 4: beyond the cap is a typed error, which no recover of the chain catches", () =>
    Effect.gen(function* () {
      const { client, got } = network()
      const chain = ClientChain.make("c", { maxFollowUps: 3 })
        .recover(ClientHandler.FollowUpError, () => answer(299))
        .use(queueing("forever", Number.POSITIVE_INFINITY))
      const error = yield* Effect.flip(chain.pipe(ClientChain.over(client)).get(url))
      assert.deepStrictEqual(
        error,
        new ClientHandler.FollowUpError({
          reason: { _tag: "TooManyFollowUps", maxFollowUps: 3 },
          cycles: 4,
          handler: "forever"
        })
      )
      assert.strictEqual(got.length, 4)
    })
  )

  it.effect("client 4: is capped at 20 when nothing else is said", () =>
    Effect.gen(function* () {
      const { client, got } = network()
      yield* Effect.flip(
        ClientChain.make("c").use(queueing("q", Number.POSITIVE_INFINITY)).pipe(ClientChain.over(client)).get(url)
      )
      assert.strictEqual(got.length, 21)
    })
  )

  it.effect("client 5: finds what was kept for the logical request, and calls share nothing", () =>
    Effect.gen(function* () {
      const cell = ClientHandler.cell("tries", () => 0)
      const counts: Array<number> = []
      const counting = ClientHandler.make("counting", {
        run: (exchange) =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => exchange.set(cell, exchange.get(cell) + 1))
          ),
        afterResponse: (_, exchange) => void counts.push(exchange.get(cell))
      })
      const client = ClientChain.make("c").use(queueing("again")).use(counting).pipe(ClientChain.over(network().client))
      yield* Effect.all([client.get(url), client.get(url), client.get(url)], { concurrency: "unbounded" })
      assert.deepStrictEqual(
        counts.toSorted((a, b) => a - b),
        [1, 1, 1, 2, 2, 2]
      )
    })
  )

  const replays: ReadonlyArray<readonly [string, () => HttpBody.HttpBody, boolean]> = [
    ["text", () => HttpBody.text("x"), true],
    ["a blob", () => HttpBody.raw(new Blob(["x"])), true],
    ["URL parameters", () => HttpBody.raw(new URLSearchParams("a=1")), true],
    ["a data view", () => HttpBody.raw(new DataView(new ArrayBuffer(1))), true],
    ["a stream", () => HttpBody.stream(Stream.make(new Uint8Array(1))), false],
    ["a web stream", () => HttpBody.raw(new ReadableStream()), false],
    ["a Node stream", () => HttpBody.raw(Readable.from(["x"])), false],
    ["an async iterable", () => HttpBody.raw(Stream.toAsyncIterable(Stream.make("x"))), false]
  ]

  it.effect.each(replays)("client 6: may carry %s that was sent: $2", ([, body, mayReplay]) =>
    Effect.gen(function* () {
      const { client, got } = network()
      const request = HttpClientRequest.post(url).pipe(HttpClientRequest.setBody(body()))
      const exit = yield* Effect.exit(
        ClientChain.make("c").use(queueing("again")).pipe(ClientChain.over(client)).execute(request)
      )
      assert.strictEqual(Exit.isSuccess(exit), mayReplay)
      assert.strictEqual(got.length, mayReplay ? 2 : 1)
    })
  )
})

describe("an interruption", () => {
  it.effect("client 7: ends the exchange: no afterResponse runs", () =>
    Effect.gen(function* () {
      const entered = yield* Deferred.make<void>()
      const { saw, handler } = watching()
      const waiting = ClientHandler.make("waiting", {
        run: () => Effect.andThen(Deferred.succeed(entered, undefined), Effect.never)
      })
      const chain = ClientChain.make("c").use(handler).use(waiting).pipe(ClientChain.over(network().client))
      const fiber = yield* Effect.forkChild(chain.get(url))
      yield* Deferred.await(entered)
      yield* Fiber.interrupt(fiber)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
      assert.deepStrictEqual(saw, [])
    })
  )
})
