import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { HttpClient } from "effect/http"
import { CircuitBreaker } from "effect/persistence"
import { TestClock } from "effect/testing"
import { ClientChain } from "fairlead/client"
import { circuitBreaker, CookieJar, cookies, dedupe, hedge, redirect } from "fairlead/client/handlers"

import { scripted, serving } from "./Hostile.ts"

describe.each([
  ["before", ClientChain.make("c").use(cookies()).use(redirect())],
  ["behind", ClientChain.make("c").use(redirect()).use(cookies())]
] as const)("redirect with cookies %s it", (_, chain) => {
  it.live("follows a redirect to itself that sets a cookie, which goes with the next hop", () =>
    Effect.gen(function* () {
      const { url } = yield* serving((request, response) => {
        if (request.headers.cookie === "session=1") response.end("in")
        else response.writeHead(302, { location: "/", "set-cookie": "session=1; Path=/" }).end()
      })
      const client = chain.pipe(ClientChain.over(yield* HttpClient.HttpClient))
      assert.strictEqual(yield* Effect.flatMap(client.get(url), (response) => response.text), "in")
    }).pipe(Effect.provide([NodeHttpClient.layerUndici, CookieJar.layer()]))
  )
})

it.effect.each([
  ["behind dedupe sends a late request a second time", ClientChain.make("c").use(dedupe()).use(hedge()), 2],
  ["before dedupe waits for the first, which is an equal one", ClientChain.make("c").use(hedge()).use(dedupe()), 1]
] as const)("hedge %s", ([, chain, sends]) =>
  Effect.gen(function* () {
    const { sent, transport } = scripted(() => Effect.never)
    const call = yield* Effect.forkChild(chain.pipe(ClientChain.over(transport)).get("http://a.test/"))
    yield* TestClock.adjust("2 seconds")
    assert.strictEqual(sent.length, sends)
    yield* Fiber.interrupt(call)
  })
)

it.effect.each([
  ["behind dedupe opens by a response of status 503", true, 1],
  ["before dedupe does not, since that answers in place of the network", false, 2]
] as const)("circuitBreaker %s", ([, isBehind, sends]) =>
  Effect.gen(function* () {
    const breaker = circuitBreaker({ tripPolicy: CircuitBreaker.consecutive(1) })
    const chain = ClientChain.make("c")
    const { sent, transport } = scripted(() => new Response(null, { status: 503 }))
    const client = (isBehind ? chain.use(dedupe()).use(breaker) : chain.use(breaker).use(dedupe())).pipe(
      ClientChain.over(transport)
    )
    yield* Effect.exit(client.get("http://a.test/"))
    yield* Effect.exit(client.get("http://a.test/"))
    assert.strictEqual(sent.length, sends)
  })
)
