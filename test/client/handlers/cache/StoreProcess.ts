/**
 * A process with a cache over a store that it shares: `node StoreProcess.ts PLACE URLS`, both as JSON. Asks for the URLs in order, `PUT URL` as well, and prints the
 * text and the outcome of each answer as JSON.
 */
import { NodeHttpClient } from "@effect/platform-node"
import { Effect } from "effect"
import { HttpClient } from "effect/http"
import { ClientChain } from "fairlead/client"
import { cache } from "fairlead/client/handlers"

import { call, outcome } from "./Caching.ts"
import { storeIn } from "./Stores.ts"
import type { Place } from "./Stores.ts"

const [place, urls] = process.argv.slice(2).map((text) => JSON.parse(text) as unknown) as [Place, ReadonlyArray<string>]

const program = Effect.gen(function* () {
  const store = yield* storeIn(place)
  const client = ClientChain.over(ClientChain.make("c").use(cache({ store })), yield* HttpClient.HttpClient)
  return yield* Effect.forEach(urls, (each) => {
    const isUnsafe = each.startsWith("PUT ")
    const answer = isUnsafe
      ? call(client, { method: "PUT", url: each.slice(4), body: "x" })
      : call(client, { url: each, headers: { authorization: "Bearer t" } })
    return Effect.map(answer, (got) => [got.text, outcome(got)])
  })
})

const answers = await Effect.runPromise(Effect.provide(Effect.scoped(program), NodeHttpClient.layerUndici))
console.log(JSON.stringify(answers))
