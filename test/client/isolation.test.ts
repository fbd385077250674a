/**
 * Two clients of one chain never influence each other, whatever they do: one client observes the same with the other's calls between its own and without.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Redacted } from "effect"
import { HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import { CircuitBreaker } from "effect/persistence"
import { TestClock } from "effect/testing"
import { ClientChain } from "fairlead/client"
import {
  circuitBreaker,
  dedupe,
  hedge,
  log,
  metrics,
  redirect,
  refresh,
  retry,
  timeouts,
  tracing
} from "fairlead/client/handlers"
import * as fc from "fast-check"

import { seed } from "../Seed.ts"

const origin = "https://api.com"

/** One chain for all runs of the property: what a module would have as a constant. */
const chain = ClientChain.make("shared")
  .use(log({ level: () => undefined }))
  .use(metrics())
  .use(tracing())
  .use(timeouts({ total: "1 hour" }))
  .use(redirect())
  .use(retry({ times: 2, baseDelay: 0 }))
  .use(
    refresh({
      origins: [origin],
      refresh: (inner) =>
        Effect.orDie(
          Effect.flatMap(inner.get(`${origin}/token`), ({ text }) => Effect.map(text, (text) => Redacted.make(text)))
        )
    })
  )
  .use(dedupe())
  .use(hedge({ delay: "1 second" }))
  .use(circuitBreaker({ tripPolicy: CircuitBreaker.consecutive(8), openDuration: "1 minute" }))

const kinds = ["ok", "down", "locked", "moved", "cut", "slow"] as const
type Kind = (typeof kinds)[number]

/** A network of one tenant: its answers say whose they are, and it counts. */
const networkOf = (tenant: string) => {
  const seen: Array<string> = []
  let tokens = 0
  const client = HttpClient.make((request, { pathname }) =>
    Effect.gen(function* () {
      yield* Effect.yieldNow
      seen.push(`${pathname} ${request.headers["authorization"] ?? ""}`)
      const answer = (body: string, init: ResponseInit = {}) =>
        HttpClientResponse.fromWeb(request, new Response(`${tenant} ${body}`, init))
      if (pathname === "/token") return HttpClientResponse.fromWeb(request, new Response(`${tenant}${++tokens}`))
      if (pathname === "/down") return answer("down", { status: 503 })
      if (pathname === "/locked") return answer("locked", { status: 401 })
      if (pathname === "/moved") return answer("moved", { status: 302, headers: { location: "/ok" } })
      if (pathname === "/slow") yield* Effect.sleep("3 seconds")
      if (pathname !== "/cut") return answer("ok")
      return yield* Effect.fail(
        new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) })
      )
    })
  )
  return { client, seen }
}

interface Step {
  readonly tenant: "A" | "B"
  readonly kind: Kind
}

/** What happens at once, one after the other; between them the clock goes on. */
type Run = ReadonlyArray<ReadonlyArray<Step>>

const tagOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "_tag" in error ? String(error._tag) : String(error)

/** What tenant B gets, and what its network sees. */
const observed = (run: Run) =>
  Effect.gen(function* () {
    const networks = { A: networkOf("A"), B: networkOf("B") }
    const clients = {
      A: ClientChain.over(chain, networks.A.client),
      B: ClientChain.over(chain, networks.B.client)
    }
    const ends: Array<ReadonlyArray<string>> = []
    for (const group of run) {
      const calls = group.map(({ kind, tenant }) =>
        Effect.flatMap(clients[tenant].get(`${origin}/${kind}`), ({ status, text }) =>
          Effect.map(text, (text) => `${status} ${text}`)
        ).pipe(
          Effect.exit,
          Effect.map((exit) =>
            Exit.isSuccess(exit) ? exit.value : tagOf(exit.cause.reasons.find(Cause.isFailReason)?.error)
          ),
          Effect.map((end) => ({ tenant, end }))
        )
      )
      const fiber = yield* Effect.forkChild(Effect.all(calls, { concurrency: "unbounded" }))
      for (let second = 0; second < 10 && fiber.pollUnsafe() === undefined; second++) {
        // All that can go on does, before time does.
        yield* Effect.repeat(Effect.yieldNow, { times: 80 })
        yield* TestClock.adjust("1 second")
      }
      const results = yield* Fiber.join(fiber)
      ends.push(results.filter(({ tenant }) => tenant === "B").map(({ end }) => end))
    }
    return { ends, seen: networks.B.seen }
  }).pipe(Effect.provide(TestClock.layer()))

const runs: fc.Arbitrary<Run> = fc.array(
  // One call of B at a time: the order of its own calls would depend on what else runs.
  fc
    .tuple(
      fc.array(fc.constantFrom(...kinds), { maxLength: 3 }),
      fc.option(fc.constantFrom(...kinds), { nil: undefined })
    )
    .map(([ofA, ofB]): ReadonlyArray<Step> => [
      ...ofA.map((kind) => ({ tenant: "A" as const, kind })),
      ...(ofB === undefined ? [] : [{ tenant: "B" as const, kind: ofB }])
    ]),
  { minLength: 1, maxLength: 10 }
)

const without = (run: Run): Run => run.map((group) => group.filter(({ tenant }) => tenant === "B"))

describe("two clients of one chain", () => {
  it("client2 1.1: never influence each other, whatever they do", async () => {
    const came = new Set<string>()
    await fc.assert(
      fc.asyncProperty(runs, async (run) => {
        const together = await Effect.runPromise(observed(run))
        const alone = await Effect.runPromise(observed(without(run)))
        for (const end of together.ends.flat()) came.add(end.replace(/^\d+ B /, ""))
        assert.deepStrictEqual(together, alone)
        assert.isFalse(JSON.stringify(together).includes("A"))
      }),
      { seed, numRuns: 30 }
    )
    // Else the property would prove little.
    assert.includeMembers([...came], ["ok", "down", "locked", "CircuitBreakerError", "HttpClientError"])
  })
})
