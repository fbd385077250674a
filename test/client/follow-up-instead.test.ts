import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import { HttpClientError } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"

import { get } from "./Calls.ts"
import { scripted } from "./handlers/Hostile.ts"

/** Breaks once, and answers then. */
const breakingOnce = () => scripted((_, __, call) => (call === 1 ? "broken" : new Response("ok")))

const again = ClientHandler.make("again", {
  afterResponse: (outcome, { original }) =>
    outcome._tag === "Failure" ? ClientHandler.followUpInstead(original, "again") : undefined
})

const run = <E>(chain: ClientChain.ClientChain<E, never, never>) => {
  const { sent, transport } = breakingOnce()
  return Effect.map(Effect.exit(chain.pipe(ClientChain.over(transport)).execute(get)), (exit) => ({
    exit,
    cycles: sent.length
  }))
}

const chain = ClientChain.make("c")

describe("a follow-up in place of a failure", () => {
  it.effect("client 4: recovers the failure that its handler saw", () =>
    Effect.gen(function* () {
      const { cycles, exit } = yield* run(chain.use(again))
      assert.isTrue(Exit.isSuccess(exit))
      assert.strictEqual(cycles, 2)
    })
  )

  it.effect("client 4: handlers declared earlier see the failure, and its queued follow-up", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const watching = ClientHandler.make("watching", {
        afterResponse: (outcome, { queued }) => void seen.push(`${outcome._tag} ${queued?.reason ?? "-"}`)
      })
      yield* run(chain.use(watching).use(again))
      assert.deepStrictEqual(seen, ["Failure again", "Response -"])
    })
  )

  it.effect("client 4: an error raised after it beats it, and both are in the cause", () =>
    Effect.gen(function* () {
      const raising = ClientHandler.make("raising", { afterResponse: () => Exit.fail("raised" as const) })
      const { cycles, exit } = yield* run(chain.use(raising).use(again))
      assert.strictEqual(cycles, 1)
      assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.length === 2)
    })
  )

  it.effect("client 4: the failure stays when the follow-up is taken away", () =>
    Effect.gen(function* () {
      const taking = ClientHandler.make("taking", { afterResponse: (_, exchange) => void exchange.takeQueued() })
      const { cycles, exit } = yield* run(chain.use(taking).use(again))
      assert.strictEqual(cycles, 1)
      assert.isTrue(Exit.isFailure(exit) && HttpClientError.isHttpClientError(Cause.squash(exit.cause)))
    })
  )

  it.effect("client 4: an ordinary follow-up that takes its place does not recover the failure", () =>
    Effect.gen(function* () {
      const ordinary = ClientHandler.make("ordinary", {
        afterResponse: (outcome, { original }) =>
          outcome._tag === "Failure" ? ClientHandler.followUp(original, "other") : undefined
      })
      const { cycles, exit } = yield* run(chain.use(ordinary).use(again))
      assert.strictEqual(cycles, 1)
      assert.isTrue(Exit.isFailure(exit))
    })
  )
})
