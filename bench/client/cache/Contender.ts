/** A client with a cache, as the bench of hits asks it. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

import { cache, CacheStore } from "../../../src/client/handlers/index.ts"
import { ClientChain } from "../../../src/client/index.ts"

/** Asks for a URL so many times, one after the other, and reads each body. */
export type Ask = (url: string, times: number) => Promise<void>

export const fairlead = async (): Promise<Ask> => {
  const built = await Effect.runPromise(Layer.buildWithScope(NodeHttpClient.layerUndici, Scope.makeUnsafe()))
  const store = CacheStore.makeMemory({ maxBytes: "256 MiB", maxEntries: 200_000 })
  const client = ClientChain.over(
    ClientChain.make("bench").use(cache({ store })),
    Context.get(built, HttpClient.HttpClient)
  )
  return (url, times) => {
    let left = times
    return Effect.runPromise(
      Effect.whileLoop({
        while: () => left-- > 0,
        body: () => Effect.flatMap(client.get(url), (response) => response.arrayBuffer),
        step: () => {}
      })
    )
  }
}
