/**
 * All handlers against a server that is late, or fails and fails: it is asked elsewhere, or left alone.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClient } from "effect/http"
import { ClientChain } from "fairlead/client"

import { serving } from "../handlers/Hostile.ts"
import { everything, outcome, transports, transportsOf } from "./Everything.ts"

const allowed = (url: string) => ({ ports: [Number(new URL(url).port)], allow: ["127.0.0.1/32"] })

describe.each(transportsOf(2))("all handlers over %s", (_, layer) => {
  it.live(
    "a request that gets no answer is sent a second time, for all who share it, and the first connection is closed",
    () =>
      Effect.gen(function* () {
        let asked = 0
        const server = yield* serving((_, response) => {
          if (++asked > 1) response.end("in time")
        })
        const chain = everything({ allow: allowed(server.url), hedge: { delay: "20 millis" } })
        const client = chain.pipe(ClientChain.over(yield* HttpClient.HttpClient))
        const calls = [1, 2, 3].map(() => outcome(client.get(server.url)))
        const ends = yield* Effect.all(calls, { concurrency: "unbounded" })
        assert.deepStrictEqual(ends, ["200 in time", "200 in time", "200 in time"])
        assert.strictEqual(asked, 2)
        yield* Effect.repeat(Effect.sleep(5), { until: () => server.sockets.size <= 1 })
      }).pipe(Effect.provide(layer))
  )
})

describe.each(transports)("all handlers over %s", (_, layer) => {
  it.live("a server that fails twenty times in a row is left alone, and another one is asked all the same", () =>
    Effect.gen(function* () {
      let asked = 0
      const failing = yield* serving(({ socket }) => {
        asked++
        socket.destroy()
      })
      const well = yield* serving((_, response) => response.end("well"))
      const { allow, ports } = allowed(failing.url)
      const client = everything({ allow: { allow, ports: [...ports, ...allowed(well.url).ports] } }).pipe(
        ClientChain.over(yield* HttpClient.HttpClient)
      )
      const ends: Array<string> = []
      // Six times each: what is retried is sent a second time at once.
      for (let call = 0; call < 5; call++) ends.push(yield* outcome(client.get(failing.url)))
      const [broken, open] = ["transport: broken", "CircuitBreakerError CircuitOpen"]
      assert.deepStrictEqual(ends, [broken, broken, broken, open, open])
      assert.strictEqual(asked, 20)
      assert.strictEqual(yield* outcome(client.get(well.url)), "200 well")
    }).pipe(Effect.provide(layer))
  )
})
