/** The contract of `idempotencyKey` between its two ends: the client makes one key a logical request, and the server acts once. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { InvalidOption } from "fairlead"
import { ClientChain } from "fairlead/client"
import { idempotencyKey as keyed, retry } from "fairlead/client/handlers"
import { Pipeline } from "fairlead/server"
import { idempotencyKey, IdempotencyStore } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { clientOf } from "./Pair.ts"

/** A server that counts, behind a network that loses the first `lost` responses. */
const setup = (lost: number) =>
  Effect.gen(function* () {
    const acts: Array<string> = []
    const handler = Effect.map(
      Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => Effect.orDie(text)),
      (text) => HttpServerResponse.text(`${acts.push(text)}`, { status: 201 })
    )
    const app = Pipeline.make("pay")
      .handle(handler, idempotencyKey({ user: () => "ann", required: true }))
      .respond()
    const { client, statuses } = clientOf(yield* TestServer.make(app, Layer.fresh(IdempotencyStore.layerMemory)))
    const keys: Array<string | undefined> = []
    let left = lost
    const lossy = HttpClient.transform(client, (response, request) => {
      keys.push(request.headers["idempotency-key"])
      return Effect.flatMap(response, (response) =>
        left-- > 0
          ? Effect.fail(
              new HttpClientError.HttpClientError({
                reason: new HttpClientError.TransportError({ request, description: "the response was lost" })
              })
            )
          : Effect.succeed(response)
      )
    })
    const chain = ClientChain.make("c")
      .use(keyed())
      .use(retry({ times: 3 }))
    return { acts, keys, statuses, call: ClientChain.over(chain, lossy), chain }
  })

const pay = (body: string) => HttpClientRequest.post("http://pay.test/payments").pipe(HttpClientRequest.bodyText(body))

const settled = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const running = yield* Effect.forkChild(effect, { startImmediately: true })
    while (running.pollUnsafe() === undefined) {
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => new Promise(setImmediate))
    }
    return yield* Fiber.join(running)
  })

describe("the pair of idempotency keys", () => {
  it.effect("a POST whose responses were lost is sent again, and acts once", () =>
    Effect.gen(function* () {
      const { acts, call, keys, statuses } = yield* setup(2)
      const response = yield* settled(call.execute(pay("10 EUR")))
      assert.deepStrictEqual([response.status, response.headers["idempotency-replayed"]], [201, "true"])
      assert.deepStrictEqual([acts, statuses], [["10 EUR"], [201, 201, 201]])
      assert.lengthOf(keys, 3)
      assert.strictEqual(new Set(keys).size, 1)
      assert.match(keys[0]!, /^"[\da-f-]{36}"$/)
    })
  )

  it.effect("two logical requests have two keys, and both act", () =>
    Effect.gen(function* () {
      const { acts, call, keys } = yield* setup(0)
      yield* settled(call.execute(pay("1")))
      yield* settled(call.execute(pay("1")))
      assert.strictEqual(new Set(keys).size, 2)
      assert.deepStrictEqual(acts, ["1", "1"])
    })
  )

  it.effect("keeps a key of the caller, and leaves other methods without one", () =>
    Effect.gen(function* () {
      const { call, keys } = yield* setup(0)
      yield* settled(call.execute(HttpClientRequest.setHeader(pay("1"), "idempotency-key", '"mine"')))
      yield* settled(call.execute(HttpClientRequest.get("http://pay.test/")))
      assert.deepStrictEqual(keys, ['"mine"', undefined])
    })
  )

  it("rejects options that cannot work", () => {
    assert.throws(() => keyed({ methods: [] }), InvalidOption)
    assert.throws(() => keyed({ name: " " }), InvalidOption)
  })
})
