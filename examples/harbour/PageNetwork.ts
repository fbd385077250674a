/**
 * The way to the pages that members link to: a client chain over Fairlead's Node transport.
 *
 * Who posts a link chooses where Harbour sends a request. So both ends of the way ask one policy: the chain for each
 * URL, the hops of redirects too, and the transport for each address where the connection is made, so that a name
 * which resolves to another address a moment later gains nothing.
 */
import { Effect, Layer } from "effect"
import { RateLimiter } from "effect/persistence"
import { ClientChain } from "fairlead/client"
import { decompress, policy, rateLimit, redirect, retry, ssrfGuard, timeouts } from "fairlead/client/handlers"
import type { SsrfPolicy } from "fairlead/client/handlers"
import { nodeCodings, NodeTransport } from "fairlead/client/node"

import { Settings } from "./Settings.ts"

/**
 * What may be reached: what is public, on the ports of the web, and the origins that the settings allow. The host of
 * such an origin can be reached there only: what else listens on it stays out of reach.
 */
export const policyFor = (origins: ReadonlyArray<string>): SsrfPolicy => {
  const web = policy()
  // Refuses everything, and says why.
  const nothing = policy({ ports: [] })
  const allowed = new Set(origins)
  const hosts = new Set(origins.map((origin) => new URL(origin).hostname))
  return {
    url: (url) => {
      if (!hosts.has(url.hostname)) return web.url(url)
      const bare = url.username === "" && url.password === ""
      return bare && allowed.has(url.origin) ? undefined : nothing.url(url)
    },
    address: (address, host) => (hosts.has(host) ? undefined : web.address(address, host))
  }
}

/** What a request for a page passes. Five a second go to one origin, since a room full of links is not its fault. */
export const chainFor = (guard: SsrfPolicy) =>
  ClientChain.make("pages")
    .use(timeouts({ total: "10 seconds", headers: "5 seconds", idle: "3 seconds" }))
    .use(redirect({ limit: 5 }))
    .use(retry({ times: 2, maxRetryAfter: "3 seconds" }))
    .use(rateLimit({ limit: 5, window: "1 second" }))
    .use(decompress({ codings: nodeCodings }))
    .use(ssrfGuard(guard))

/** The rate limit's memory, which is this process's. */
export const limiter = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))

/** The network below the chain. */
export const transport = Layer.unwrap(
  Effect.map(Settings, ({ previewAllow }) =>
    NodeTransport.layer({ guard: policyFor(previewAllow), connectTimeout: "3 seconds" })
  )
)
