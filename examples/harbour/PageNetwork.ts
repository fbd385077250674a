/**
 * The way to the pages that members link to: a client chain over Fairlead's Node transport.
 *
 * Who posts a link chooses where Harbour sends a request. So both ends of the way ask one policy: the chain for each
 * URL, the hops of redirects too, and the transport for each address where the connection is made, so that a name
 * which resolves to another address a moment later gains nothing.
 */
import { resolve } from "node:path"

import { NodeServices } from "@effect/platform-node"
import { Data, Effect, Layer } from "effect"
import { KeyValueStore, RateLimiter } from "effect/persistence"
import { ClientChain } from "fairlead/client"
import {
  cache,
  CacheStore,
  decompress,
  ssrfPolicy,
  rateLimit,
  redirect,
  retry,
  ssrfGuard,
  timeouts
} from "fairlead/client/handlers"
import type { SsrfPolicy } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { makeFolder } from "./Folder.ts"
import { Settings } from "./Settings.ts"

/**
 * Allows public addresses, on the ports of the web, and the origins of the settings. The host of
 * such an origin can be reached there only: its other ports stay out of reach.
 */
export const policyFor = (origins: ReadonlyArray<string>): SsrfPolicy => {
  const web = ssrfPolicy()
  // Refuses everything, and says why.
  const nothing = ssrfPolicy({ ports: [] })
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

/** How much of a page is read, decompressed. */
export const bytes = 512 * 1024

const bounds = { maxEntryBytes: bytes, maxBytes: "64 MiB" } as const

class NoFolder extends Data.TaggedError("NoFolder")<{ readonly cause: unknown }> {}

/** The pages that were read, in files next to the database: the same link makes no second request, after a restart either. */
export const pages = Layer.unwrap(
  Effect.map(Settings, ({ data }) => {
    if (data === ":memory:") return CacheStore.layerMemory(bounds)
    const folder = `${data}-pages`
    const files = Layer.unwrap(
      Effect.as(
        Effect.try({ try: () => makeFolder(resolve(folder)), catch: (cause) => new NoFolder({ cause }) }),
        KeyValueStore.layerFileSystem(folder).pipe(Layer.provide(NodeServices.layer))
      )
    )
    // A folder that cannot be made costs requests, and no preview.
    return CacheStore.layerKvs(bounds).pipe(
      Layer.provide(files),
      Layer.catchCause((cause) =>
        Layer.unwrap(Effect.as(Effect.logWarning("Pages are kept in memory", cause), CacheStore.layerMemory(bounds)))
      )
    )
  })
)

/**
 * The chain of requests for pages. Five a second go to one origin, since a room full of links is not its fault. A page that does not say how long it stays fresh stays so
 * for an hour.
 */
export const chainFor = (guard: SsrfPolicy, store: CacheStore["Service"]) =>
  ClientChain.make("pages")
    .use(timeouts({ total: "10 seconds", headers: "5 seconds", idle: "3 seconds" }))
    .use(redirect({ maxRedirects: 5 }))
    .use(retry({ times: 2, maxRetryAfter: "3 seconds" }))
    .use(decompress({ codings: NodeTransport.codings }))
    .use(
      cache({
        store,
        maxAbandonedBytes: "128 KiB",
        timeToLive: (_, { status }) => (status === 200 ? "1 hour" : undefined)
      })
    )
    .use(rateLimit({ limit: 5, window: "1 second" }))
    .use(ssrfGuard({ policy: guard }))

/** The rate limit's memory, which is this process's. */
export const limiter = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))

/** The network below the chain. */
export const transport = Layer.unwrap(
  Effect.map(Settings, ({ previewAllow }) =>
    NodeTransport.layer({ ssrfPolicy: policyFor(previewAllow), connectTimeout: "3 seconds" })
  )
)
