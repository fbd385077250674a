/** Shared requests, and bodies on their way. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { ClientChain } from "fairlead/client"
import { cache, CacheStore, timeouts } from "fairlead/client/handlers"

import { serving, transportsWith } from "../../Transports.ts"
import { loopback } from "../Loopback.ts"
import { wireOf } from "../Wire.ts"
import { cached, call, fresh, url } from "./Caching.ts"

describe("calls at the same time", () => {
  const gated = (headers: Readonly<Record<string, string>>) => {
    const gate = Deferred.makeUnsafe<void>()
    const origin = cached((request, count) =>
      Effect.as(count === 1 ? Deferred.await(gate) : Effect.void, {
        headers,
        body: `${request.headers["x-v"] ?? ""}${count}`
      })
    )
    return { ...origin, open: Deferred.succeed(gate, undefined) }
  }
  const forked = <A, E>(effect: Effect.Effect<A, E>) => Effect.forkChild(effect, { startImmediately: true })

  it.effect("cache 6: equal misses share one request", () =>
    Effect.gen(function* () {
      const { client, count, open } = gated(fresh)
      const fibers = yield* Effect.forEach([1, 2, 3], () => forked(call(client)))
      yield* open
      const got = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual([got.map(({ text }) => text), count()], [["1", "1", "1"], 1])
      assert.deepStrictEqual(
        got.map(({ headers }) => headers["cache-status"]?.includes("collapsed")),
        [false, true, true]
      )
    })
  )

  it.effect("cache 6: the leader may leave, and the others still get the response", () =>
    Effect.gen(function* () {
      const { client, count, open } = gated(fresh)
      const leader = yield* forked(call(client))
      const waiter = yield* forked(call(client))
      yield* Fiber.interrupt(leader)
      yield* open
      assert.deepStrictEqual([(yield* Fiber.join(waiter)).text, count()], ["1", 1])
    })
  )

  it.effect("cache 6: waiters stop waiting when the head says that the response is not stored", () =>
    Effect.gen(function* () {
      const { client, count, open } = gated({ "cache-control": "no-store" })
      const fibers = yield* Effect.forEach([1, 2, 3], () => forked(call(client)))
      yield* open
      const got = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual([got.map(({ text }) => text).toSorted(), count()], [["1", "2", "3"], 3])
    })
  )

  it.effect("cache 6: a waiter with another variant sends its own request", () =>
    Effect.gen(function* () {
      const { client, open } = gated({ ...fresh, vary: "x-v" })
      const fibers = yield* Effect.forEach(["a", "b"], (value) => forked(call(client, { headers: { "x-v": value } })))
      yield* open
      const got = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(
        got.map(({ text }) => text),
        ["a1", "b2"]
      )
    })
  )

  it.effect("cache 6: a waiter waits for the lock time-out, then sends its own request", () =>
    Effect.gen(function* () {
      const origin = cached((_, count) => (count === 1 ? Effect.never : { headers: fresh, body: String(count) }), {
        lockTimeout: "3 seconds"
      })
      yield* forked(call(origin.client))
      const waiter = yield* forked(call(origin.client))
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(waiter)).text, "2")
    })
  )

  it.effect("cache 6: the time-out of the leader is not that of the waiters", () =>
    Effect.gen(function* () {
      const { client: wire } = wireOf(() =>
        Effect.as(Effect.sleep("10 seconds"), new Response("x", { headers: fresh }))
      )
      const client = ClientChain.over(
        ClientChain.make("c")
          .use(timeouts({ total: "4 seconds" }))
          .use(cache()),
        wire
      )
      const patient = ClientChain.over(ClientChain.make("c").use(cache({ store: CacheStore.makeMemory() })), wire)
      const leader = yield* forked(Effect.exit(call(client)))
      yield* TestClock.adjust("3 seconds")
      const waiter = yield* forked(Effect.exit(call(client)))
      const other = yield* forked(Effect.exit(call(patient)))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(leader)))
      yield* TestClock.adjust("9 seconds")
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(other)))
      assert.isTrue(Exit.isFailure(yield* Fiber.join(waiter)))
    })
  )
})

describe("a body on its way", () => {
  /** An origin whose body comes piece by piece, when it is pulled. */
  const streaming = (pieces: number, options: Parameters<typeof cache>[0] = {}, size = 40_000) => {
    let pulled = 0
    let cancelled = 0
    const wire = wireOf(() => {
      let left = pieces
      const body = new ReadableStream<Uint8Array>(
        {
          pull: (controller) => {
            if (left-- === 0) return controller.close()
            pulled++
            controller.enqueue(new Uint8Array(size).fill(pieces - left))
          },
          cancel: () => void cancelled++
        },
        { highWaterMark: 0 }
      )
      return new Response(body, { headers: fresh })
    })
    const client = ClientChain.over(ClientChain.make("c").use(cache(options)), wire.client)
    return { ...wire, client, pulled: () => pulled, cancelled: () => cancelled }
  }
  const settle = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
  const total = (buffer: ArrayBuffer) => buffer.byteLength

  it.live("cache 6: the network is read as fast as the reader reads, and the reader while the store fills", () =>
    Effect.gen(function* () {
      const { asked, client, pulled } = streaming(50)
      const response = yield* client.get(url)
      yield* settle
      assert.isAtMost(pulled(), 4)
      const seen: Array<number> = []
      yield* Stream.runForEach(Stream.take(response.stream, 10), (piece) => Effect.sync(() => seen.push(piece[0]!)))
      assert.deepStrictEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
      assert.strictEqual(asked.length, 1)
    })
  )

  it.live("cache 6: a second caller joins a body on its way, and both get all of it", () =>
    Effect.gen(function* () {
      const { asked, client } = streaming(20)
      const first = yield* client.get(url)
      yield* settle
      const second = yield* client.get(url)
      assert.strictEqual(asked.length, 1)
      const sizes = yield* Effect.all([first.arrayBuffer, second.arrayBuffer], { concurrency: 2 })
      assert.deepStrictEqual(sizes.map(total), [800_000, 800_000])
      assert.strictEqual(total(yield* Effect.flatMap(client.get(url), (response) => response.arrayBuffer)), 800_000)
      assert.strictEqual(asked.length, 1)
    })
  )

  it.live("cache 6: a body beyond 1 MiB streams through, and is stored", () =>
    Effect.gen(function* () {
      const { asked, client } = streaming(60)
      const response = yield* client.get(url)
      assert.strictEqual(total(yield* response.arrayBuffer), 2_400_000)
      assert.strictEqual(total(yield* Effect.flatMap(client.get(url), (response) => response.arrayBuffer)), 2_400_000)
      assert.strictEqual(asked.length, 1)
    })
  )

  it.live("cache 6: a body beyond the largest entry streams through, and is not stored", () =>
    Effect.gen(function* () {
      const { asked, client } = streaming(60, { store: CacheStore.makeMemory({ maxEntryBytes: "1 MiB" }) })
      for (const count of [1, 2]) {
        const response = yield* client.get(url)
        assert.strictEqual(total(yield* response.arrayBuffer), 2_400_000)
        assert.strictEqual(asked.length, count)
      }
    })
  )

  it.live("cache 6: an abandoned body is read into the store when it is small enough, else dropped", () =>
    Effect.gen(function* () {
      for (const [maxAbandonedBytes, isKept] of [
        ["1 MiB", true],
        [0, false]
      ] as const) {
        const { asked, cancelled, client } = streaming(20, { maxAbandonedBytes })
        const response = yield* client.get(url)
        yield* Stream.runDrain(Stream.take(response.stream, 1))
        yield* settle
        assert.strictEqual(cancelled(), isKept ? 0 : 1)
        yield* Effect.flatMap(client.get(url), (response) => response.arrayBuffer)
        assert.strictEqual(asked.length, isKept ? 1 : 2)
      }
    })
  )

  it.live("cache 4: a body that breaks off fails for its readers, and is not stored", () =>
    Effect.gen(function* () {
      let count = 0
      const wire = wireOf(() => {
        count++
        let left = 3
        const body = new ReadableStream<Uint8Array>({
          pull: (controller) =>
            left-- === 0 ? controller.error(new Error("cut")) : controller.enqueue(new Uint8Array(10))
        })
        return new Response(body, { headers: fresh })
      })
      const client = ClientChain.over(ClientChain.make("c").use(cache()), wire.client)
      for (const _ of [1, 2]) {
        const response = yield* client.get(url)
        assert.isTrue(Exit.isFailure(yield* Effect.exit(response.text)))
      }
      assert.strictEqual(count, 2)
    })
  )

  it.effect("cache 6: a caller that writes into its body changes nothing for others", () =>
    Effect.gen(function* () {
      const { client } = cached(() => ({ headers: fresh }))
      for (const _ of [1, 2, 3]) {
        const response = yield* client.execute(HttpClientRequest.get(url))
        const bytes = new Uint8Array(yield* response.arrayBuffer)
        assert.strictEqual(bytes[0], "b".charCodeAt(0))
        bytes.fill(0)
      }
    })
  )
})

describe.each(transportsWith(4))("a client with a scope over %s", (_, transport) => {
  it.live("cache 6: the end of one caller's scope ends nothing that others share", () =>
    Effect.gen(function* () {
      let count = 0
      const piece = Buffer.alloc(200_000, "x")
      const server = yield* loopback((_, response) => {
        count++
        response.writeHead(200, fresh)
        response.write(piece)
        setTimeout(() => response.end(Buffer.concat([piece, piece])), 50)
      })
      const network = HttpClient.withScope(yield* HttpClient.HttpClient)
      const client = ClientChain.over(ClientChain.make("c").use(cache()), network)
      const waiter = yield* Effect.scoped(Effect.andThen(client.get(server.origin), client.get(server.origin)))
      assert.strictEqual((yield* waiter.arrayBuffer).byteLength, 600_000)
      assert.strictEqual(count, 1)
    }).pipe(Effect.provide(transport), Effect.scoped)
  )

  it.live("cache 6: a response with no-store ends with its caller's scope", () =>
    Effect.gen(function* () {
      const { aborted, url } = yield* serving
      const network = HttpClient.withScope(yield* HttpClient.HttpClient)
      const client = ClientChain.over(ClientChain.make("c").use(cache()), network)
      assert.strictEqual((yield* Effect.scoped(client.get(`${url}/endless`))).status, 200)
      yield* aborted("/endless")
    }).pipe(Effect.provide(transport), Effect.scoped)
  )
})
