/** Client handlers that share work survive an interruption at every operation, alone and beside another caller. */
import { assert } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Redacted } from "effect"
import { KeyValueStore } from "effect/persistence"
import { ClientChain } from "fairlead/client"
import { bodyLimit, CookieJar, dedupe, hedge, refresh } from "fairlead/client/handlers"

import { wireOf } from "../client/handlers/Wire.ts"
import { simulates, sweeps } from "../kit/Sweeping.ts"

const origins = ["https://api.com"]
const url = "https://api.com/"

/** A network whose answers take a turn; how many it works at. */
const slowWire = () => {
  const counts = { begun: 0, working: 0 }
  const stuck = { first: false }
  const { client } = wireOf(() =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        counts.working++
        return counts.begun++
      }),
      (before) => (stuck.first && before === 0 ? Effect.never : Effect.as(Effect.yieldNow, new Response("ok"))),
      () => Effect.sync(() => counts.working--)
    )
  )
  return { client, counts, stuck }
}

const refreshing = (fails: boolean) =>
  Effect.sync(() => {
    const counts = { now: 0, most: 0, made: 0 }
    const renew = Effect.acquireUseRelease(
      Effect.sync(() => {
        counts.most = Math.max(counts.most, ++counts.now)
      }),
      () =>
        Effect.flatMap(Effect.yieldNow, () =>
          fails && ++counts.made < 3 ? Effect.fail("no token" as const) : Effect.succeed(Redacted.make("t"))
        ),
      () => Effect.sync(() => counts.now--)
    )
    const chain = ClientChain.make("c").use(refresh({ origins, refresh: () => renew }))
    const client = ClientChain.over(chain, slowWire().client)
    return { client, counts }
  })

sweeps("client refresh of two callers", {
  make: refreshing(false),
  call: ({ client }) => Effect.all([client.get(url), client.get(url)], { concurrency: 2 }),
  after: ({ client, counts }) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* client.get(url)).status, 200)
      // One refresh at a time, whoever left.
      assert.strictEqual(counts.most, 1)
    })
})

simulates("client refresh of ten at once", {
  seeds: 100,
  scenario: Effect.gen(function* () {
    const { client, counts } = yield* refreshing(false)
    const statuses = yield* Effect.all(
      Array.from({ length: 10 }, () => Effect.map(client.get(url), ({ status }) => status)),
      { concurrency: "unbounded" }
    )
    return { ...counts, statuses }
  }),
  invariants: {
    "one refresh at a time, and everybody is served": ({ value }) =>
      value.most === 1 && value.statuses.every((status) => status === 200)
  }
})

sweeps("client refresh that fails", {
  make: refreshing(true),
  call: ({ client }) => Effect.all([Effect.exit(client.get(url)), Effect.exit(client.get(url))], { concurrency: 2 }),
  after: ({ client }) =>
    Effect.gen(function* () {
      yield* Effect.exit(client.get(url))
      yield* Effect.exit(client.get(url))
      assert.strictEqual((yield* client.get(url)).status, 200)
    })
})

sweeps("client dedupe beside another caller", {
  make: Effect.sync(() => {
    const { client, counts } = slowWire()
    const shared = ClientChain.over(ClientChain.make("c").use(dedupe()), client)
    return { client: shared, counts, others: { begun: 0, served: 0 } }
  }),
  call: ({ client, others }) =>
    Effect.gen(function* () {
      // It stays, whoever else leaves.
      const other = Effect.suspend(() => {
        others.begun++
        return Effect.map(client.get(url), () => others.served++)
      })
      yield* Effect.forkDetach(other)
      yield* client.get(url)
    }),
  after: ({ client, counts, others }) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* client.get(url)).status, 200)
      for (let turn = 0; turn < 30; turn++) yield* Effect.yieldNow
      assert.strictEqual(counts.working, 0)
      assert.strictEqual(others.served, others.begun)
    })
})

sweeps("client hedge and its attempts", {
  make: Effect.sync(() => {
    const { client, counts, stuck } = slowWire()
    stuck.first = true
    return { client: ClientChain.over(ClientChain.make("c").use(hedge({ delay: 0 })), client), counts, stuck }
  }),
  // The first attempt never ends by itself: whoever leaves, or wins, interrupts it.
  call: ({ client }) => client.get(url),
  after: ({ client, counts, stuck }) =>
    Effect.gen(function* () {
      for (let turn = 0; turn < 30; turn++) yield* Effect.yieldNow
      assert.strictEqual(counts.working, 0)
      stuck.first = false
      assert.strictEqual((yield* client.get(url)).status, 200)
    })
})

simulates("client CookieJar of callers at once", {
  seeds: 100,
  scenario: Effect.gen(function* () {
    const numbers = Array.from({ length: 10 }, (_, index) => index)
    const store = yield* Layer.build(KeyValueStore.layerMemory)
    const jarIn = Effect.map(Effect.provideContext(Layer.build(CookieJar.layerKvs()), store), (context) =>
      Context.get(context, CookieJar)
    )
    const { inMemory, sent } = yield* Effect.scoped(
      Effect.gen(function* () {
        const jar = yield* jarIn
        yield* Effect.forEach(
          numbers,
          (number) =>
            Effect.andThen(
              jar.store(new URL(url), [`c${number}=1; Max-Age=100`]),
              number % 3 === 0 ? jar.save : jar.cookiesFor(new URL(url))
            ),
          { concurrency: "unbounded" }
        )
        return { inMemory: (yield* jar.all).length, sent: (yield* jar.cookiesFor(new URL(url))).length }
      })
    )
    const plain = Context.get(yield* Layer.build(CookieJar.layer()), CookieJar)
    yield* Effect.forEach(numbers, (number) => plain.store(new URL(url), [`c${number}=1`]), {
      concurrency: "unbounded"
    })
    // The jar has ended: the next one reads what it wrote.
    const written = (yield* Effect.flatMap(jarIn, ({ all }) => all)).length
    return { inMemory, sent, written, plain: (yield* plain.all).length }
  }),
  invariants: {
    "every cookie is kept, sent and written": ({ value }) =>
      [value.inMemory, value.sent, value.written, value.plain].every((count) => count === 10)
  }
})

sweeps("client body that is read again", {
  make: Effect.suspend(() => {
    const { client } = wireOf(() => Effect.succeed(new Response("a body")))
    return ClientChain.over(ClientChain.make("c").use(bodyLimit({ maxBytes: 100 })), client).get(url)
  }),
  call: ({ text }) => Effect.all([text, text], { concurrency: 2 }),
  after: ({ text }, exit) =>
    Effect.gen(function* () {
      // Who was interrupted has closed the connection: whoever reads next has the body, or an error, and does not wait.
      const again = yield* Effect.exit(text)
      if (Exit.isSuccess(exit) || Exit.isSuccess(again)) assert.deepStrictEqual(again, Exit.succeed("a body"))
    })
})
