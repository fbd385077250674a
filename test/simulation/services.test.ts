/** Harbour's services with state survive an interruption at every operation. */
import { assert } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Logger, Option, Random } from "effect"
import { TestEndpoint } from "fairlead/testing/endpoint"

import { Known } from "../../examples/harbour/PeerNews.ts"
import { link } from "../../examples/harbour/Peers.ts"
import { Previews } from "../../examples/harbour/Previews.ts"
import { moored, quay } from "../harbour/PeerHarbour.ts"
import { simulates, sweeps } from "../kit/Sweeping.ts"
import { peerAt } from "./HarbourWhole.ts"

const quiet = Effect.provide(Logger.layer([]))

const furnished = Effect.tap(moored, (harbour) => harbour.createRoom(quay))

sweeps("harbour messages", {
  make: furnished,
  call: (harbour) => harbour.post("first"),
  after: (harbour) =>
    Effect.gen(function* () {
      yield* harbour.post("second")
      // The first is stored and told, or neither; the second is both, and after it.
      const said = yield* harbour.said
      assert.deepStrictEqual(
        said,
        harbour.told.map((text) => `Ada: ${text}`)
      )
      assert.include(harbour.told, "second")
    })
})

sweeps("harbour messages of another harbour", {
  make: Effect.gen(function* () {
    const [north, south] = [yield* furnished, yield* moored]
    yield* north.post("first")
    const unknown = Known.make({ rooms: {}, messages: {} })
    return { north, south, news: yield* north.storage.lacking(unknown) }
  }),
  call: ({ news, south }) => south.take(news),
  after: ({ news, south }) =>
    Effect.gen(function* () {
      // It is taken whole and told once, now or by the call that was interrupted.
      yield* south.take(news)
      assert.deepStrictEqual(yield* south.said, ["Ada: first"])
      assert.deepStrictEqual(south.told, ["first"])
    })
})

/** Works off what waits, for some turns. */
const working = (harbour: Effect.Success<typeof furnished>, turns: number) =>
  Effect.gen(function* () {
    const { work } = Context.get(harbour.context, Previews)
    const worker = yield* Effect.forkScoped(work)
    for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
    yield* Fiber.interrupt(worker)
  })

const waits = (harbour: Effect.Success<typeof furnished>) => Effect.map(harbour.storage.beginPreview(0), Option.isSome)

sweeps("harbour previews", {
  make: Effect.gen(function* () {
    const harbour = yield* furnished
    yield* harbour.post("look at http://a.test/")
    return harbour
  }),
  call: (harbour) => working(harbour, 30),
  after: (harbour) =>
    Effect.gen(function* () {
      yield* harbour.post("look at http://b.test/")
      yield* working(harbour, 200)
      assert.isFalse(yield* waits(harbour))
    })
})

simulates("harbour previews while messages come", {
  seeds: 100,
  scenario: Effect.gen(function* () {
    const harbour = yield* furnished
    const worker = yield* Effect.forkChild(Context.get(harbour.context, Previews).work)
    const post = (number: number) =>
      Effect.gen(function* () {
        const turns = yield* Random.nextIntBetween(0, 40)
        for (let turn = 0; turn < turns; turn++) yield* Effect.yieldNow
        yield* harbour.post(`look at http://a.test/${number}`)
      })
    let left = 0
    // The last message of each round must wake a worker that may just have found nothing.
    for (let round = 0; round < 16; round++) {
      yield* Effect.forEach([1, 2], post, { concurrency: 2 })
      yield* Effect.sleep("1 second")
      if (yield* waits(harbour)) left++
    }
    yield* Fiber.interrupt(worker)
    return { left }
  }),
  invariants: { "no link waits for its preview": ({ value }) => value.left === 0 }
})

sweeps("harbour peer link", {
  make: Effect.gen(function* () {
    const network = yield* Layer.build(TestEndpoint.layer())
    const [north, south] = [yield* furnished, yield* moored]
    yield* Effect.provideContext(Effect.provide(link([{ ...peerAt(2), addrs: [] }]), north.context), network)
    return { network, north, south }
  }).pipe(quiet),
  call: ({ network, north, south }) =>
    Effect.gen(function* () {
      yield* Effect.provideContext(Effect.provide(link([peerAt(1)]), south.context), network)
      yield* north.post("one")
    }).pipe(quiet),
  after: ({ north }) =>
    Effect.gen(function* () {
      yield* north.post("two")
      assert.include(yield* north.said, "Ada: two")
    })
})
