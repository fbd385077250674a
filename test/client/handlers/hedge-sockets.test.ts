import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClient } from "effect/http"
import { ClientChain } from "fairlead/client"
import { hedge } from "fairlead/client/handlers"

import { serving, transports } from "./Hostile.ts"

describe.each(transports)("hedge over %s", (_, transport) => {
  it.live("client hedge: the request of the loser is aborted, and the body of the winner is whole", () =>
    Effect.gen(function* () {
      let requests = 0
      let aborted = 0
      const large = "x".repeat(2_000_000)
      const { sockets, url } = yield* serving((_, response) => {
        // The first is never answered; the rest of the winner's body comes when the loser is gone.
        if (++requests === 1) response.on("close", () => aborted++)
        else response.write("begin ")
        const rest = setInterval(() => aborted > 0 && requests === 2 && response.end(large), 5)
        response.on("close", () => clearInterval(rest))
      })
      const client = ClientChain.make("c")
        .use(hedge({ delay: 20 }))
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const response = yield* client.get(url)
      const body = yield* response.text
      assert.deepStrictEqual([requests, aborted, body.length], [2, 1, large.length + 6])
      yield* Effect.repeat(Effect.sleep(5), { until: () => sockets.size <= 1 })
    }).pipe(Effect.provide(transport))
  )
})

it.live("client hedge: an unacceptable response frees its connection for the next attempt", () =>
  Effect.gen(function* () {
    let requests = 0
    const { url } = yield* serving((_, response) => {
      if (++requests === 1) response.writeHead(503).end("x".repeat(2_000_000))
      else response.end("second")
    })
    const client = ClientChain.make("c")
      .use(hedge())
      .pipe(ClientChain.over(yield* HttpClient.HttpClient))
    assert.strictEqual(yield* Effect.flatMap(client.get(url), ({ text }) => text), "second")
  }).pipe(Effect.provide(NodeHttpClient.layerUndiciOptions({ connections: 1 })))
)
